"""Findings become rows: new ones open, known ones brought up to date, those that are not found any more expired.

One transaction under the lock of the organization's `SavingsSearch`, so that two searches at once store one after the
other, and the later one finds what the earlier one has stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from costs.models import Recommendation, SavingsSearch
from costs.models import RecommendationState as State
from costs.recommendations.money import plain
from costs.savings.proposals import Findings, Proposal, Slice
from gateway.models import Organization, Project, VirtualKey

DOUBLED = 2
"""A dismissed saving is proposed again once it is this many times what it was."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How many recommendations a search opened anew, brought up to date and let expire; `fresh`: ids that
    have no words yet."""

    opened: int = 0
    updated: int = 0
    expired: int = 0
    fresh: tuple[UUID, ...] = ()


@transaction.atomic
def store(organization: Organization, findings: Findings, *, now: datetime) -> Stored:
    """Keep `findings`. What people have decided stays, but for a dismissed saving that has doubled; older findings than
    those stored change nothing."""
    SavingsSearch.objects.get_or_create(organization=organization)
    search = SavingsSearch.objects.select_for_update().get(organization=organization)
    if search.end is not None and search.end > findings.end:
        return Stored()
    _keep_totals(search, findings, now)
    rows = Recommendation.objects.select_for_update().filter(organization=organization).order_by("pk")
    known = {row.key: row for row in rows}
    teams = _teams(organization, [proposal.slice for proposal in findings.proposals])
    fresh, opened, updated = [], 0, 0
    for proposal in findings.proposals:
        values = {**values_of(proposal, findings), "team": teams[proposal.slice], "seen_at": now}
        row = known.pop(proposal.key, None)
        if row is None:
            made = Recommendation.objects.create(organization=organization, key=proposal.key, **values)
            fresh.append(made.pk)
            opened += 1
            continue
        was = row.state
        told = row.summary
        if _meet(row, proposal, values, now):
            opened += was != State.OPEN and row.state == State.OPEN
            updated += was == row.state
            if told and not row.summary:
                fresh.append(row.pk)
    expired = _expire(known.values(), now)
    return Stored(opened, updated, expired, tuple(fresh))


def values_of(proposal: Proposal, findings: Findings) -> dict[str, Any]:
    """The columns that a search fills."""
    return {
        "category": proposal.category.value, "title": proposal.title[:300], "slice": dict(proposal.slice.filters()),
        "change": {
            "provider": proposal.change.provider, "model": proposal.change.model,
            "settings": dict(proposal.change.settings),
        },
        "start": findings.start, "end": findings.end, "lines": proposal.lines, "requests": proposal.requests,
        "currency": findings.currency, "actual_cost": proposal.actual_cost, "replayed_cost": proposal.replayed_cost,
        "saving": proposal.saving, "interval_level": proposal.interval.level,
        "interval_lower": proposal.interval.lower, "interval_upper": proposal.interval.upper,
        "joint_saving": proposal.joint_saving, "monthly_saving": proposal.monthly_saving,
        "effort": proposal.effort.value, "risk": proposal.risk.value,
        "evidence": [
            {"kind": one.kind, "text": one.text, "figures": dict(one.figures), "url": one.url}
            for one in proposal.evidence
        ],
        "steps": list(proposal.steps), "affected": list(proposal.affected),
        "quality": None if proposal.quality is None else asdict(proposal.quality),
    }  # fmt: skip


def _keep_totals(search: SavingsSearch, findings: Findings, now: datetime) -> None:
    joint = findings.joint_interval
    search.searched_at, search.start, search.end = now, findings.start, findings.end
    search.currency, search.spend, search.lines = findings.currency, findings.charged, findings.lines
    search.joint_saving = findings.joint_saving
    search.interval = joint and {
        "level": plain(joint.level), "lower": plain(joint.lower), "upper": plain(joint.upper)
    }  # fmt: skip
    search.notes = [{"code": code, "message": message} for code, message in findings.notes]
    search.save()


def _meet(row: Recommendation, proposal: Proposal, values: Mapping[str, Any], now: datetime) -> bool:
    """What finding it again does to a row; whether anything."""
    if row.is_done:
        Recommendation.objects.filter(pk=row.pk).update(seen_at=now)
        return False
    if row.state == State.DISMISSED:
        if not row.monthly_saving or proposal.monthly_saving < DOUBLED * row.monthly_saving:
            Recommendation.objects.filter(pk=row.pk).update(seen_at=now)
            return False
        before, after = _rounded(row.monthly_saving), _rounded(proposal.monthly_saving)
        row.reason = (
            f"Open again: it was dismissed at {before} {row.currency} a month and is {after} now. "
            f"The reason was: {row.reason or 'none given'}"
        )
        row.state, row.state_at, row.state_by = State.OPEN, now, None
    elif row.state == State.EXPIRED or _slept(row, now):
        row.state, row.state_at, row.state_by = State.OPEN, now, None
        row.reason, row.snoozed_until = "", None
    if row.monthly_saving != proposal.monthly_saving:
        row.summary = ""  # its figures are of the search before
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    return True


def _expire(rows: Iterable[Recommendation], now: datetime) -> int:
    """Nobody finds them any more. What is snoozed sleeps on until its day."""
    gone = [row.pk for row in rows if row.state == State.OPEN or _slept(row, now)]
    return Recommendation.objects.filter(pk__in=gone).update(
        state=State.EXPIRED, state_at=now, state_by=None, snoozed_until=None, updated_at=now
    )


def _slept(row: Recommendation, now: datetime) -> bool:
    return bool(row.state == State.SNOOZED and row.snoozed_until and row.snoozed_until <= now)


def _rounded(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _teams(organization: Organization, slices: Iterable[Slice]) -> dict[Slice, UUID | None]:
    """The team in which all calls of a slice lie; None where they may lie in several. Two queries at most."""
    wanted = set(slices)
    projects = _owners(Project, organization, {one.project for one in wanted}, "team_id")
    keys = _owners(VirtualKey, organization, {one.api_key for one in wanted}, "project__team_id")
    return {
        one: _uuid(one.team) or projects.get(one.project) or keys.get(one.api_key) for one in wanted
    }  # fmt: skip


def _owners(model: Any, organization: Organization, ids: set[str], column: str) -> dict[str, UUID | None]:
    known = [found for text in ids if (found := _uuid(text)) is not None]
    if not known:
        return {}
    rows = model.objects.filter(organization=organization, pk__in=known).values_list("pk", column)
    return {str(pk): team for pk, team in rows}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
