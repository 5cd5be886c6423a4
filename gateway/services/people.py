"""People: memberships and roles, invitations, passwords, leaving, being forgotten.

Nobody grants more than they hold: owners are made and unmade by owners, and an organization never loses its last one.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, TypedDict, Unpack

from django.conf import settings
from django.contrib.auth import password_validation
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from gateway.choices import Role
from gateway.ledger.ids import uuid7
from gateway.models import (
    ExternalIdentity,
    Invitation,
    Membership,
    Organization,
    ProvisionedPerson,
    SecondFactor,
    Team,
    User,
    VirtualKey,
)
from gateway.services import audit, guesses, keys, mailing, notices, outbox, sessions, tokens
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Forbidden, Invalid, NotFound
from gateway.services.identity import check_team, lock

CHANGE, RESET = "user.change_password", "user.reset_password"
"""Verbs of the audit trail for another password."""
INVITATION_DAYS = 7
PROFILE_FIELDS = ("first_name", "last_name", "theme", "shortcuts_enabled")
PERSONAL = ("email", "username", "first_name", "last_name")


class ProfileFields(TypedDict, total=False):
    """What a person may change about themselves."""

    first_name: str
    last_name: str
    theme: str
    shortcuts_enabled: bool


# ---- memberships ---------------------------------------------------------------------------------------------------


@transaction.atomic
def add_member(
    *,
    organization: Organization,
    actor: Actor,
    user: User,
    role: str,
    team: Team | None = None,
    may_grant_owner: bool = False,
) -> Membership:
    """Give a person a role; a former member comes back. Raises `Forbidden`, `Conflict` (already a member)."""
    _check_role(role, team, organization, may_grant_owner)
    membership = Membership.objects.select_for_update().filter(organization=organization, user=user).first()
    if membership is None:
        membership = Membership(organization=organization, user=user)
    elif membership.archived_at is None:
        raise Conflict("already_member", "This person is a member already.", field="user")
    membership.role, membership.team, membership.archived_at = role, team, None
    try:
        with transaction.atomic():
            membership.save()
    except IntegrityError:
        raise Conflict("already_member", "This person is a member already.", field="user") from None
    _audit(membership, actor, "membership.create", None, {"user": user.pk, "role": role, "team": _id(team)})
    return membership


@transaction.atomic
def change_role(
    *, membership: Membership, actor: Actor, role: str, team: Team | None, may_grant_owner: bool = False
) -> Membership:
    """Change role and team. Raises `Forbidden`, `Conflict` (last owner, former member)."""
    locked = _lock_membership(membership)
    _check_role(role, team, locked.organization, may_grant_owner or locked.role == role == Role.OWNER)
    if locked.role == Role.OWNER and role != Role.OWNER:
        _check_owner_leaves(locked, may_grant_owner)
    before, after = audit.differences(
        {"role": locked.role, "team": locked.team_id}, {"role": str(role), "team": _id(team)}
    )
    if after:
        locked.role, locked.team = role, team
        locked.save(update_fields=["role", "team", "updated_at"])
        _audit(locked, actor, "membership.update", before, after)
    return locked


@transaction.atomic
def remove_member(*, membership: Membership, actor: Actor, may_grant_owner: bool = False) -> Membership:
    """End a membership and revoke the person's keys in the organization."""
    locked = _lock_membership(membership)
    if locked.role == Role.OWNER:
        _check_owner_leaves(locked, may_grant_owner)
    locked.archived_at = timezone.now()
    locked.save(update_fields=["archived_at", "updated_at"])
    for key in VirtualKey.objects.filter(organization=locked.organization, user_id=locked.user_id, revoked_at=None):
        keys.revoke_key(key=key, actor=actor)
    _audit(locked, actor, "membership.archive", {"role": locked.role}, {"archived_at": locked.archived_at})
    return locked


def _lock_membership(membership: Membership) -> Membership:
    """The organization's row is locked first, so that two owners cannot leave at the same time."""
    Organization.objects.select_for_update().get(pk=membership.organization_id)
    locked = lock(membership)
    if locked.archived_at is not None:
        raise Conflict("membership_ended", "This membership has ended.")
    return locked


def _check_role(role: str, team: Team | None, organization: Organization, may_grant_owner: bool) -> None:
    if role not in Role.values:
        raise Invalid("role_unknown", f"Roles are {', '.join(Role.values)}.", field="role")
    if role == Role.OWNER and not may_grant_owner:
        raise Forbidden("owner_required", "Only an owner can make owners.", field="role")
    if role == Role.MANAGER and team is None:
        raise Invalid("team_required", "A manager needs a team.", field="team")
    check_team(team, organization)


def _check_owner_leaves(membership: Membership, may_grant_owner: bool) -> None:
    if not may_grant_owner:
        raise Forbidden("owner_required", "Only an owner can change or remove owners.")
    owners = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER, archived_at=None)
    if not owners.exclude(pk=membership.pk).filter(user__is_active=True).exists():
        raise Conflict("last_owner", "An organization keeps at least one owner; make another one first.")


# ---- invitations ---------------------------------------------------------------------------------------------------


@transaction.atomic
def invite(
    *,
    organization: Organization,
    actor: Actor,
    email: str,
    role: str,
    team: Team | None = None,
    may_grant_owner: bool = False,
) -> Invitation:
    """Invite an address; the mail leaves after the commit. The token is in the mail alone, a digest is stored."""
    _check_role(role, team, organization, may_grant_owner)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        organization=organization, email=email, role=role, team=team, token_digest=_token_digest(token),
        invited_by=actor if isinstance(actor, User) else None,
        expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
    )  # fmt: skip
    outbox.enqueue_mail(
        to=email,
        subject=f"Join {organization.name} on the LLM Gateway",
        text=_invitation_text(organization, role, token),
        dedupe_key=f"invitation-{invitation.pk}",
    )
    _audit(invitation, actor, "invitation.create", None, {"email": email, "role": role, "team": _id(team)})
    return invitation


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, actor: Actor) -> None:
    """Make an open invitation useless. Raises `Conflict` when it was accepted."""
    locked = lock(invitation)
    if locked.accepted_at is not None:
        raise Conflict("invitation_accepted", "The invitation was accepted already.")
    _audit(locked, actor, "invitation.withdraw", {"email": locked.email, "role": locked.role}, None)
    locked.delete()


def open_invitation(token: str) -> Invitation:
    """The invitation a token opens; raises `NotFound` for anything unknown, used or expired."""
    rows = Invitation.objects.filter(accepted_at=None, expires_at__gt=timezone.now(), organization__archived_at=None)
    found = rows.select_related("organization", "team").filter(token_digest=_token_digest(token)).first()
    if found is None:
        raise NotFound("invitation_not_found", "The invitation is unknown, used or expired; ask for a new one.")
    return found


@transaction.atomic
def accept_invitation(
    *, token: str, user: User | None = None, password: str = "", first_name: str = "", last_name: str = ""
) -> Membership:
    """Join: as the person signed in, or as a new one with this password. Works once.

    Raises `NotFound`, `Invalid` (password), `Conflict` (`account_exists`: sign in first).
    """
    invitation = lock(open_invitation(token))
    if invitation.accepted_at is not None:
        raise NotFound("invitation_not_found", "The invitation is unknown, used or expired; ask for a new one.")
    person = user or _new_person(invitation.email, password, first_name, last_name)
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at", "updated_at"])
    membership = add_member(
        organization=invitation.organization, actor=person, user=person, role=invitation.role, team=invitation.team,
        may_grant_owner=True,  # whoever invited had the right; it was checked then
    )  # fmt: skip
    _audit(invitation, person, "invitation.accept", None, {"user": person.pk})
    return membership


def _new_person(email: str, password: str, first_name: str, last_name: str) -> User:
    if person_by_email(email) is not None:
        raise Conflict("account_exists", "There is an account with this address; sign in and accept again.")
    person = User(username=email.lower(), email=email, first_name=first_name, last_name=last_name)
    set_password(person, password)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise Conflict("account_exists", "There is an account with this address; sign in and accept again.") from None
    facts = {"email": email, "username": person.username, "first_name": first_name, "last_name": last_name}
    audit.record(organization=None, actor=person, verb="user.create", target=person, after=facts, personal=PERSONAL)
    return person


def person_by_email(email: str) -> User | None:
    """The account with this address, in any letter case."""
    return User.objects.annotate(lower=Lower("email")).filter(lower=email.strip().lower()).first()


def _token_digest(token: str) -> bytes:
    """SHA-256 is enough: the token has 256 random bits of its own."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _invitation_text(organization: Organization, role: str, token: str) -> str:
    return (
        f"You are invited to join {mailing.one_line(organization.name)} as {Role(role).label.lower()}.\n\n"
        f"Accept within {INVITATION_DAYS} days:\n{settings.CONSOLE_URL}/invitations/{token}/\n\n"
        "If you did not expect this, ignore it; nothing happens then.\n"
    )


# ---- one's own account ---------------------------------------------------------------------------------------------


@transaction.atomic
def update_profile(*, user: User, **fields: Unpack[ProfileFields]) -> User:
    """Change one's own name and preferences."""
    locked = lock(user)
    before = {name: getattr(locked, name) for name in fields}
    for name in PROFILE_FIELDS:
        if name in fields:
            setattr(locked, name, fields[name])  # type: ignore[literal-required]
    old, new = audit.differences(before, {name: getattr(locked, name) for name in fields})
    if new:
        locked.save(update_fields=list(new))
        audit.record(
            organization=None,
            actor=locked,
            verb="user.update",
            target=locked,
            before=old,
            after=new,
            personal=PERSONAL,
        )
    return locked


@transaction.atomic
def change_password(*, user: User, current: str, new: str) -> User:
    """Change one's own password; every session and token made before ends. Raises `Invalid`."""
    locked = lock(user)
    if not locked.check_password(current):
        raise password_wrong()
    return _replace_password(locked, new, locked, CHANGE)


def password_wrong() -> Invalid:
    """What `change_password` raises, and who asks before it."""
    return Invalid("password_wrong", "This is not your current password.", field="current_password")


@transaction.atomic
def request_password_reset(*, email: str) -> None:
    """Mail a link when an active account has this address; says nothing either way, and takes one query more then."""
    user = person_by_email(email)
    if user is None or not user.is_active or not (settings.PASSWORD_SIGN_IN or user.is_superuser):
        return
    send_password_link(user=user)


@transaction.atomic
def send_password_link(*, user: User) -> None:
    """Mail a person a link that sets their password once."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    link = f"{settings.CONSOLE_URL}/admin/reset/{uid}/{default_token_generator.make_token(user)}/"
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    outbox.enqueue_mail(
        to=user.email,
        subject="Set a new password for the LLM Gateway",
        text=f"Choose a new password within {hours} hours:\n{link}\n\nIf you did not ask for this, ignore it.\n",
        dedupe_key=f"password-reset-{uuid7()}",
    )
    audit.record(organization=None, actor=None, verb="user.request_password_reset", target=user)


def person_of_reset(*, uid: str, token: str) -> User:
    """The person a reset link is for; raises `NotFound` when it is unknown, used or too old."""
    try:
        user = User.objects.get(pk=force_str(urlsafe_base64_decode(uid)), is_active=True)
    except (User.DoesNotExist, ValidationError, ValueError, OverflowError):
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise NotFound("reset_not_found", "The link is unknown, used or too old; ask for a new one.")
    return user


@transaction.atomic
def reset_password(*, uid: str, token: str, new: str) -> User:
    """Set a new password with a mailed link, which works once. Raises `NotFound`, `Invalid`."""
    locked = lock(person_of_reset(uid=uid, token=token))
    if not default_token_generator.check_token(locked, token):  # used by someone else while we waited for the lock
        raise NotFound("reset_not_found", "The link is unknown, used or too old; ask for a new one.")
    return _replace_password(locked, new, locked, RESET)


@transaction.atomic
def replace_password(*, user: User, new: str, verb: str) -> User:
    """For pages whose form has asked for the current password (`CHANGE`) or the mailed link (`RESET`). Raises
    `Invalid`."""
    locked = lock(user)
    return _replace_password(locked, new, locked, verb)


def _replace_password(user: User, password: str, actor: Actor, verb: str) -> User:
    set_password(user, password, field="new_password")
    user.save(update_fields=["password"])
    tokens.revoke_all(user=user)
    audit.record_person(person=user, actor=actor, verb=verb)
    notices.tell(user=user, verb=verb)
    if verb == RESET:  # what others guessed was another password
        guesses.forget(name=user.get_username())
    return user


def set_password(user: User, password: str, *, field: str = "password") -> None:
    """Set a password on an unsaved change of `user`; raises `Invalid`, of `field`, when it is too weak."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise Invalid("password_weak", " ".join(error.messages), field=field) from None
    user.set_password(password)


# ---- leaving -------------------------------------------------------------------------------------------------------


@transaction.atomic
def archive_user(*, user: User, actor: Actor) -> User:
    """A person may not sign in any more: sessions, tokens and keys end at once. Memberships and history stay."""
    locked = lock(user)
    if locked.is_active:
        locked.is_active = False
        locked.save(update_fields=["is_active"])
        audit.record_person(
            person=locked, actor=actor, verb="user.archive", before={"is_active": True}, after={"is_active": False}
        )
    tokens.revoke_all(user=locked)
    sessions.end_all(user=locked)
    for key in VirtualKey.objects.filter(user=locked, revoked_at=None):
        keys.revoke_key(key=key, actor=actor)
    return locked


@transaction.atomic
def erase_user(*, user: User, actor: Actor) -> User:
    """Forget a person: archived, every personal field overwritten, their values in the audit trail unreadable.

    Ledger lines and audit events keep the id, which names nobody any more.
    """
    locked = archive_user(user=user, actor=actor)
    sessions.forget_sign_ins(user=locked)
    for invitation in Invitation.objects.annotate(lower=Lower("email")).filter(lower=locked.email.lower() or None):
        audit.erase_subject(invitation.pk)
        invitation.delete()
    locked.username, locked.email = f"erased-{locked.pk}", ""
    locked.first_name = locked.last_name = ""
    locked.set_unusable_password()
    locked.save()
    SecondFactor.objects.filter(user=locked).delete()
    ExternalIdentity.objects.filter(user=locked).delete()
    ProvisionedPerson.objects.filter(user=locked).delete()
    audit.erase_subject(locked.pk)
    audit.record(organization=None, actor=actor, verb="user.erase", target=locked)
    return locked


def _id(team: Team | None) -> Any:
    return team.pk if team else None


def _audit(
    row: Membership | Invitation, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    audit.record(
        organization=row.organization,
        actor=actor,
        verb=verb,
        target=row,
        before=before,
        after=after,
        personal=PERSONAL,
    )
