"""What is asked and what is answered: the shapes of one analytics question. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from gateway.conversion import Conversion

if TYPE_CHECKING:
    from gateway.models import Organization

Granularity = Literal["minute", "quarter_hour", "hour", "day", "week", "month"]
Operator = Literal["eq", "in", "ne", "not_in", "contains", "gt", "lt"]
Comparison = Literal["gt", "gte", "lt", "lte", "eq", "ne"]
Value = Decimal | float | int | None
"""Money is Decimal, counts int, ratios and times float; None where nothing was measured (never 0 for unknown)."""
DimensionValue = str | int | bool | None

OTHER = "Other"


class QueryError(ValueError):
    """A question that has no answer as asked. `code` is stable, `message` says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Filter:
    """Narrow to lines whose `dimension` compares to `values`; None among the values means "not set"."""

    dimension: str
    op: Operator
    values: Sequence[object]


@dataclass(frozen=True, slots=True)
class Having:
    """Name only the groups whose `measure` over the whole window compares to `value`; the others go to the rest bucket,
    so shares still add up. A group where the measure is None (nothing was measured) goes there too."""

    measure: str
    op: Comparison
    value: Decimal | float | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question about `[start, end)`. `order`: a measure or dimension, `-` in front for descending. `having`: all of
    them; it needs dimensions. Besides the declared dimensions there is `tag.<key>` for each key that the organization
    has declared."""

    measures: Sequence[str]
    start: datetime
    end: datetime
    dimensions: Sequence[str] = ()
    filters: Sequence[Filter] = ()
    granularity: Granularity | None = None
    timezone: str = "UTC"
    compare_to: str | tuple[datetime, datetime] = "none"
    order: str | None = None
    limit: int = 100
    organization: "Organization | UUID | str | None" = None
    having: Sequence[Having] = ()
    conversion: Conversion | None = None
    """Money in another currency: each bucket as it is stored (a day, or a quarter-hour) by the rate at its start. It
    must have one for all of both windows."""


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket (named by its start, in the asked time zone) of one group."""

    time: datetime
    dimensions: Mapping[str, DimensionValue]
    measures: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Group:
    """One combination of dimension values; `share` of the total of the ordering measure when that adds up. `previous`:
    its measures in the compared window, None when it was not there or nothing is compared; for the rest bucket,
    everything that is not among the groups."""

    dimensions: Mapping[str, DimensionValue]
    measures: Mapping[str, Value]
    share: float | None
    is_other: bool = False
    previous: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something the reader must know about the figures."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """The answer; maps are keyed by measure name. `query` is the question as understood, JSON-ready. `stale`: the
    figures could not be read again, these are the last ones (of `generated_at`, at most an hour old)."""

    generated_at: datetime
    data_version: int
    rollup_lag_s: float
    currency: str
    timezone: str
    query: Mapping[str, object]
    totals: Mapping[str, Value]
    previous_totals: Mapping[str, Value] | None = None
    change: Mapping[str, float | None] = field(default_factory=dict)
    series: Sequence[Point] = ()
    groups: Sequence[Group] = ()
    notes: Sequence[Note] = ()
    stale: bool = False
