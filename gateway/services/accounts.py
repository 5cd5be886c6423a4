"""Accounts as the platform's operators handle them. People change their own through `people`."""

from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from gateway.models import QuarantinedLine, User
from gateway.services import audit, tokens
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import lock
from gateway.services.people import PERSONAL, set_password

FIELDS = ("username", "email", "first_name", "last_name", "theme", "shortcuts_enabled", "is_staff", "is_superuser")


class AccountFields(TypedDict, total=False):
    """What an operator may set. `is_superuser` gives the whole platform."""

    username: str
    email: str
    first_name: str
    last_name: str
    theme: str
    shortcuts_enabled: bool
    is_staff: bool
    is_superuser: bool


@transaction.atomic
def create_user(*, actor: Actor, password: str = "", **fields: Unpack[AccountFields]) -> User:
    """Add an account; without a password the person sets one by mail. Raises `Invalid`, `Conflict`."""
    user = User()
    _fill(user, fields)
    if password:
        set_password(user, password)
    else:
        user.set_unusable_password()
    _save(user, is_new=True)
    facts = {name: getattr(user, name) for name in FIELDS}
    audit.record(organization=None, actor=actor, verb="user.create", target=user, after=facts, personal=PERSONAL)
    return user


@transaction.atomic
def update_user(*, user: User, actor: Actor, **fields: Unpack[AccountFields]) -> User:
    """Change an account. Raises `Conflict` when the name or address is in use, or the last superuser would go."""
    locked = lock(user)
    before = {name: getattr(locked, name) for name in FIELDS}
    _fill(locked, fields)
    old, new = audit.differences(before, {name: getattr(locked, name) for name in FIELDS})
    if not new:
        return locked
    if old.get("is_superuser") and not User.objects.exclude(pk=locked.pk).filter(is_superuser=True).exists():
        raise Conflict("last_superuser", "The platform keeps at least one superuser.", field="is_superuser")
    _save(locked, is_new=False)
    audit.record(
        organization=None, actor=actor, verb="user.update", target=locked, before=old, after=new, personal=PERSONAL
    )
    return locked


@transaction.atomic
def restore_user(*, user: User, actor: Actor) -> User:
    """Let an archived person sign in again; their keys stay revoked."""
    locked = lock(user)
    if not locked.is_active:
        locked.is_active = True
        locked.save(update_fields=["is_active"])
        tokens.revoke_all(user=locked)
        audit.record_person(
            person=locked, actor=actor, verb="user.restore", before={"is_active": False}, after={"is_active": True}
        )
    return locked


@transaction.atomic
def resolve_quarantined(*, line: QuarantinedLine, actor: Actor) -> QuarantinedLine:
    """Mark a refused line as dealt with, which ends its alarm; its bytes stay."""
    locked = lock(line)
    if locked.resolved_at is None:
        locked.resolved_at = timezone.now()
        locked.save(update_fields=["resolved_at"])
        audit.record(
            organization=None, actor=actor, verb="quarantine.resolve", target=locked,
            before={"resolved_at": None}, after={"resolved_at": locked.resolved_at},
        )  # fmt: skip
    return locked


def _fill(user: User, fields: AccountFields) -> None:
    for name in FIELDS:
        if name in fields:
            setattr(user, name, fields[name])  # type: ignore[literal-required]


def _save(user: User, *, is_new: bool) -> None:
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid("field_invalid", messages[0], field=field) from None
    try:
        with transaction.atomic():
            user.save(force_insert=is_new)
    except IntegrityError:
        raise Conflict("account_exists", "The user name or address is in use.") from None
