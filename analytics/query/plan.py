"""From question to plan: checked names, the smallest covering cube, the grains. No SQL text, no rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import get_args
from zoneinfo import ZoneInfo

from analytics.metrics import DIMENSIONS, MEASURES, Measure, stored
from analytics.models import DeclaredTag
from analytics.query import window as windows
from analytics.query.days import Kept
from analytics.query.scope import Scope
from analytics.query.shapes import Comparison, Filter, Having, Note, Query, QueryError
from analytics.query.values import TAG, Condition, conditions, is_subject
from analytics.query.window import Buckets, Range
from analytics.rollups import cubes
from analytics.rollups.cubes import Cube, Grain
from gateway.services import archivedlines

MAX_LIMIT = 10_000
MAX_POINTS = 200_000
COMPARISONS: tuple[str, ...] = get_args(Comparison)
MONEY_CHECK = "unpriced_requests"
MOST_ARCHIVED = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Order:
    """Rank of groups: by a measure or by a dimension's value."""

    measure: Measure | None
    dimension: str | None
    descending: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition on groups; `value` is what SQL compares with: of a figure per minute, the sum over the minutes."""

    measure: Measure
    op: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the SQL and the answer need. `segments`: index 0 is the window, index 1 the one compared to.
    `finer`: the cube that quarter-hours are read from. `archived_until`: those before are made again of archived lines
    (`analytics.query.archived`). `subject`: the one dimension of `cubes.SUBJECT` that is asked
    by; `cube` then holds the lines without it too."""

    query: Query
    scope: Scope
    cube: Cube
    finer: Cube
    subject: str | None
    measures: tuple[Measure, ...]
    dimensions: tuple[str, ...]
    conditions: tuple[Condition, ...]
    window: Range
    previous: Range | None
    buckets: Buckets
    segments: tuple[dict[Grain, list[Range]], ...]
    order: Order
    having: tuple[Threshold, ...]
    zone: ZoneInfo
    notes: tuple[Note, ...]
    archived_until: datetime | None = None

    @property
    def data_version(self) -> int:
        """Version of the rows that are read; a refresh makes it another."""
        return self.scope.live_version if self.cube is cubes.LIVE else self.scope.version

    def table(self, grain: Grain) -> str:
        """What is read of this grain."""
        return self._table(self.finer if grain == Grain.QUARTER_HOUR else self.cube, grain)

    def subject_table(self, grain: Grain) -> str:
        """The same of the lines' subjects."""
        return self._table(cubes.SUBJECT, grain)

    def _table(self, cube: Cube, grain: Grain) -> str:
        is_made = self.archived_until is not None and grain == Grain.QUARTER_HOUR
        return f"archived_{cube.name}" if is_made else cube.table(grain)

    @property
    def reads_local_days(self) -> bool:
        return any(Grain.LOCAL_DAY in grains for grains in self.segments)

    @property
    def columns(self) -> tuple[str, ...]:
        """Dimensions of the cube that the question reads, in declared order."""
        wanted = _stored([*self.dimensions, *(f.dimension for f in self.query.filters), *self.scope.dimensions])
        wanted |= {measure.column for measure in self.distincts if measure.column}
        return tuple(name for name in self.cube.dimensions if name in wanted)

    @property
    def sums(self) -> tuple[str, ...]:
        """Stored sums to read, in declared order; money also reads the unpriced count for its note."""
        wanted = set().union(*(measure.sums for measure in self._all_measures))
        if self.reads_money:
            wanted.add(MONEY_CHECK)
        return tuple(name for name in cubes.SUM_NAMES if name in wanted)

    @property
    def reads_money(self) -> bool:
        """Whether a figure is money or made of it."""
        return any(measure.is_money or cubes.MONEY_SUMS & measure.sums for measure in self._all_measures)

    @property
    def quantiles(self) -> tuple[Measure, ...]:
        return tuple(m for m in self._all_measures if m.kind == "quantile")

    @property
    def distincts(self) -> tuple[Measure, ...]:
        return tuple(m for m in self._all_measures if m.kind == "distinct")

    @property
    def beside(self) -> tuple[Measure, ...]:
        """Measures whose sums are not in the cubes."""
        return tuple(m for m in self._all_measures if m.beside)

    @property
    def ranking(self) -> tuple[Measure, ...]:
        """What groups are ordered and kept by."""
        by = [] if self.order.measure is None else [self.order.measure]
        return _once([*by, *(item.measure for item in self.having)])

    @property
    def _all_measures(self) -> tuple[Measure, ...]:
        return _once([*self.measures, *self.ranking])


def make_plan(query: Query, scope: Scope, now: datetime) -> Plan:
    """Raises QueryError for anything unknown or that no cube covers; may look up slugs in one statement each."""
    measures = tuple(_measure(name) for name in dict.fromkeys(query.measures))
    if not measures:
        raise QueryError("no_measure", "Name at least one measure.")
    check_names([*query.dimensions, *(f.dimension for f in query.filters)], scope)
    dimensions = tuple(dict.fromkeys(query.dimensions))
    if not 1 <= query.limit <= MAX_LIMIT:
        raise QueryError("limit_out_of_range", f"limit is between 1 and {MAX_LIMIT:,}.")
    order = _order(query, measures, dimensions)
    needed = _stored([*dimensions, *(f.dimension for f in query.filters), *scope.dimensions])
    subject = _subject(needed)
    needed -= {subject}
    ordered = [] if order.measure is None else [order.measure]
    read = [*measures, *ordered, *(_measure(item.measure) for item in query.having)]
    _check_beside(read, needed | ({subject} if subject else set()))
    needed |= {m.column for m in read if m.column}
    histograms = any(m.kind == "quantile" for m in read)
    live = not any(m.beside for m in read) and _is_live(query, needed | ({subject} if subject else set()), now)
    cube = cubes.LIVE if live else _cube(needed, histograms, subject, Grain.DAY)
    window, previous = _windows(query, windows.MINUTE if live else windows.QUARTER_HOUR)
    zone = windows.zone(query.timezone)
    buckets = windows.buckets(window, query.granularity, zone)
    local = zone if scope.local_days and scope.local_days[0] == query.timezone else None
    kept = Kept(None if live else scope.quarters_from, zone, local, scope.local_from)
    asked, before = buckets.edges, previous
    archived_until = None
    if kept.is_pruned(window[0]) and query.granularity in ("quarter_hour", "hour"):
        archived_until, kept = _archived_until(kept, scope, [window, *([previous] if previous else [])])
    buckets = replace(buckets, edges=kept.aligned(buckets.edges))
    if previous:
        previous = _range(kept.aligned(previous))
    if dimensions and query.granularity and len(buckets.names) * query.limit > MAX_POINTS:
        raise QueryError("too_many_points", "Take a coarser granularity, a shorter window or a lower limit.")
    return Plan(
        query=query,
        scope=scope,
        cube=cube,
        finer=cube if live else _cube(needed, histograms, subject, Grain.QUARTER_HOUR),
        subject=subject,
        measures=measures,
        dimensions=dimensions,
        conditions=conditions(query.filters, scope),
        window=(buckets.edges[0], buckets.edges[-1]),
        previous=previous,
        buckets=buckets,
        segments=_segments(buckets, previous, None if live else kept),
        order=order,
        having=_thresholds(query, dimensions, elapsed_minutes(*window, now)),
        zone=zone,
        notes=(*_notes(query, window), *_days_note(kept, (asked, before) != (buckets.edges, previous))),
        archived_until=archived_until,
    )


def _archived_until(kept: Kept, scope: Scope, asked: Sequence[Range]) -> tuple[datetime, Kept]:
    """Where quarter-hours begin again, and all of them as kept: lines of one organization are archived. Two queries at
    most. Raises QueryError."""
    since = kept.quarters_from
    assert since is not None
    old = [(start, min(end, since)) for start, end in asked if start < since]
    if len(scope.organizations) > 1 or not any(archivedlines.were_taken_out(*part) for part in old):
        raise QueryError("not_covered", f"Hours are kept since {since:%Y-%m-%d}; ask for what was before by the day.")
    if sum((end - start for start, end in old), timedelta()) > MOST_ARCHIVED:
        message = (
            f"Hours before {since:%Y-%m-%d} are made of archived lines: ask for {MOST_ARCHIVED.days} days at most."
        )
        raise QueryError("not_covered", message)
    return since, replace(kept, quarters_from=None)


def _stored(dimensions: Iterable[str]) -> set[str]:
    return {name for dimension in dimensions for name in stored(dimension)}


def _measure(name: str) -> Measure:
    try:
        return MEASURES[name]
    except KeyError:
        raise QueryError("unknown_measure", f"No measure {name!r}; there are {', '.join(MEASURES)}.") from None


def check_names(names: Sequence[str], scope: Scope) -> None:
    """Raises QueryError `unknown_dimension`, `undeclared_tag`; asks for the declared tags when one is named."""
    tags = {name for name in names if name.startswith(TAG)}
    for name in names:
        if name not in DIMENSIONS and name not in tags:
            known = ", ".join(DIMENSIONS)
            raise QueryError("unknown_dimension", f"No dimension {name!r}; there are {known}, and tag.<key>.")
    if not tags:
        return
    declared = DeclaredTag.objects.filter(organization__in=scope.organizations).values_list("key", flat=True)
    keys = sorted(set(declared))
    for name in sorted(tags):
        if name.removeprefix(TAG) not in keys:
            known = f"; declared are {', '.join(keys)}" if keys else ""
            message = f"Figures by {name} are not kept: an administrator has to declare the tag{known}."
            raise QueryError("undeclared_tag", message)


def _subject(needed: set[str]) -> str | None:
    """The one end user or tag dimension among them. Raises `not_covered` for two: they are kept one by one."""
    found = sorted(filter(is_subject, needed))
    if len(found) > 1:
        raise QueryError("not_covered", f"{' and '.join(found)} are kept one by one; ask them one at a time.")
    return found[0] if found else None


def _order(query: Query, measures: Sequence[Measure], dimensions: Sequence[str]) -> Order:
    if query.order is None:
        return Order(measures[0], None, descending=True)
    name, descending = query.order.removeprefix("-"), query.order.startswith("-")
    if name in dimensions:
        return Order(None, name, descending)
    if name in DIMENSIONS or name.startswith(TAG):
        raise QueryError("unknown_order", f"Order by {name!r} needs it among the dimensions.")
    return Order(_measure(name), None, descending)


def _once(measures: Iterable[Measure]) -> tuple[Measure, ...]:
    return tuple({measure.name: measure for measure in measures}.values())


def _thresholds(query: Query, dimensions: Sequence[str], minutes: float) -> tuple[Threshold, ...]:
    if query.having and not dimensions:
        raise QueryError("having_without_dimensions", "having chooses among groups: name a dimension to group by.")
    return tuple(_threshold(item, minutes) for item in query.having)


def _threshold(item: Having, minutes: float) -> Threshold:
    measure = _measure(item.measure)
    if item.op not in COMPARISONS:
        raise QueryError("unknown_operator", f"No comparison {item.op!r}; there are {', '.join(COMPARISONS)}.")
    try:
        value = Decimal(str(item.value))
    except InvalidOperation:
        value = Decimal("nan")
    if isinstance(item.value, bool) or not value.is_finite():
        raise QueryError("bad_value", f"having {item.measure} takes a number, not {item.value!r}.")
    return Threshold(measure, item.op, value * Decimal(str(minutes)) if measure.kind == "per_minute" else value)


def elapsed_minutes(start: datetime, end: datetime, now: datetime) -> float:
    """Elapsed minutes of a window: what has not happened yet does not count."""
    return max(0.0, (min(end, now) - start).total_seconds() / 60)


def _cube(needed: set[str], histograms: bool, subject: str | None, grain: Grain) -> Cube:
    """The smallest cube that covers what is asked; with a subject, for the lines that do not have it."""
    if subject:
        _check_subject(subject, needed, histograms)
    for cube in cubes.WHOLE:
        if cube.covers(needed, histograms=histograms, grain=grain):
            return cube
    names = ", ".join(sorted(needed - {"organization"}))
    raise QueryError("not_covered", f"Percentiles are not kept by {names} together; ask them by fewer dimensions.")


def _check_subject(subject: str, needed: set[str], histograms: bool) -> None:
    """Raises `not_covered` for what is not kept with a subject."""
    also = needed - set(cubes.SUBJECT.dimensions)
    if also or histograms:
        what = f"by {', '.join(sorted(also))} together" if also else "for percentiles"
        kept = "organization, team, project, api_key, user, provider and model"
        raise QueryError("not_covered", f"{subject} is not kept {what}; it is with {kept}, for sums and ratios.")


def _check_beside(read: Iterable[Measure], needed: set[str]) -> None:
    """Raises `not_covered` for what is not kept with a measure that is not in the cubes."""
    for measure in read:
        if measure.beside and (also := needed - set(measure.beside.dimensions)):
            kept = ", ".join(measure.beside.dimensions)
            raise QueryError(
                "not_covered", f"{measure.name} is not kept by {', '.join(sorted(also))}; it is by {kept}."
            )


def _is_live(query: Query, needed: set[str], now: datetime) -> bool:
    """Whether the minute cube answers: asked by the minute, or a window of the last hours that cuts quarter-hours."""
    kept = query.start >= now - timedelta(hours=cubes.MINUTES_KEPT_H)
    covered = cubes.LIVE.covers(needed, histograms=True, grain=Grain.MINUTE)
    if query.granularity == "minute":
        if not (kept and covered):
            message = f"Minutes are kept {cubes.MINUTES_KEPT_H} hours, by organization, model and status alone."
            raise QueryError("not_covered", message)
        return True
    ragged = windows.align(query.start, query.end, windows.QUARTER_HOUR) != windows.align(
        query.start, query.end, windows.MINUTE
    )
    return kept and covered and ragged and query.granularity is None


def compared_window(query: Query) -> Range | None:
    """The window that a question compares with, in whole quarter-hours; None for none. Raises QueryError."""
    return _windows(query, windows.QUARTER_HOUR)[1]


def _windows(query: Query, step: timedelta) -> tuple[Range, Range | None]:
    start, end = windows.align(query.start, query.end, step)
    match query.compare_to:
        case "none":
            return (start, end), None
        case "previous_period":
            return (start, end), (start - (end - start), start)
        case "previous_year":
            return (start, end), (_year_before(start), _year_before(end))
        case (datetime() as first, datetime() as last):
            return (start, end), windows.align(first, last, step)
    raise QueryError("unknown_comparison", "compare_to is none, previous_period, previous_year or a window.")


def _year_before(at: datetime) -> datetime:
    try:
        return at.replace(year=at.year - 1)
    except ValueError:  # 29 February
        return at.replace(year=at.year - 1, day=28)


def _segments(buckets: Buckets, previous: Range | None, kept: Kept | None) -> tuple[dict[Grain, list[Range]], ...]:
    """Per compared window: which ranges each grain answers for; without `kept` minutes do."""
    edges = [buckets.edges, *([previous] if previous else [])]
    if kept is None:
        return tuple({Grain.MINUTE: [_range(item)]} for item in edges)
    return tuple(kept.segments(item) for item in edges)


def _range(edges: Sequence[datetime]) -> Range:
    return edges[0], edges[-1]


def _days_note(kept: Kept, moved: bool) -> tuple[Note, ...]:
    if not moved:
        return ()
    since = f"{kept.quarters_from:%Y-%m-%d}"
    return (Note("days_alone", f"Before {since} whole days are kept, in UTC unless in the reporting time zone."),)


def _notes(query: Query, window: Range) -> tuple[Note, ...]:
    if window == (query.start.astimezone(UTC), query.end.astimezone(UTC)):
        return ()
    start, end = (f"{at:%Y-%m-%d %H:%M}" for at in window)
    return (Note("window_aligned", f"The window was widened to whole quarter-hours: {start} to {end} UTC."),)


def filters_as_given(filters: Sequence[Filter]) -> list[dict[str, object]]:
    """Filters as JSON-ready maps."""
    return [{"dimension": f.dimension, "op": f.op, "values": [_plain(v) for v in f.values]} for f in filters]


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
