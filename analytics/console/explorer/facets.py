"""How many requests each value of a filter would leave, from the rollups: the ledger is never counted."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from typing import Any

from analytics.console import format
from analytics.console.cards.labels import NONE
from analytics.console.explorer.filters import Filters
from analytics.console.explorer.names import LABELS, names_of
from analytics.console.explorer.state import State
from analytics.console.format import Number
from analytics.console.questions import Questions
from analytics.query import Group

MOST = 25
MEASURES = ("requests", "denied")
SLOW_MS = 10_000
EXPENSIVE = Decimal(1)
TIMES_THE_MEAN = 10


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a dimension: `count` in words, `keep_url`/`drop_url` switch it."""

    label: str
    value: str
    count: str
    exact: str
    keep_url: str
    drop_url: str
    is_kept: bool
    is_dropped: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """`total`: about how many requests match, empty when the rollups cannot say."""

    total: str
    statuses: list[Value]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as slow (p95 of the window) and as expensive (ten times the mean cost)."""

    slow_ms: int
    expensive: Decimal


def values(questions: Questions, state: State, dimension: str) -> list[Value]:
    """The most frequent values, with the other filters in force. At most three queries."""
    counts = _counts(questions, state.filters.without(dimension), dimension)
    chosen = [*state.filters.values(dimension), *state.filters.values(dimension, negated=True)]
    for value in chosen:
        counts.setdefault(value, 0)
    names = names_of(questions.user, questions.organization, dimension, counts)
    return [_value(state, dimension, value, names[value], count) for value, count in counts.items()]


def overview(questions: Questions, state: State) -> Overview:
    """Statuses with counts, and how many requests match. Two queries at most."""
    found = values(questions, state, "status")
    if not state.filters.is_countable:
        return Overview("", found)
    kept = state.filters.values("status")
    matching = [one for one in found if not one.is_dropped and (not kept or one.is_kept)]
    return Overview(format.compact(sum(int(one.exact) for one in matching)), found)


def thresholds(questions: Questions) -> Thresholds:
    """One query."""
    totals = questions.ask(["latency_p95", "cost_per_request"]).totals
    slow, mean = totals.get("latency_p95"), totals.get("cost_per_request")
    return Thresholds(
        slow_ms=max(1, round(float(slow))) if slow else SLOW_MS,
        expensive=_two_digits(Decimal(str(mean)) * TIMES_THE_MEAN) if mean else EXPENSIVE,
    )


def _counts(questions: Questions, filters: Filters, dimension: str) -> dict[str, int]:
    result = questions.ask(
        MEASURES, dimensions=[dimension], filters=filters.asked, order="-requests", limit=MOST
    )  # fmt: skip
    found: dict[str, int] = {}
    for group in _known(result.groups):
        count = sum(int(group.measures.get(name) or 0) for name in MEASURES)
        if count:
            found[_text(group.dimensions[dimension])] = count
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _known(groups: Iterable[Group]) -> Iterable[Group]:
    return (group for group in groups if not group.is_other)


def _text(value: Any) -> str:
    return NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _value(state: State, dimension: str, value: str, label: str, count: int) -> Value:
    filters = state.filters
    return Value(
        label=label, value=value, count=format.compact(count), exact=str(count),
        keep_url=state.url(filters=filters.toggled(dimension, value)),
        drop_url=state.url(filters=filters.toggled(dimension, value, negated=True)),
        is_kept=value in filters.values(dimension), is_dropped=value in filters.values(dimension, negated=True),
    )  # fmt: skip


def _two_digits(amount: Decimal) -> Decimal:
    """Rounded up to two significant digits."""
    return amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1), ROUND_UP)


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force; `url` takes it away."""

    label: str
    value: str
    url: str
    is_negated: bool = False


def chips(questions: Questions, state: State) -> list[Chip]:
    """Every filter in force. A query for each dimension of ids."""
    filters, found = state.filters, []
    for one in filters.conditions:
        names = names_of(questions.user, questions.organization, one.dimension, one.values)
        found += [
            Chip(LABELS[one.dimension], names[value], state.url(filters=filters.without(one.dimension, value)),
                 one.is_negated)
            for value in one.values
        ]  # fmt: skip
    return found + _bounds(state)


def _bounds(state: State) -> list[Chip]:
    filters, currency = state.filters, state.organization.currency
    bounds = (
        ("Duration", _least(filters.least_ms, format.duration), replace(filters, least_ms=None)),
        ("First token", _least(filters.least_ttft_ms, format.duration), replace(filters, least_ttft_ms=None)),
        (
            "Cost", _least(filters.least_cost, lambda amount: format.money(amount, currency)),
            replace(filters, least_cost=None),
        ),
        ("Price", filters.price_status, replace(filters, price_status="")),
        ("Weekday", "" if filters.weekday is None else day_name[filters.weekday - 1], replace(filters, weekday=None)),
        ("Hour", "" if filters.hour is None else f"{filters.hour:02}:00 to {filters.hour + 1:02}:00",
         replace(filters, hour=None)),
    )  # fmt: skip
    found = [Chip(label, text, state.url(filters=left)) for label, text, left in bounds if text]
    for pair in filters.tags:
        tags = tuple(each for each in filters.tags if each != pair)
        found.append(Chip(f"Tag {pair[0]}", pair[1], state.url(filters=replace(filters, tags=tags))))
    return found


def _least(bound: Number | None, words: Callable[[Number], str]) -> str:
    return "" if bound is None else f"at least {words(bound)}"
