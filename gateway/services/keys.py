"""Virtual and management keys: create, change limits, rotate with an overlap, revoke.

The secret exists in memory while it is shown once; what is stored is its keyed HMAC-SHA-256.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from gateway import credentials
from gateway.choices import Scope
from gateway.models import Membership, Organization, Project, User, VirtualKey
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields

MAX_OVERLAP_S = 30 * 86_400
LIMIT_FIELDS = ("name", "scopes", "allowed_models", "rpm_limit", "tpm_limit", "budget_amount", "expires_at")


class IssuedKey(NamedTuple):
    """A key and its secret, which cannot be had again."""

    key: VirtualKey
    secret: str


class KeyLimits(TypedDict, total=False):
    """What limits a key. None means unlimited; `allowed_models` empty means all."""

    scopes: Sequence[str]
    allowed_models: Sequence[str]
    rpm_limit: int | None
    tpm_limit: int | None
    budget_amount: Decimal | None
    expires_at: datetime | None


class KeyChanges(KeyLimits, total=False):
    """What may be changed on a key."""

    name: str


@transaction.atomic
def create_key(
    *,
    organization: Organization,
    project: Project,
    actor: Actor,
    name: str,
    user: User | None = None,
    shares_budget_of: VirtualKey | None = None,
    **limits: Unpack[KeyLimits],
) -> IssuedKey:
    """Issue a key of `project`; `user` None makes a service key. `shares_budget_of`: a former key of the same work,
    whose budget goes on. Raises `Invalid`."""
    if project.organization_id != organization.pk:
        raise Invalid("project_not_found", "No such project in this organization.", field="project")
    if project.archived_at or organization.archived_at:
        raise Invalid("project_archived", "The project is archived.", field="project")
    if user is not None and not is_member(user, organization):
        raise Invalid("user_not_member", "The owner must be a member of the organization.", field="user")
    _check_limits(limits)
    lineage = None if shares_budget_of is None else shares_budget_of.lineage
    made = VirtualKey(
        organization=organization, project=project, user=user, name=name, lineage_id=lineage, **_fields(limits)
    )
    return _issue(made, actor=actor)


@transaction.atomic
def update_limits(*, key: VirtualKey, actor: Actor, **limits: Unpack[KeyChanges]) -> VirtualKey:
    """Change name, limits, scopes or expiry. Raises `Invalid`, `Conflict` when the key is revoked."""
    locked = _locked(key.pk)
    if locked.revoked_at:
        raise Conflict("key_revoked", "A revoked key cannot be changed.")
    _check_limits(limits)
    fields = _fields(limits)
    before, after = audit.differences({name: getattr(locked, name) for name in fields}, fields)
    if after:
        for name, value in after.items():
            setattr(locked, name, value)
        locked.save(update_fields=[*after, "updated_at"])
        _audit(locked, actor, "key.update", before, after)
    return locked


@transaction.atomic
def rotate_key(*, key: VirtualKey, actor: Actor, overlap_s: int = 0) -> IssuedKey:
    """Replace a key; the old one works for `overlap_s` more seconds (0: stops at once).

    Of several rotations at the same time one wins; the others get `Conflict`. The successor inherits limits; both
    share one budget, so that rotating never refills it and an overlap never doubles it.
    """
    if not 0 <= overlap_s <= MAX_OVERLAP_S:
        raise Invalid("overlap_out_of_range", f"overlap_s must be 0 to {MAX_OVERLAP_S}.", field="overlap_s")
    old = _locked(key.pk)
    if not old.is_active:
        raise Conflict("key_not_active", "A revoked or expired key cannot be rotated.")
    if old.successors.exists():
        raise Conflict("key_already_rotated", "The key was rotated already; rotate its successor.")
    successor = VirtualKey(
        organization_id=old.organization_id,
        project_id=old.project_id,
        user_id=old.user_id,
        rotated_from=old,
        lineage_id=old.lineage,
        **{name: getattr(old, name) for name in LIMIT_FIELDS},
    )
    issued = _issue(successor, actor=actor)
    _end(old, overlap_s)
    _audit(old, actor, "key.rotate", None, {"successor": issued.key.pk, "overlap_s": overlap_s})
    return issued


@transaction.atomic
def revoke_key(*, key: VirtualKey, actor: Actor) -> VirtualKey:
    """Stop a key for ever; every data plane refuses it within 2 s. Revoking twice changes nothing."""
    locked = _locked(key.pk)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at", "updated_at"])
        _audit(locked, actor, "key.revoke", {"revoked_at": None}, {"revoked_at": locked.revoked_at})
    return locked


def authenticate(secret: str) -> VirtualKey | None:
    """The usable key a caller presents, under any pepper; None when unknown, revoked, expired or archived."""
    if not secret.startswith(credentials.KEY_MARK):
        return None
    keys = VirtualKey.objects.usable(timezone.now()).select_related("organization", "user")
    return keys.filter(digest__in=credentials.candidate_digests(secret)).first()


def is_member(user: User, organization: Organization) -> bool:
    """Whether a person who may sign in has an active membership."""
    rows = Membership.objects.filter(user=user, organization=organization, archived_at=None, user__is_active=True)
    return rows.exists()


def _issue(key: VirtualKey, *, actor: Actor) -> IssuedKey:
    check_fields(key, "name", "rpm_limit", "tpm_limit", "budget_amount")
    secret = credentials.new_secret()
    key.prefix = credentials.prefix_of(secret)
    key.pepper_version, key.digest = credentials.digest(secret)
    key.created_by = actor if isinstance(actor, User) else None
    key.save(force_insert=True)
    facts = {name: getattr(key, name) for name in (*LIMIT_FIELDS, "prefix", "project_id", "user_id")}
    _audit(key, actor, "key.create", None, facts)
    return IssuedKey(key, secret)


def _end(old: VirtualKey, overlap_s: int) -> None:
    now = timezone.now()
    if overlap_s == 0:
        old.revoked_at = now
    else:
        end = now + timedelta(seconds=overlap_s)
        old.expires_at = min(old.expires_at, end) if old.expires_at else end
    old.save(update_fields=["revoked_at", "expires_at", "updated_at"])


def _locked(pk: UUID) -> VirtualKey:
    return VirtualKey.objects.select_for_update(of=("self",)).select_related("organization").get(pk=pk)


def _fields(limits: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: limits[name] for name in LIMIT_FIELDS if name in limits}
    for name in ("scopes", "allowed_models"):
        if name in fields:
            fields[name] = _unique(fields[name])
    return fields


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values))


def _check_limits(limits: Mapping[str, Any]) -> None:
    scopes = limits.get("scopes")
    if scopes is not None and (not scopes or not set(scopes) <= set(Scope.values)):
        raise Invalid("scope_unknown", f"Scopes are one or more of {', '.join(Scope.values)}.", field="scopes")
    expires_at = limits.get("expires_at")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("expiry_in_past", "The expiry must lie in the future.", field="expires_at")
    budget = limits.get("budget_amount")
    if budget is not None and budget < 0:
        raise Invalid("budget_negative", "The budget cannot be negative.", field="budget_amount")


def _audit(
    key: VirtualKey, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    audit.record(organization=key.organization, actor=actor, verb=verb, target=key, before=before, after=after)
