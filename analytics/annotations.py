"""Verbs of annotations: what people write on the charts of their organization or team."""

from datetime import UTC, datetime
from typing import TypedDict, Unpack

from django.db import transaction
from django.utils import timezone

from analytics.choices import AnnotationKind
from analytics.models import Annotation
from gateway.choices import Role
from gateway.models import Membership, Organization, Team, User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Forbidden, Invalid
from gateway.services.identity import check_fields

FIELDS = ("team", "kind", "text", "at", "ended_at", "url")
FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
WRITERS = frozenset({Role.OWNER, Role.ADMIN})


class AnnotationFields(TypedDict, total=False):
    """What is said. `team` None: to the whole organization; `ended_at` None: at once, or not yet over."""

    team: Team | None
    kind: str
    text: str
    at: datetime
    ended_at: datetime | None
    url: str


@transaction.atomic
def create_annotation(*, organization: Organization, actor: Actor, **fields: Unpack[AnnotationFields]) -> Annotation:
    """Write on the charts; a manager's is the own team's when none is named.

    Raises `Invalid` (`text_missing`, `url_invalid`, `ends_before_it_began`, …), `Forbidden`.
    """
    own = _own_team(organization, actor)
    fields["team"] = fields.get("team") or own
    _check_writer(own, fields["team"], actor)
    made = Annotation(organization=organization, created_by=actor if isinstance(actor, User) else None)
    _fill(made, fields)
    made.save(force_insert=True)
    audit.record(organization=organization, actor=actor, verb="annotation.create", target=made, after=_facts(made))
    return made


@transaction.atomic
def update_annotation(*, annotation: Annotation, actor: Actor, **fields: Unpack[AnnotationFields]) -> Annotation:
    """Correct what was written, or say when it was over. Raises as `create_annotation`."""
    locked = Annotation.objects.select_for_update(of=("self",)).select_related("organization").get(pk=annotation.pk)
    own = _own_team(locked.organization, actor)
    _check_writer(own, locked.team, actor)
    before = _facts(locked)
    _fill(locked, fields)
    _check_writer(own, locked.team, actor)
    if (after := _facts(locked)) != before:
        locked.save()
        audit.record(
            organization=locked.organization, actor=actor, verb="annotation.update", target=locked, before=before,
            after=after,
        )  # fmt: skip
    return locked


@transaction.atomic
def delete_annotation(*, annotation: Annotation, actor: Actor) -> None:
    """Take it off the charts; the audit trail keeps what it said. A second time does nothing. Raises `Forbidden`."""
    locked = Annotation.objects.select_for_update(of=("self",)).filter(pk=annotation.pk).first()
    if locked is None:
        return
    _check_writer(_own_team(locked.organization, actor), locked.team, actor)
    audit.record(
        organization=locked.organization, actor=actor, verb="annotation.delete", target=locked, before=_facts(locked)
    )
    locked.delete()


def _own_team(organization: Organization, actor: Actor) -> Team | None:
    """The team that `actor` writes for; None for those who write for the whole organization: its administrators,
    superusers, management keys. Raises `Forbidden` for everybody else."""
    if not isinstance(actor, User) or actor.is_superuser:
        return None
    members = Membership.objects.filter(organization=organization, user=actor, archived_at=None)
    member = members.select_related("team").first()
    if member is not None and (member.role in WRITERS or (member.role == Role.MANAGER and member.team)):
        return None if member.role in WRITERS else member.team
    raise Forbidden("role_required", "Administrators and managers write on charts.")


def _check_writer(own: Team | None, team: Team | None, actor: Actor) -> None:
    if own is not None and own != team:
        raise Forbidden("role_required", "Managers write on the charts of their team alone.", field="team")


def _fill(annotation: Annotation, fields: AnnotationFields) -> None:
    for name in FIELDS:
        if name in fields:
            setattr(annotation, name, fields[name])  # type: ignore[literal-required]
    annotation.text = annotation.text.strip()
    if annotation.kind not in AnnotationKind.values:
        raise Invalid("kind_unknown", f"The kind is one of {', '.join(AnnotationKind.values)}.", field="kind")
    if not annotation.text or "\0" in annotation.text:
        raise Invalid("text_missing", "Say in a few words what happened.", field="text")
    if annotation.team is not None and annotation.team.organization_id != annotation.organization_id:
        raise Invalid("team_unknown", "No such team in this organization.", field="team")
    for name in ("at", "ended_at"):
        _check_time(getattr(annotation, name), name)
    if annotation.ended_at is not None and annotation.ended_at <= annotation.at:
        raise Invalid("ends_before_it_began", "The end lies after the beginning.", field="ended_at")
    check_fields(annotation, "text", "url")


def _check_time(at: datetime | None, field: str) -> None:
    if at is None:
        return
    if timezone.is_naive(at) or not FIRST <= at <= LAST:
        raise Invalid("time_invalid", "Give a time with its offset, between 1971 and 9000.", field=field)


def _facts(annotation: Annotation) -> dict[str, object]:
    return {
        "kind": annotation.kind, "text": annotation.text, "team": annotation.team and str(annotation.team.pk),
        "at": annotation.at.isoformat(), "ended_at": annotation.ended_at and annotation.ended_at.isoformat(),
        "url": annotation.url,
    }  # fmt: skip
