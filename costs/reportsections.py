"""Sections that costs contributes to reports: how far budgets are used, a team's showback, a month's statement."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from analytics.console.format import change_words
from analytics.exports.table import Column
from analytics.reports.blocks import Block, Figure, Figures, Grid, Words
from analytics.reports.schedule import zone_of
from analytics.reports.sections import Reader
from costs.allocation import documents
from costs.allocation.answers import share
from costs.allocation.showback import Part, Showback, showback
from costs.models import Budget, CostCenter, Statement, StatementStatus
from costs.usage import LASTS, NO_PACE, NOTHING_SPENT, USED_UP, BudgetUsage, Usage, usage_of
from gateway.console.names import names_of
from gateway.models import Team
from gateway.querysets import WIDE_ROLES, memberships_of
from gateway.scopes import ORGANIZATION, is_each
from gateway.services.errors import ServiceError

MOST = 50
SAID = {USED_UP: "already used up", LASTS: "not in this period", NO_PACE: "–", NOTHING_SPENT: "nothing spent"}
COLUMNS = (
    Column("budget", "Budget"), Column("about", "About"), Column("spent", "Spent", "money"),
    Column("limit", "Limit", "money"), Column("used", "Used", "ratio"), Column("resets", "Begins anew", "time"),
    Column("exhausts", "Used up at this pace"),
)  # fmt: skip


PARTS = (
    Column("name", "Name"), Column("amount", "Spent", "money"), Column("previous", "Month before", "money"),
    Column("requests", "Requests", "integer"),
)  # fmt: skip
CHARGES = (
    Column("center", "Cost centre"), Column("rule", "Rule"), Column("amount", "Amount", "money"),
)  # fmt: skip
SAVINGS = (Column("title", "Recommendation"), Column("saving", "A month", "money"))


def draw_showback(reader: Reader, section: Mapping[str, Any]) -> Sequence[Block]:
    """The month that the report's period begins in, of the reader's team."""
    teams = Team.objects.visible_to(reader.user).filter(organization=reader.organization, pk=reader.team)
    team = teams.select_related("organization").first() if reader.team is not None else None
    if team is None:
        return [Words("A showback is about a team; you are in none.", "warn")]
    try:
        return list(_showback(showback(team, _month(reader))))
    except ServiceError as error:
        return [Words(error.message, "warn")]


def _showback(found: Showback) -> Iterator[Block]:
    change = change_words(found.change, "the month before")
    yield Figures(
        [
            Figure("Spent", _amount(found.spent, found), change),
            Figure("Charged", _amount(found.total_charged, found)),
            Figure("Unallocated", _amount(found.unallocated, found)),
        ]
    )
    rows = [
        [f"{one.center.code} {one.center.name}", part["name"], Decimal(part["amount"])]
        for one in found.charged
        for part in one.basis
    ]
    corrected = [
        [f"{one.center.code} {one.center.name}", "Corrections of earlier months", one.corrections]
        for one in found.charged
        if one.corrections
    ]
    yield Grid("Charged to its cost centres", CHARGES, [*rows, *corrected], empty="Nothing is charged.")
    yield _parts("By project", found.by_project, found)
    yield _parts("By model", found.by_model, found)
    savings = [[one.title, one.monthly_saving] for one in found.recommendations if one.currency == found.currency]
    yield Grid("Could be saved", SAVINGS, savings, empty="No recommendation is open.")
    for _, message in found.notes:
        yield Words(message, "warn")


def _parts(title: str, parts: Sequence[Part], found: Showback) -> Grid:
    rows = [[part.name, part.amount, part.previous, part.requests] for part in parts]
    return Grid(title, PARTS, rows, [share(part.amount, found.spent) for part in parts], "Nothing was spent.")


def _amount(value: Decimal, found: Showback) -> str:
    return f"{value:,.2f} {found.currency}"


def draw_statement(reader: Reader, section: Mapping[str, Any]) -> Sequence[Block]:
    """The locked statement of the month that the report's period begins in: all of it for who sees the organization,
    their own cost centres for everybody else."""
    month = _month(reader)
    related = ("items__cost_center", "corrections__cost_center", "corrections__corrects")
    rows = Statement.objects.filter(organization=reader.organization, month=month, status=StatementStatus.LOCKED)
    found = rows.filter(currency=reader.organization.currency).prefetch_related(*related).first()
    if found is None:
        return [Words(f"The statement of {month:%B %Y} is not locked yet.", "warn")]
    centers = None if _is_wide(reader) else _centers(reader)
    if centers is not None and not centers:
        return [Words("No cost centre is yours.", "warn")]
    return [
        *(block for _, blocks in documents.parts_of(found, centers) for block in blocks),
        Words(documents.state_words(found)),
    ]


def _is_wide(reader: Reader) -> bool:
    mine = memberships_of(reader.user, *WIDE_ROLES).filter(organization=reader.organization)
    return bool(getattr(reader.user, "is_superuser", False)) or mine.exists()


def _centers(reader: Reader) -> set[UUID]:
    rows = CostCenter.objects.visible_to(reader.user).filter(organization=reader.organization)
    return set(rows.values_list("pk", flat=True))


def _month(reader: Reader) -> date:
    return reader.start.astimezone(zone_of(reader.organization.reporting_timezone)).date().replace(day=1)


def draw_budgets(reader: Reader, section: Mapping[str, Any]) -> Sequence[Block]:
    """Budgets that the reader sees, as they are when the report is made; most used first. Of a team's own: those whose
    subject is the team or belongs to it."""
    rows = Budget.objects.visible_to(reader.user).filter(organization=reader.organization, archived_at=None)
    if reader.team is not None:
        rows = rows.filter(team=reader.team)
    found = usage_of(rows[:MOST], timezone.now())
    found.sort(key=lambda one: one.first.utilization or 0, reverse=True)
    names = names_of((one.budget.scope, one.budget.scope_value) for one in found)
    body = [
        [
            one.budget.name, _about(one, names), one.first.spent, one.first.limit, one.first.utilization,
            one.first.resets_at, _exhausts(one.first, reader.zone),
        ]
        for one in found
    ]  # fmt: skip
    shares = [one.first.utilization for one in found]
    return [Grid("As they are when this is made", COLUMNS, body, shares, empty="You see no budget.")]


def _exhausts(usage: Usage, zone: str) -> str:
    """A moment, or why there is none."""
    if usage.exhausts_at is not None:
        return f"{usage.exhausts_at.astimezone(zone_of(zone)):%Y-%m-%d %H:%M}"
    return SAID.get(usage.note, usage.note)


def _about(one: BudgetUsage, names: Mapping[tuple[str, str], str]) -> str:
    kind, value = one.budget.get_scope_display(), one.budget.scope_value
    if one.budget.scope == ORGANIZATION:
        return kind
    return f"Each {kind.lower()}" if is_each(value) else f"{kind} {names.get((one.budget.scope, value), value)}"
