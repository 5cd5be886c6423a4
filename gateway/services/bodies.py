"""Logged bodies: policies, reading (audited), forgetting."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict, Unpack

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import F, Q

from gateway import credentials
from gateway.models import BodyPolicy, LoggedBody, Organization, Project
from gateway.services import audit, idempotency, policies
from gateway.services.audit import Actor
from gateway.services.errors import NotFound

POLICY_FIELDS = ("is_enabled", "retention_days", "max_body_bytes", "allows_training")
PURGE_BATCH = 1_000


class BodyPolicyFields(TypedDict, total=False):
    """What may be changed on a body policy."""

    is_enabled: bool
    retention_days: int
    max_body_bytes: int
    allows_training: bool


@dataclass(frozen=True, slots=True)
class Bodies:
    """What one call sent and got, redacted. `request` and `response` are None when no configured key can read them."""

    request_id: str
    logged_at: datetime
    expires_at: datetime
    endpoint: str
    request: str | None
    response: str | None
    is_truncated: bool


KIND = policies.Kind(BodyPolicy, "body_policy", POLICY_FIELDS)


def create_body_policy(
    *, organization: Organization, actor: Actor, project: Project | None = None, **fields: Unpack[BodyPolicyFields]
) -> BodyPolicy:
    """Keep the bodies of a project, or of every project without a policy of its own. Raises `Invalid`, `Conflict`."""
    return policies.create(KIND, organization=organization, actor=actor, project=project, fields=fields)


def update_body_policy(*, policy: BodyPolicy, actor: Actor, **fields: Unpack[BodyPolicyFields]) -> BodyPolicy:
    """Change a policy; what is kept keeps its day of deletion. Raises `Invalid`."""
    return policies.update(KIND, policy=policy, actor=actor, fields=fields)


def delete_body_policy(*, policy: BodyPolicy, actor: Actor) -> None:
    """Stop keeping bodies; what is kept stays until its day of deletion."""
    policies.delete(KIND, policy=policy, actor=actor)


@transaction.atomic
def read_bodies(*, organization: Organization, request_id: str, actor: Actor) -> list[Bodies]:
    """The bodies of a request; the reading is an audit event. Raises `NotFound` when none are kept."""
    rows = list(LoggedBody.objects.filter(organization=organization.pk, request_id=request_id).order_by("logged_at"))
    if not rows:
        raise NotFound("bodies_not_kept", "No bodies of this request are kept.")
    audit.record(
        organization=organization, actor=actor, verb="bodies.read", target=organization,
        after={"request_id": request_id, "count": len(rows)},
    )  # fmt: skip
    return [_opened(row) for row in rows]


def policy_of(project: Project) -> BodyPolicy | None:
    """The policy that holds for a project: its own, else its organization's. One query."""
    rows = BodyPolicy.objects.filter(organization=project.organization_id)
    return rows.filter(Q(project=project) | Q(project=None)).order_by(F("project").asc(nulls_last=True)).first()


@transaction.atomic
def read_for(*, project: Project, request_ids: Collection[str], actor: Actor, purpose: str) -> list[Bodies]:
    """The whole bodies of many requests of a project, oldest first; those that were cut are left out. One audit event
    names the requests and the purpose. Two queries."""
    rows = LoggedBody.objects.filter(
        organization=project.organization_id, project=project.pk, request_id__in=request_ids, is_truncated=False
    ).order_by("logged_at", "id")  # fmt: skip
    found = [_opened(row) for row in rows]
    if found:
        read = sorted({one.request_id for one in found})
        after = {"project": project.pk, "purpose": purpose, "count": len(found), "request_ids": read}
        audit.record(
            organization=project.organization, actor=actor, verb="bodies.read", target=project, after=after
        )  # fmt: skip
    return found


@transaction.atomic
def erase_bodies(*, organization: Organization, request_id: str, actor: Actor) -> int:
    """Delete the bodies of a request, and the answer kept for its `Idempotency-Key`; returns how many. Raises
    `NotFound`."""
    count, _ = LoggedBody.objects.filter(organization=organization.pk, request_id=request_id).delete()
    count += idempotency.erase_answers(organization=organization, request_id=request_id)
    if not count:
        raise NotFound("bodies_not_kept", "No bodies of this request are kept.")
    after = {"request_id": request_id, "count": count}
    audit.record(organization=organization, actor=actor, verb="bodies.erase", target=organization, after=after)
    return count


def purge_bodies() -> int:
    """Delete what is past its day, in batches; returns how many. Safe to run at once with itself."""
    total = 0
    while True:
        due = LoggedBody.objects.filter(expires_at__lte=datetime.now(UTC)).values("pk")[:PURGE_BATCH]
        count, _ = LoggedBody.objects.filter(pk__in=list(due.values_list("pk", flat=True))).delete()
        total += count
        if count < PURGE_BATCH:
            return total


def _opened(row: LoggedBody) -> Bodies:
    return Bodies(
        row.request_id, row.logged_at, row.expires_at, row.endpoint, _text(row.request), _text(row.response),
        row.is_truncated,
    )  # fmt: skip


def _text(stored: bytes | memoryview) -> str | None:
    try:
        return credentials.decrypt(bytes(stored))
    except InvalidToken:
        return None
