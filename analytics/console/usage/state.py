"""What a page of figures shows, read from its URL and written back to one: the URL is the whole state. Pure.

An unknown value of a parameter falls back to its default, so an old link still opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from analytics.console.cards import buckets, rows
from analytics.console.cards.labels import NONE
from analytics.console.periods import Period
from analytics.console.usage import dimensions
from analytics.metrics import DIMENSIONS, MEASURES, Measure
from analytics.query import Filter

VIEWS = {"stacked": "Stacked", "lines": "Lines", "table": "Table", "heat": "Heat map"}
COMPARISONS = {
    "none": "Nothing", "previous": "Period before", "week": "Same weekdays before", "year": "Year before",
}  # fmt: skip
TOPS = (5, 8, 12, 20, 50)
DEFAULT_TOP = 8
MOST_VALUES = 20
LONGEST_VALUE = 200
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class State:
    """`organization`: slug. `by` empty: not grouped. `asked_grain` empty: automatic. `filters`: values by dimension."""

    period: Period
    organization: str = ""
    measure: str = "cost"
    by: str = "model"
    view: str = "stacked"
    asked_grain: str = ""
    compare: str = "previous"
    top: int = DEFAULT_TOP
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def declared(self) -> Measure:
        return MEASURES[self.measure]

    @property
    def grain(self) -> str:
        """Bucket of the chart: the one asked for where the period allows it."""
        usable = buckets.usable(self.period.length)
        return self.asked_grain if self.asked_grain in usable else buckets.automatic(self.period.length)

    @property
    def shown_view(self) -> str:
        """The view; parts of a measure that does not add up are never stacked."""
        return "lines" if self.view == "stacked" and not self.declared.is_additive else self.view

    @property
    def query(self) -> list[tuple[str, str]]:
        """URL parameters, defaults left out."""
        here = {"organization": self.organization} if self.organization else {}
        pairs = [*here.items(), *self.period.query.items()]
        pairs += [pair for pair, plain in zip(self._choices, State(self.period)._choices, strict=True) if pair != plain]
        return pairs + [(name, value) for name, values in self.filters.items() for value in values]

    @property
    def _choices(self) -> list[tuple[str, str]]:
        return [
            ("measure", self.measure), ("by", self.by or "none"), ("view", self.view), ("grain", self.asked_grain),
            ("compare", self.compare), ("top", str(self.top)),
        ]  # fmt: skip

    @property
    def saved_text(self) -> str:
        """What a saved view keeps: not the organization."""
        return urlencode(replace(self, organization="").query)

    def url(self, path: str = "", **changes: Any) -> str:
        """This page with `changes` of the state."""
        return f"{path}?{urlencode(replace(self, **changes).query)}"

    def without(self, dimension: str, value: str) -> Mapping[str, tuple[str, ...]]:
        """The filters less one value."""
        left = {
            name: tuple(each for each in values if (name, each) != (dimension, value))
            for name, values in self.filters.items()
        }
        return {name: values for name, values in left.items() if values}

    def narrowed(self, dimension: str, value: str) -> Mapping[str, tuple[str, ...]]:
        """The filters with `dimension` set to `value` alone."""
        return {**self.filters, dimension: (value,)}

    @property
    def conditions(self) -> list[Filter]:
        """The filters as the metrics layer takes them."""
        return [
            Filter(name, "in", [None if value == NONE else value for value in values])
            for name, values in self.filters.items()
        ]

    @property
    def words(self) -> str:
        """The filters as a sentence part: `model gpt-4o or gpt-4o-mini, status ok`."""
        return ", ".join(f"{dimensions.label(name).lower()} {' or '.join(v)}" for name, v in self.filters.items())

    def rows_url(self, **value: str) -> str:
        """The requests behind the whole period; `value`: one more filter."""
        return rows.period_url(self.organization, self.period, self.filters, **value)

    def bucket_url(self, start: str, end: str) -> str:
        """The requests between two instants."""
        return rows.bucket_url(self.organization, start, end, self.filters)

    @property
    def rows_base(self) -> str:
        """The requests, for a chart that adds the window and a value."""
        return rows.base_url(self.organization, self.filters)

    @property
    def compared(self) -> tuple[datetime, datetime] | str:
        """`compare_to` of the metrics layer."""
        if self.compare == "week":
            shift = WEEK * self._weeks
            return self.period.start - shift, self.period.end - shift
        return {"previous": "previous_period", "year": "previous_year"}.get(self.compare, "none")

    @property
    def before(self) -> str:
        """What the period is compared with, in words; empty for nothing."""
        match self.compare:
            case "previous":
                return self.period.before
            case "week":
                return "a week before" if self._weeks == 1 else f"{self._weeks} weeks before"
            case "year":
                return "a year before"
        return ""

    @property
    def _weeks(self) -> int:
        """Whole weeks to go back until the windows do not overlap."""
        return max(1, -(-self.period.length // WEEK))


def read_state(params: QueryDict, period: Period, organization: str = "") -> State:
    """The state of a URL."""
    plain = State(period)
    by = params.get("by", plain.by)
    top = params.get("top", "")
    return State(
        period=period,
        organization=organization,
        measure=_one_of(params, "measure", MEASURES, plain.measure),
        by=by if dimensions.is_known(by) else "" if by in ("none", "") else plain.by,
        view=_one_of(params, "view", VIEWS, plain.view),
        asked_grain=_one_of(params, "grain", buckets.ORDER, ""),
        compare=_one_of(params, "compare", COMPARISONS, plain.compare),
        top=int(top) if top in map(str, TOPS) else plain.top,
        filters=read_filters(params),
    )


def read_filters(params: QueryDict) -> dict[str, tuple[str, ...]]:
    """Parameters named like a dimension; `organization` is the frame's, not a filter. `add` and `value` come from the
    form that adds one."""
    found: dict[str, list[str]] = {}
    for name in (*DIMENSIONS, *(name for name in params if name not in DIMENSIONS)):
        if name in params and dimensions.is_known(name):
            found[name] = params.getlist(name)
    if dimensions.is_known(added := params.get("add", "")):
        found.setdefault(added, []).append(params.get("value", ""))
    cleaned = {name: tuple(dict.fromkeys(v.strip().replace("\0", "")[:LONGEST_VALUE] for v in values if v.strip()))
               for name, values in found.items()}  # fmt: skip
    return {name: values[:MOST_VALUES] for name, values in cleaned.items() if values}


def _one_of(params: QueryDict, name: str, allowed: Any, default: str) -> str:
    value = params.get(name, "")
    return value if value in allowed else default
