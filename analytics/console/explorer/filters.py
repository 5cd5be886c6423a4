"""What the list of requests is narrowed to: read from the URL, written back to it, applied to the ledger. Pure.

A parameter named like a dimension keeps its values, `name!` drops them; several values are alternatives. What means
nothing is ignored or matches nothing; it is never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay
from django.http import QueryDict

from analytics.console.cards.labels import NONE
from analytics.console.periods import zone_or_utc
from analytics.query import Filter
from analytics.rollups.cubes import ERROR_STATUSES
from gateway.choices import PriceStatus
from gateway.models import LedgerLine, Organization, Project, Team, VirtualKey

NEGATION = "!"
TAG = "tag."
MOST_VALUES = 20
MOST_TAGS = 5
LONGEST_VALUE = 200
UUIDS = ("team", "project", "api_key", "user")
BY_NAME: dict[str, tuple[Any, str]] = {
    "team": (Team, "slug"), "project": (Project, "slug"), "api_key": (VirtualKey, "prefix"),
}  # fmt: skip
COLUMNS = {
    "status": "status", "model": "model_served", "model_requested": "model_requested", "provider": "provider",
    "project": "project", "team": "team", "api_key": "api_key", "user": "user", "endpoint": "endpoint",
    "error_type": "error_type", "http_status": "http_status", "route": "route", "is_stream": "is_stream",
    "cache_status": "cache_status", "kind": "kind", "sdk": "sdk", "origin": "origin", "end_user": "end_user",
}  # fmt: skip
"""Dimension → column of the ledger, in the order of the page."""
COUNTED = tuple(name for name in COLUMNS if name != "end_user")
"""Those that rollups keep, so their values can be counted."""
ALIASES = {"key": "api_key"}
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Condition:
    """`dimension` is one of `values`, or none of them."""

    dimension: str
    values: tuple[str, ...]
    is_negated: bool = False

    @property
    def parameter(self) -> str:
        return self.dimension + NEGATION * self.is_negated


@dataclass(frozen=True, slots=True)
class Filters:
    """All conditions hold. `least_ms`, `least_ttft_ms`, `least_cost`: at least that, None for no bound.
    `weekday` (1 Monday to 7 Sunday) and `hour` (0 to 23) are those of the beginning, in the reporting time zone."""

    conditions: tuple[Condition, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    least_ms: int | None = None
    least_ttft_ms: int | None = None
    least_cost: Decimal | None = None
    price_status: str = ""
    weekday: int | None = None
    hour: int | None = None

    @property
    def query(self) -> list[tuple[str, str]]:
        """As URL parameters, in a fixed order."""
        pairs = [(one.parameter, value) for one in self.conditions for value in one.values]
        pairs += [(TAG + name, value) for name, value in self.tags]
        bounds = {
            "min_duration_ms": self.least_ms, "min_ttft_ms": self.least_ttft_ms, "min_cost": self.least_cost,
            "price_status": self.price_status or None, "weekday": self.weekday, "hour": self.hour,
        }  # fmt: skip
        return pairs + [(name, f"{value}") for name, value in bounds.items() if value is not None]

    @property
    def is_countable(self) -> bool:
        """Whether the rollups know how many requests there are."""
        counted = all(one.dimension in COUNTED for one in self.conditions)
        return counted and self == Filters(conditions=self.conditions)

    def values(self, dimension: str, *, negated: bool = False) -> tuple[str, ...]:
        found = (one.values for one in self.conditions if (one.dimension, one.is_negated) == (dimension, negated))
        return next(found, ())

    def toggled(self, dimension: str, value: str, *, negated: bool = False) -> Filters:
        """With `value` chosen (or left out, `negated`); without it where it is already. A value is never in both."""
        was_on = value in self.values(dimension, negated=negated)
        less = self.without(dimension, value)
        if was_on:
            return less
        values = (*less.values(dimension, negated=negated), value)
        rest = [one for one in less.conditions if (one.dimension, one.is_negated) != (dimension, negated)]
        return replace(less, conditions=_ordered([*rest, Condition(dimension, values, negated)]))

    def without(self, dimension: str, value: str | None = None) -> Filters:
        """Without one value of a dimension, or without the dimension."""
        kept = []
        for one in self.conditions:
            if one.dimension != dimension:
                kept.append(one)
            elif value is not None and (left := tuple(each for each in one.values if each != value)):
                kept.append(replace(one, values=left))
        return replace(self, conditions=tuple(kept))

    @property
    def asked(self) -> list[Filter]:
        """What the rollups can answer of it, as the metrics layer takes it."""
        return [
            Filter(one.dimension, "not_in" if one.is_negated else "in", [None if v == NONE else v for v in one.values])
            for one in self.conditions
            if one.dimension in COUNTED
        ]

    def narrow(self, lines: QuerySet[LedgerLine], organization: Organization) -> QuerySet[LedgerLine]:
        """`organization`: where slugs and key prefixes are looked up, within the same statement."""
        for one in self.conditions:
            matches = _matches(one, organization)
            lines = lines.filter(~matches if one.is_negated else matches)
        for name, value in self.tags:
            lines = lines.filter(tag_set__contains={name: value})
        zone = zone_or_utc(organization.reporting_timezone)
        if self.weekday is not None:
            lines = lines.alias(on_weekday=ExtractIsoWeekDay("started_at", tzinfo=zone)).filter(on_weekday=self.weekday)
        if self.hour is not None:
            lines = lines.alias(at_hour=ExtractHour("started_at", tzinfo=zone)).filter(at_hour=self.hour)
        bounds = {"duration_ms": self.least_ms, "ttft_ms": self.least_ttft_ms, "cost": self.least_cost}
        lines = lines.filter(**{f"{name}__gte": least for name, least in bounds.items() if least is not None})
        return lines.filter(price_status=self.price_status) if self.price_status else lines


def read_filters(params: QueryDict) -> Filters:
    """The filters of a URL; older spellings are understood: `key`, `status=failed`, `status=unpriced`."""
    found: dict[tuple[str, bool], list[str]] = {}
    tags: list[tuple[str, str]] = []
    price_status = params.get("price_status", "")
    for parameter in params:
        name, negated = parameter.removesuffix(NEGATION), parameter.endswith(NEGATION)
        values = _cleaned(params.getlist(parameter))
        if name == "status" and PriceStatus.UNPRICED in values and not negated:
            price_status, values = PriceStatus.UNPRICED, [each for each in values if each != PriceStatus.UNPRICED]
        dimension = ALIASES.get(name, name)
        if dimension in COLUMNS and values:
            found.setdefault((dimension, negated), []).extend(values)
        elif parameter.startswith(TAG) and values:
            tags.append((parameter.removeprefix(TAG)[:LONGEST_VALUE], values[0]))
    conditions = [
        Condition(dimension, tuple(dict.fromkeys(_failures(dimension, values)))[:MOST_VALUES], negated)
        for (dimension, negated), values in found.items()
    ]
    return Filters(
        conditions=_ordered(conditions),
        tags=tuple(tags[:MOST_TAGS]),
        least_ms=_whole(params.get("min_duration_ms")),
        least_ttft_ms=_whole(params.get("min_ttft_ms")),
        least_cost=_amount(params.get("min_cost")),
        price_status=price_status if price_status in PriceStatus.values else "",
        weekday=_within(params.get("weekday"), 1, 7),
        hour=_within(params.get("hour"), 0, 23),
    )


def _ordered(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    places = list(COLUMNS)
    return tuple(sorted(conditions, key=lambda one: (places.index(one.dimension), one.is_negated)))


def _cleaned(values: Sequence[str]) -> list[str]:
    return [text for value in values if (text := value.replace("\0", "").strip()[:LONGEST_VALUE])]


def _failures(dimension: str, values: Sequence[str]) -> list[str]:
    """`failed` stands for all statuses of failures."""
    if dimension != "status" or FAILED not in values:
        return list(values)
    return [*ERROR_STATUSES, *(value for value in values if value != FAILED)]


def _matches(one: Condition, organization: Organization) -> Q:
    column = COLUMNS[one.dimension]
    known = [typed for value in one.values if (typed := _typed(one.dimension, value)) is not None]
    found = Q(**{f"{column}__in": known}) if known else Q(id__in=[])
    named = [value for value in one.values if value != NONE and _uuid(value) is None]
    if one.dimension in BY_NAME and named:
        model, field = BY_NAME[one.dimension]
        rows = model._default_manager.filter(organization=organization, **{f"{field}__in": named})
        found |= Q(**{f"{column}__in": rows.values("pk")})
    return found | Q(**{f"{column}__isnull": True}) if NONE in one.values else found


def _typed(dimension: str, value: str) -> Any:
    """As the column has it; None for not set, and for what no column of the kind can hold."""
    if value == NONE:
        return None
    if dimension in UUIDS:
        return _uuid(value)
    if dimension == "http_status":
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= 4 else None
    if dimension == "is_stream":
        return {"true": True, "false": False}.get(value.lower())
    return value


def identities(values: Iterable[str]) -> tuple[list[UUID], list[str]]:
    """Ids, and names that are none."""
    found = {value: _uuid(value) for value in values}
    return [known for known in found.values() if known], [name for name, known in found.items() if known is None]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _within(text: str | None, least: int, most: int) -> int | None:
    """A whole number of one or two digits from `least` to `most`."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= 2):
        return None
    return int(text) if least <= int(text) <= most else None


def _whole(text: str | None) -> int | None:
    amount = _amount(text)
    return None if amount is None else int(amount)


def _amount(text: str | None) -> Decimal | None:
    """A number above 0 and below a billion."""
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 < amount < 10**9 else None


Names = Mapping[str, Mapping[str, str]]
"""Dimension → value → what people call it."""
