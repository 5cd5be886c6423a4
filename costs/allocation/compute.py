"""Reading what an allocation needs: rules, calendar months, and the ledger once for each segment of time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from analytics.console.periods import zone_or_utc
from costs.allocation import reading, rules
from costs.allocation.engine import Allocation, Charged, Range, Segment, allocate, segments
from costs.allocation.rules import Rule
from costs.budgets.periods import MONTH, PeriodRule
from costs.models import AllocationRule
from gateway.models import Organization

STORED = ("id", "name", "position", "method", "conditions", "targets", "monthly_amount", "currency", "valid_from",
          "valid_to")  # fmt: skip


def compute(
    organization: Organization, window: Range, currency: str, known: Iterable[Rule],
    of_months: Sequence[Range] | None = None,
) -> Allocation:  # fmt: skip
    """What `[start, end)` was charged, by cost centre. `of_months`: those that it touches, by which fixed costs and
    tiers go; None: the calendar months of the organization's time zone of today. One statement over the ledger for each
    month, more in months in which rules begin or end."""
    parts = segments(window, months(organization, window) if of_months is None else of_months, known)
    return allocate(currency, ((part, read(organization.pk, part)) for part in parts))


def untaken(organization: Organization, window: Range, currency: str, known: Iterable[Rule], team: UUID) -> Decimal:
    """What of a team's own charges of a month no rule takes."""
    parts = segments(window, [window], known)
    rows = (row for part in parts for row in read(organization.pk, part, team))
    return sum((row.figures["cost"] for row in rows if row.rule == 0 and row.currency == currency), Decimal(0))


def rules_of(organization: Organization, window: Range) -> list[Rule]:
    """The organization's rules that are in force somewhere in the window."""
    rows = AllocationRule.objects.filter(organization=organization, valid_from__lt=window[1])
    return [as_rule(row) for row in rows if row.valid_to is None or row.valid_to > window[0]]


def as_rule(row: AllocationRule) -> Rule:
    return from_stored({name: getattr(row, name) for name in STORED})


def to_stored(row: Rule, of: Mapping[UUID, AllocationRule]) -> dict[str, Any]:
    """A rule as a statement keeps it, in JSON."""
    return {name: _plain(getattr(of[row.id], name)) for name in STORED}


def from_stored(given: Mapping[str, Any]) -> Rule:
    """A rule from its fields, or from what `to_stored` made of it."""
    amount = None if given["monthly_amount"] is None else Decimal(given["monthly_amount"])
    body = rules.parse(given["method"], given["conditions"], given["targets"], is_fixed_cost=amount is not None)
    return Rule(
        id=UUID(str(given["id"])), name=given["name"], position=given["position"], method=given["method"],
        valid_from=_instant(given["valid_from"]),
        valid_to=None if given["valid_to"] is None else _instant(given["valid_to"]),
        monthly_amount=amount, currency=given["currency"],
        **{part.name: getattr(body, part.name) for part in fields(body)},
    )  # fmt: skip


def months(organization: Organization, window: Range) -> list[Range]:
    """The calendar months of the organization's time zone that the window touches."""
    period = PeriodRule(MONTH, organization.reporting_timezone)
    found = [period.window(window[0])]
    while found[-1][1] < window[1]:
        found.append(period.window(found[-1][1]))
    return found


def month_window(organization: Organization, month: date) -> Range:
    """The calendar month, named by any of its days, in the organization's time zone."""
    # noon of the second day in UTC lies in the month in every time zone
    at = datetime(month.year, month.month, 2, 12, tzinfo=UTC)
    return months(organization, (at, at))[0]


def this_month(organization: Organization) -> date:
    """The first day of the running month in the organization's time zone."""
    return timezone.now().astimezone(zone_or_utc(organization.reporting_timezone)).date().replace(day=1)


def read(organization: UUID, segment: Segment, team: UUID | None = None) -> list[Charged]:
    """The charges of a segment by rule, of one team or all. One statement."""
    text, parameters = reading.statement(segment.rules)
    names = reading.measured(segment.rules)
    own: dict[str, Any] = {"organization": organization, "start": segment.window[0], "end": segment.window[1],
                           "only": team}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(text, {**parameters, **own})
        return [_charged(row, names) for row in cursor.fetchall()]


def _charged(row: Sequence[Any], names: Sequence[str]) -> Charged:
    rule, value, currency, lines, unpriced, *figures = row
    return Charged(rule, value, currency, lines, unpriced, dict(zip(names, map(Decimal, figures), strict=True)))


def _instant(given: datetime | str) -> datetime:
    return given if isinstance(given, datetime) else datetime.fromisoformat(given)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, (UUID, Decimal)) else value


def basis(done: Allocation, center: UUID) -> Iterator[dict[str, str]]:
    """What a cost centre's amount is made up of, largest first: {rule, name, method, amount}."""
    own = [(rule, amount) for (of, rule), amount in done.basis.items() if of == center and amount]
    for rule, amount in sorted(own, key=lambda item: (-item[1], str(item[0]))):
        applied = done.applied[rule].rule
        yield {"rule": str(rule), "name": applied.name, "method": applied.method, "amount": f"{amount:f}"}
