"""Key figures of speed and reliability, and percentile ribbons over time, from one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analytics.console import charts, colors, format
from analytics.console.cards import Card, LegendEntry, Row, Table, Why, marks, values
from analytics.console.cards.buckets import Buckets
from analytics.console.cards.card import ShownMark
from analytics.console.cards.why import asked, why
from analytics.console.questions import Questions
from analytics.console.tiles import Shown, Tile, tile
from analytics.console.usage.series import compared_window
from analytics.console.usage.state import State
from analytics.metrics import MEASURES, Measure
from analytics.query import Result, Value
from gateway.console import Mark


@dataclass(frozen=True, slots=True)
class Ribbon:
    """One ribbon: its `measures` from the lowest to the highest value; `main` is compared with the window before, and
    `tail` the words of its last percentile."""

    id: str
    title: str
    measures: tuple[str, ...]
    main: str
    slot: int
    sentence: str


RIBBONS = (
    Ribbon("latency", "Latency of whole answers", ("latency_p50", "latency_p95", "latency_p99"), "latency_p95", 0,
           "Half of the answers were complete within {0}, 95 % within {1}, 99 % within {2}"),
    Ribbon("ttft", "Time to first token", ("ttft_p50", "ttft_p95", "ttft_p99"), "ttft_p95", 2,
           "Half of the streams began within {0}, 95 % within {1}, 99 % within {2}"),
    Ribbon("output-rate", "Output speed", ("output_rate_p05", "output_rate_p50", "output_rate_p95"), "output_rate_p50",
           3, "Half of the streams wrote more than {1} tokens/s, 95 % more than {0}, the fastest 5 % more than {2}"),
)  # fmt: skip


def _speed(value: Value, _: str) -> str:
    return format.DASH if value is None else f"{value:,.0f}{format.NARROW}tok/s"


def _score(value: Value, _: str) -> str:
    return format.DASH if value is None else f"{value:.3f}"


TILES = (
    Shown("latency_p95", "Latency p95", lambda v, _: format.duration(v), "slower", "faster", "down", unit="ms"),
    Shown("ttft_p95", "First token p95", lambda v, _: format.duration(v), "slower", "faster", "down", unit="ms"),
    Shown("output_rate_p50", "Output speed p50", _speed, "faster", "slower", "up", unit="tokens/s"),
    Shown("error_rate", "Error rate", lambda v, _: format.percent(v), good="down", is_ratio=True),
    Shown("availability", "Availability", lambda v, _: format.percent(v), good="up", is_ratio=True),
    Shown("apdex", "Apdex", _score, "higher", "lower", "up"),
)
ASKED = asked(*(name for ribbon in RIBBONS for name in ribbon.measures), *(shown.name for shown in TILES))


@dataclass(frozen=True)
class Percentiles:
    """The answer of the period and, bucket by bucket, of the window compared with."""

    state: State
    result: Result
    buckets: Buckets
    changes: Sequence[Mark]
    before: Result | None

    @property
    def is_empty(self) -> bool:
        return not self.result.totals.get("requests")

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(
            tile(shown, self.result, self.state.period.label, self.state.before, self._why(shown)) for shown in TILES
        )

    def _why(self, shown: Shown) -> Why:
        state = self.state
        return why([MEASURES[shown.name]], self.result, state.period, state.rows_url(), state.words)


def load(questions: Questions, state: State, now: datetime) -> Percentiles:
    """Raises QueryError. Two queries of figures when there is something to compare with, and those of the marks."""
    more = {"granularity": state.grain, "filters": state.conditions}
    result = questions.ask(ASKED, compare_to=state.compared, **more)
    before = None
    if state.before:
        start, end = compared_window(state)
        before = questions.ask([ribbon.main for ribbon in RIBBONS], start=start, end=end, **more)
    buckets = Buckets(state.period, state.grain, now)
    return Percentiles(state, result, buckets, questions.changes, before)


def card(found: Percentiles, ribbon: Ribbon, csv_url: str) -> Card:
    """The chart card of one ribbon."""
    measures = [MEASURES[name] for name in ribbon.measures]
    placed, drawn = marks.shown(found.changes, found.buckets), _table(found, measures)
    return Card(
        id=ribbon.id,
        title=ribbon.title,
        summary=summary(found, ribbon),
        unit=values.unit(measures[0], found.result.currency),
        table=replace(drawn, rows=marks.in_rows(drawn.rows, placed)),
        figure=_figure(found, ribbon, measures, placed),
        legend=_legend(found, ribbon, measures),
        csv_url=csv_url,
        why=why(measures, found.result, found.state.period, found.state.rows_url(), found.state.words),
        marks=tuple(mark for _, mark in placed),
    )


def summary(found: Percentiles, ribbon: Ribbon) -> str:
    """One sentence: the percentiles of the whole period, the change of the main one, when it was worst."""
    totals = [found.result.totals.get(name) for name in ribbon.measures]
    if any(value is None for value in totals):
        return "Nothing was measured in this period."
    main = MEASURES[ribbon.main]
    text = ribbon.sentence.format(*(_text(MEASURES[n], v) for n, v in zip(ribbon.measures, totals, strict=True)))
    if found.state.before:
        more, less = ("faster", "slower") if main.format == "rate" else ("slower", "faster")
        change = found.result.change.get(main.name)
        text += f"; {main.label} is {format.change_words(change, found.state.before, more=more, less=less)}"
    line = _line(found.result, main)
    known = [i for i, value in enumerate(line) if value is not None]
    worst = (min if main.format == "rate" else max)(known, key=lambda i: float(line[i] or 0))
    slowest = f"the slowest {found.buckets.unit} was {found.buckets.spoken(worst)} with {_text(main, line[worst])}"
    return f"{text}; {slowest}.{found.buckets.partial_words}"


def _table(found: Percentiles, measures: Sequence[Measure]) -> Table:
    buckets, state = found.buckets, found.state
    lines, edges, times = [_line(found.result, measure) for measure in measures], buckets.edges, buckets.times
    rows = tuple(
        _row(
            label, measures, [line[i] for line in lines], times[i].isoformat(), state.bucket_url(edges[i], edges[i + 1])
        )
        for i, label in enumerate(buckets.labels)
    )
    foot = _row("Whole period", measures, [found.result.totals.get(measure.name) for measure in measures])
    return Table(
        f"{buckets.unit.capitalize()} ({state.period.zone})", tuple(_column(m) for m in measures), rows, foot
    )  # fmt: skip


def _row(label: str, measures: Sequence[Measure], cells: Sequence[Value], exact_label: str = "", url: str = "") -> Row:
    texts = tuple(_text(measure, cell) for measure, cell in zip(measures, cells, strict=True))
    return Row(label, texts, tuple(values.exact(_rounded(cell)) for cell in cells), exact_label, url)


def _rounded(value: Value) -> Value:
    return round(value, 3) if isinstance(value, float) else value


def _column(measure: Measure) -> str:
    return f"{measure.label}, {measure.unit}"


def _figure(
    found: Percentiles, ribbon: Ribbon, measures: Sequence[Measure], placed: Sequence[tuple[int, ShownMark]]
) -> charts.Figure:
    drawn = [_trace(measure.label, ribbon.slot, measure, _line(found.result, measure)) for measure in measures]
    before = None
    if found.before is not None:
        main = MEASURES[ribbon.main]
        line = _line(found.before, main)[: len(found.buckets.times)]
        before = _trace("Before", ribbon.slot, main, line)
    tops = [value for trace in drawn for value in trace.values if value is not None]
    plot = charts.Plot(
        places=found.buckets.places,
        grain=found.buckets.grain,
        axis=values.axis(measures[0], found.result.currency, max(tops, default=0)),
        marks=[(bucket, mark.number, mark.text) for bucket, mark in placed],
        drill={"url": found.state.rows_base, "by": "", "edges": found.buckets.edges},
    )
    return charts.ribbon(plot, drawn, before)


def _trace(name: str, slot: int, measure: Measure, line: Sequence[Value]) -> charts.Series:
    return charts.Series(
        name, slot, [values.plotted(measure, value) for value in line], [_text(measure, value) for value in line]
    )


def _legend(found: Percentiles, ribbon: Ribbon, measures: Sequence[Measure]) -> tuple[LegendEntry, ...]:
    color = colors.color(ribbon.slot)
    entries = [LegendEntry(measure.label, color, place, is_line=True) for place, measure in enumerate(measures)]
    if found.before is not None:
        named = f"{MEASURES[ribbon.main].label}, {found.state.before}"
        entries.append(LegendEntry(named, charts.BEFORE_COLOR, 2, is_line=True))
    return tuple(entries)


def _line(result: Result, measure: Measure) -> list[Value]:
    return [point.measures.get(measure.name) for point in result.series]


def _text(measure: Measure, value: Value) -> str:
    return values.text(measure, value, "")
