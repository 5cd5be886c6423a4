"""One measure over time as a chart card: stacked by the values of a dimension, or as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from analytics.console import charts, colors, format
from analytics.console.cards import Card, LegendEntry, Row, Table, labels, marks, values
from analytics.console.cards.buckets import Buckets
from analytics.console.cards.card import ShownMark
from analytics.console.cards.why import asked, why
from analytics.console.questions import Questions
from analytics.console.usage import dimensions
from analytics.console.usage.state import State
from analytics.metrics import Measure
from analytics.query import Result, Value
from gateway.console import Mark


@dataclass(frozen=True)
class Series:
    """The answer to a page's question by bucket: `cells[key][i]` of bucket i, keys in rank order, the rest last.
    `before`: the whole of the window compared with, bucket by bucket, where one is drawn."""

    state: State
    result: Result
    names: Mapping[str, str]
    slots: Mapping[str, int]
    buckets: Buckets
    changes: Sequence[Mark] = ()
    before: Sequence[Value] | None = None

    @property
    def measure(self) -> Measure:
        return self.state.declared

    @cached_property
    def cells(self) -> dict[str, list[Value]]:
        places = {at: place for place, at in enumerate(self.buckets.times)}
        found: dict[str, list[Value]] = {}
        for group in self.result.groups:
            found.setdefault(self._key(group.dimensions), [None] * len(places))
        for point in self.result.series:
            line = found.setdefault(self._key(point.dimensions), [None] * len(places))
            if point.time in places:
                line[places[point.time]] = point.measures.get(self.measure.name)
        if not self.state.by:
            return found
        empty = (None, 0) if self.measure.is_additive else (None,)
        return {key: line for key, line in found.items() if any(value not in empty for value in line)}

    @cached_property
    def totals(self) -> list[Value]:
        """Of each bucket; a measure that does not add up has none but the ungrouped line."""
        lines = list(self.cells.values())
        if not self.state.by:
            return lines[0] if lines else [None] * len(self.buckets.times)
        if not self.measure.is_additive:
            return [None] * len(self.buckets.times)
        return [sum((Decimal(str(line[i] or 0)) for line in lines), Decimal(0)) for i in range(len(self.buckets.times))]

    def text(self, value: Value) -> str:
        return values.text(self.measure, value, self.result.currency)

    def spoken(self, value: Value) -> str:
        return values.spoken(self.measure, value, self.result.currency)

    def _key(self, dimensions: Mapping[str, object]) -> str:
        if not self.state.by:
            return ""
        value = dimensions.get(self.state.by)
        return labels.value_of(value)  # type: ignore[arg-type]  # a dimension's value


def load(questions: Questions, state: State, now: datetime) -> Series:
    """Raises QueryError. Queries: the answer, names, colours, changes, and the compared window where it is drawn."""
    organization, user = questions.organization, questions.user
    result = questions.ask(
        asked(state.measure), dimensions=[state.by] if state.by else [], granularity=state.grain, limit=state.top,
        filters=state.conditions, compare_to=state.compared,
    )  # fmt: skip
    keys = [labels.value_of(group.dimensions[state.by]) for group in result.groups] if state.by else []
    buckets = Buckets(state.period, state.grain, now)
    return Series(
        state=state,
        result=result,
        names=labels.names(user, organization, state.by, keys) if state.by else {},
        slots=labels.slots(organization, state.by, keys) if state.by else {},
        buckets=buckets,
        changes=questions.changes,
        before=_before(questions, state) if not state.by and state.compare != "none" else None,
    )


def card(series: Series, *, id: str, csv_url: str) -> Card:
    """The chart card; the table alone where the state asks for one."""
    state, measure = series.state, series.measure
    title = f"{measure.label} by {series.buckets.unit}"
    if state.by:
        title += f" and {dimensions.label(state.by).lower()}"
    placed, drawn = marks.shown(series.changes, series.buckets), table(series)
    return Card(
        id=id,
        title=title,
        summary=summary(series),
        unit=values.unit(measure, series.result.currency),
        table=replace(drawn, rows=marks.in_rows(drawn.rows, placed)),
        figure=_figure(series, placed),
        legend=_legend(series),
        csv_url=csv_url,
        why=why([measure], series.result, state.period, state.rows_url(), state.words),
        marks=tuple(mark for _, mark in placed),
    )


def summary(series: Series) -> str:
    """One sentence: how much, compared with before, which part is the largest, when it was most."""
    measure, result = series.measure, series.result
    total = result.totals.get(measure.name)
    if not total:
        return f"No {measure.label.lower()} in this period." if total == 0 else "Nothing was measured in this period."
    parts = [f"{series.spoken(total)} {'in total' if measure.is_additive else 'over the whole period'}"]
    if series.state.before:
        parts[0] += f", {change_words(measure, result, series.state.before)}"
    parts += [part for part in (_largest(series), _peak(series)) if part]
    return "; ".join(parts) + f".{series.buckets.partial_words}{mixed_words(result)}"


CURRENCIES = frozenset({"currencies_mixed", "currencies_converted", "rate_missing"})


def mixed_words(result: Result) -> str:
    """What sums of money have of other currencies, as a sentence to append; empty without any."""
    return "".join(f" {note.message}" for note in result.notes if note.code in CURRENCIES)


def change_words(measure: Measure, result: Result, before: str) -> str:
    """The change of the total: relative, or in points for shares."""
    if measure.format == "percent":
        now, then = result.totals.get(measure.name), (result.previous_totals or {}).get(measure.name)
        known = now is not None and then is not None
        return format.points_words(Decimal(str(now)) - Decimal(str(then)) if known else None, before)
    return format.change_words(result.change.get(measure.name), before)


def table(series: Series) -> Table:
    """A row per bucket, a column per value of the dimension, totals where they add up."""
    state, buckets = series.state, series.buckets
    named = [series.names.get(key, key) for key in series.cells] if state.by else [series.measure.label]
    totalled = bool(state.by) and series.measure.is_additive
    found, edges, times = [], buckets.edges, buckets.times
    for i, label in enumerate(buckets.labels):
        cells = [line[i] for line in series.cells.values()] or [None]
        if totalled:
            cells.append(series.totals[i])
        url = state.bucket_url(edges[i], edges[i + 1])
        found.append(_row(series, label, cells, times[i].isoformat(), url))
    groups = {labels.value_of(g.dimensions[state.by]): g for g in series.result.groups} if state.by else {}
    whole = series.result.totals.get(series.measure.name)
    ends: list[Value] = [groups[key].measures.get(series.measure.name) for key in series.cells] if groups else [whole]
    foot = _row(series, "Total" if series.measure.is_additive else "Whole period", ends + ([whole] if totalled else []))
    return Table(
        head=f"{buckets.unit.capitalize()} ({state.period.zone})",
        columns=(*named, *(["Total"] if totalled else [])),
        rows=tuple(found),
        foot=foot,
    )


def _row(series: Series, label: str, cells: Sequence[Value], exact_label: str = "", url: str = "") -> Row:
    texts, exacts = (series.text(cell) for cell in cells), (values.exact(cell) for cell in cells)
    return Row(label, tuple(texts), tuple(exacts), exact_label, url)


def _largest(series: Series) -> str:
    named = {key: line for key, line in series.cells.items() if key not in (colors.OTHER, "")}
    groups = [g for g in series.result.groups if not g.is_other and g.measures.get(series.measure.name)]
    if not named or not groups:
        return ""
    best = max(groups, key=lambda group: Decimal(str(group.measures[series.measure.name])))
    name = series.names.get(labels.value_of(best.dimensions[series.state.by]), "")
    if series.measure.is_additive and best.share is not None:
        return f"{name} is the largest with {format.percent(best.share)} of it"
    return f"{name} is the highest with {series.spoken(best.measures[series.measure.name])}"


def _peak(series: Series) -> str:
    known = [i for i, value in enumerate(series.totals) if value]
    if not known:
        return ""
    peak = max(known, key=lambda i: Decimal(str(series.totals[i])))
    return (
        f"the highest {series.buckets.unit} was {series.buckets.spoken(peak)} with {series.spoken(series.totals[peak])}"
    )


def _figure(series: Series, placed: Sequence[tuple[int, ShownMark]]) -> charts.Figure:
    state, buckets = series.state, series.buckets
    drawn = [_trace(series, key, line) for key, line in series.cells.items()]
    tops = [float(value) for value in series.totals if value is not None]
    tops += [value for trace in drawn for value in trace.values if value is not None]
    if series.measure.format == "duration":
        tops = [top / values.MS_PER_S for top in tops]
    plot = charts.Plot(
        places=buckets.places,
        grain=buckets.grain,
        axis=values.axis(series.measure, series.result.currency, max(tops, default=0)),
        marks=[(bucket, mark.number, mark.text) for bucket, mark in placed],
        drill={"url": state.rows_base, "by": state.by, "edges": buckets.edges},
    )
    if state.shown_view == "lines":
        return charts.lines(plot, drawn, _before_trace(series))
    return charts.stacked(plot, drawn)


def _trace(series: Series, key: str, line: Sequence[Value]) -> charts.Series:
    return charts.Series(
        name=series.names.get(key, key) or series.measure.label,
        slot=series.slots.get(key, 0),
        values=[values.plotted(series.measure, value) for value in line],
        texts=[series.text(value) for value in line],
        key=None if key in (colors.OTHER, "") else key,
    )


def _before_trace(series: Series) -> charts.Series | None:
    if series.before is None:
        return None
    line = list(series.before[: len(series.buckets.times)])
    plotted = [values.plotted(series.measure, value) for value in line]
    return charts.Series("Before", 0, plotted, [series.text(value) for value in line])


def _legend(series: Series) -> tuple[LegendEntry, ...]:
    is_line = series.state.shown_view == "lines"
    entries = [
        LegendEntry(
            name=series.names.get(key, key),
            color=colors.color(series.slots[key]),
            pattern=colors.pattern_number(series.slots[key]),
            url="" if key == colors.OTHER else series.state.rows_url(**{series.state.by: key}),
            is_line=is_line,
        )
        for key in series.cells
        if key
    ]
    if series.before is not None and is_line:
        entries = [
            LegendEntry(series.measure.label, colors.color(0), is_line=True),
            LegendEntry(series.state.before.capitalize(), charts.BEFORE_COLOR, 2, is_line=True),
        ]
    return tuple(entries)


def _before(questions: Questions, state: State) -> list[Value]:
    """The compared window's own course, for a dotted line under the one of today."""
    start, end = compared_window(state)
    result = questions.ask(
        [state.measure], granularity=state.grain, filters=state.conditions, start=start, end=end
    )  # fmt: skip
    return [point.measures.get(state.measure) for point in result.series]


def compared_window(state: State) -> tuple[datetime, datetime]:
    """The window compared with, as the metrics layer cuts it."""
    compared = state.compared
    if isinstance(compared, tuple):
        return compared
    start, end = state.period.start, state.period.end
    if compared == "previous_period":
        return start - (end - start), start
    back = timedelta(days=365)
    try:
        return start.replace(year=start.year - 1), end.replace(year=end.year - 1)
    except ValueError:  # 29 February
        return start.astimezone(UTC) - back, end.astimezone(UTC) - back
