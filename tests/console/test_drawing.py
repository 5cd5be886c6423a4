"""Sparklines, colours, figures: pure parts of the pages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import plotly.graph_objects as go

from analytics.console import charts, colors
from analytics.console.sparkline import sparkline, thin

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def stacked(models: int = 2, days: int = 3) -> charts.StackedCosts:
    names = [f"model-{i}" for i in range(models)]
    return charts.StackedCosts(
        times=[DAY + timedelta(days=i) for i in range(days)],
        costs={name: [Decimal(i + 1)] * days for i, name in enumerate(reversed(names))},
        slots=colors.slots(names, names),
        granularity="day",
        zone="UTC",
        currency="USD",
    )


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


def test_cost_figure_is_valid_plotly_and_sums_to_its_table() -> None:
    chart = charts.cost_by_model(stacked())

    figure = go.Figure({"data": chart.figure["data"], "layout": chart.figure["layout"]})
    assert [trace.name for trace in figure.data] == ["model-1", "model-0"]
    assert figure.layout.barmode == "stack"
    assert figure.layout.yaxis.rangemode == "tozero"
    assert [row.total for row in chart.rows] == ["$3.00", "$3.00", "$3.00"]
    assert chart.rows[0].label == "Sun 1 Nov 2026"
    assert chart.summary.startswith("$9.00 in total; model-0 is the dearest model with 66.7")


def test_cost_figure_of_nothing_says_so() -> None:
    empty = charts.StackedCosts([], {}, {}, "day", "UTC", "USD")

    assert charts.cost_by_model(empty).summary == "No cost in this period."


def test_huge_figures_keep_names_short_and_every_model() -> None:
    data = stacked(models=100, days=90)
    long = "x" * 200
    data.costs[long] = [Decimal("9876543210.12")] * 90
    data.slots[long] = 3

    chart = charts.cost_by_model(data)

    assert len(chart.figure["data"]) == 101
    assert max(len(trace["name"]) for trace in chart.figure["data"]) == 32
    assert "$888,888,888,910.80" in chart.summary or "in total" in chart.summary
