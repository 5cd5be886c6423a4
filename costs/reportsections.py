"""Sections that costs contributes to reports: how far budgets are used."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from analytics.exports.table import Column
from analytics.reports.blocks import Block, Grid
from analytics.reports.schedule import zone_of
from analytics.reports.sections import Reader
from costs.models import Budget
from costs.usage import LASTS, NO_PACE, NOTHING_SPENT, USED_UP, BudgetUsage, Usage, usage_of
from gateway.console.names import names_of
from gateway.scopes import ORGANIZATION, is_each

MOST = 50
SAID = {USED_UP: "already used up", LASTS: "not in this period", NO_PACE: "–", NOTHING_SPENT: "nothing spent"}
COLUMNS = (
    Column("budget", "Budget"), Column("about", "About"), Column("spent", "Spent", "money"),
    Column("limit", "Limit", "money"), Column("used", "Used", "ratio"), Column("resets", "Begins anew", "time"),
    Column("exhausts", "Used up at this pace"),
)  # fmt: skip


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
