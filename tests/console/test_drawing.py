"""Sparklines, colours, figures: pure parts of the pages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import pytest

from analytics.console import charts, colors
from analytics.console.cards import buckets, values
from analytics.console.cards.buckets import Buckets
from analytics.console.cards.export import guarded
from analytics.console.periods import Period
from analytics.console.sparkline import sparkline, thin
from analytics.metrics import MEASURES

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def plotted(models: int = 2, days: int = 3) -> tuple[charts.Plot, list[charts.Series]]:
    names = [f"model-{i}" for i in reversed(range(models))]
    slots = colors.slots(names, sorted(names))
    places = [(DAY + timedelta(days=i)).strftime("%Y-%m-%dT%H:%M") for i in range(days)]
    series = [
        charts.Series(name, slots[name], [float(i + 1)] * days, [f"${i + 1}.00"] * days, name)
        for i, name in enumerate(names)
    ]
    return charts.Plot(
        places, "day", {"tickprefix": "$"}, marks=[(1, 1, "Deploy: Search <4>; Price of gpt-4o (openai) from here")]
    ), series


def test_sparkline_is_zero_based_and_leaves_gaps() -> None:
    drawn = sparkline([0.0, 10.0, None, 10.0, 5.0], "Cost, last 7 days")

    assert 'aria-label="Cost, last 7 days"' in drawn
    assert 'd="M2.0 30.0 L31.0 2.0 M89.0 2.0 L118.0 16.0"' in drawn


def test_sparkline_of_nothing_draws_nothing_and_escapes_its_label() -> None:
    drawn = sparkline([], "<b>")

    assert 'd=""' in drawn
    assert "&lt;b&gt;" in drawn


def test_thinning_keeps_the_spike() -> None:
    values: list[float | None] = [1.0] * 500
    values[321] = 99.0

    thinned = thin(values)

    assert len(thinned) == 60
    assert max(value for value in thinned if value is not None) == 99.0


def test_colours_follow_the_catalogue_and_stay_when_it_grows() -> None:
    before = colors.slots(["b", "a"], known=["a", "b"])
    after = colors.slots(["b", "a", "c"], known=["a", "b", "c"])

    assert before == {"b": 1, "a": 0}
    assert after == {"b": 1, "a": 0, "c": 2}
    assert colors.slots(["gone"]) == colors.slots(["gone"])


def test_colours_repeat_with_a_pattern_beyond_eight() -> None:
    names = [f"model-{i}" for i in range(colors.SLOTS)]
    looks = {(colors.color(slot), colors.pattern(slot)) for slot in colors.slots(names, names).values()}

    assert len(looks) == 24
    assert colors.color(colors.slots([colors.OTHER])[colors.OTHER]) == "--series-other"


def test_stacked_figure_is_valid_plotly() -> None:
    made = charts.stacked(*plotted())

    figure = go.Figure({"data": made["data"], "layout": made["layout"]})
    assert [trace.name for trace in figure.data] == ["model-1", "model-0"]
    assert figure.layout.barmode == "stack"
    assert figure.layout.yaxis.rangemode == "tozero"
    assert [shape.x0 for shape in figure.layout.shapes] == ["2026-11-02T00:00"]
    assert [note.text for note in figure.layout.annotations] == ["1"]
    assert figure.layout.annotations[0].hovertext == "Deploy: Search &lt;4&gt;<br>Price of gpt-4o (openai) from here"


def test_lines_and_ribbons_are_valid_plotly_and_end_with_the_window_before() -> None:
    plot, series = plotted()
    before = charts.Series("Before", 0, [1.0, None, 2.0], ["1", "—", "2"])

    lines, ribbon = charts.lines(plot, series, before), charts.ribbon(plot, series, before)

    drawn = go.Figure({"data": lines["data"], "layout": lines["layout"]})
    assert [trace.line.dash for trace in drawn.data] == ["solid", "solid", "dot"]
    drawn = go.Figure({"data": ribbon["data"], "layout": ribbon["layout"]})
    assert [trace.fill for trace in drawn.data] == [None, "tonexty", None]
    assert [trace["meta"]["color"] for trace in ribbon["data"]] == ["--series-1", "--series-1", "--text-3"]


def test_one_point_is_drawn_as_a_marker() -> None:
    plot = charts.Plot(["2026-11-01T00:00", "2026-11-02T00:00"], "day", {})

    made = charts.lines(plot, [charts.Series("a", 0, [None, 3.0], ["—", "3"])])

    assert made["data"][0]["mode"] == "lines+markers"


def test_huge_figures_keep_names_short_and_every_series() -> None:
    plot, series = plotted(models=100, days=90)
    series.append(charts.Series("x" * 200, 3, [9_876_543_210.12] * 90, ["$9.88 B"] * 90))

    made = charts.stacked(plot, series)

    assert len(made["data"]) == 101
    assert max(len(trace["name"]) for trace in made["data"]) == 32


MARCH = Period(
    "custom", datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), "UTC", DAY.date(), DAY.date()
)


def test_buckets_are_cut_by_the_period_and_know_what_is_not_complete() -> None:
    zoned = Period("24h", datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC), "Europe/Berlin",
                   DAY.date(), DAY.date())  # fmt: skip

    found = Buckets(zoned, "day", now=zoned.end)

    assert found.places == ["2026-03-28T00:00", "2026-03-29T00:00", "2026-03-30T00:00"]
    assert found.edges == [
        "2026-03-28T13:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00",
        "2026-03-30T14:00:00+02:00",
    ]  # fmt: skip
    assert found.partial_words == " The first and the last day are not complete."
    assert found.spoken(1) == "Sunday, 29 March"
    assert [found.index(at) for at in (zoned.start, datetime(2026, 3, 28, 23, tzinfo=UTC), zoned.end)] == [0, 1, None]
    assert Buckets(MARCH, "day", now=MARCH.end).partial == (False, False)
    assert Buckets(MARCH, "day", now=MARCH.start).partial == (False, True)


@pytest.mark.parametrize(
    ("days", "automatic", "usable"),
    [
        (1, "hour", ["quarter_hour", "hour", "day"]),
        (7, "day", ["quarter_hour", "hour", "day", "week"]),
        (90, "day", ["day", "week", "month"]),
        (365, "week", ["day", "week", "month"]),
        (731, "month", ["day", "week", "month"]),
    ],
)
def test_grains_follow_the_length_of_the_period(days: int, automatic: str, usable: list[str]) -> None:
    assert buckets.automatic(timedelta(days=days)) == automatic
    assert buckets.usable(timedelta(days=days)) == usable


@pytest.mark.parametrize(
    ("name", "value", "written", "exact", "axis"),
    [
        ("cost", Decimal("1234.5"), "$1,234.50", "1234.5", 1234.5),
        ("cost", Decimal("2E-7"), "$0.0000002", "0.0000002", 2e-7),
        ("latency_p95", 1240.0, "1.24\u202fs", "1240", 1.24),
        ("error_rate", 0.0213, "2.13\u202f%", "0.0213", 0.0213),
        ("requests", 1234567, "1,234,567", "1234567", 1234567.0),
        ("output_rate_p50", 119.26, "119.3", "119.26", 119.26),
        ("apdex", 0.9, "0.900", "0.9", 0.9),
        ("cost", None, "—", "", None),
    ],
)
def test_values_are_written_for_people_machines_and_axes(
    name: str, value: Any, written: str, exact: str, axis: float | None
) -> None:
    measure = MEASURES[name]

    assert values.text(measure, value, "USD") == written
    assert values.exact(value) == exact
    assert values.plotted(measure, value) == axis


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "-1"), ("-1.5", "-1.5"), ("-1+1", "'-1+1"), ("@x", "'@x"), ("a=1", "a=1"),
     ("\t=1", "'\t=1"), ("", "")],
)  # fmt: skip
def test_cells_that_a_spreadsheet_would_run_are_quoted(cell: str, written: str) -> None:
    assert guarded(cell) == written
