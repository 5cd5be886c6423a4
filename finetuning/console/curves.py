"""Curves of a job as chart cards: loss, and token accuracy as told and without the vendor's hidden tokens. No query."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analytics.console import charts
from analytics.console.cards import Card, LegendEntry, Row, Table
from analytics.console.colors import color, pattern_number
from analytics.console.format import DASH, percent
from finetuning.answers.insights import JobInsights, corrected
from finetuning.choices import Backend
from finetuning.models import JobPoint

MOST_PLACES = 400
"""Of the chart; a longer curve is thinned evenly, its last point stays."""
MOST_ROWS = 100
DASHED = 8
"""From this slot on a line has the colour of the slot 8 before it, dashed."""
STEPS_AXIS = {
    "type": "linear", "automargin": True, "showgrid": False, "fixedrange": True, "rangemode": "tozero", "nticks": 8,
    "unifiedhovertitle": {"text": "step %{x}"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: its value at each point, None where nothing was measured."""

    name: str
    slot: int
    values: Sequence[float | None]


def loss_card(found: JobInsights) -> Card | None:
    """None before anything was measured."""
    points = thinned(found.points, MOST_PLACES)
    curves = [
        _measured("Train loss", 0, points, "train_loss"),
        _measured("Held-out loss, one batch", 1, points, "valid_loss"),
        _measured("Held-out loss", 3, points, "full_valid_loss"),
    ]  # fmt: skip
    insight = found.insight
    summary = "Nothing was measured yet."
    if insight.best_step is not None:
        basis = "Held-out" if insight.basis == "held_out" else "Train"
        summary = f"{basis} loss was lowest at step {insight.best_step:,}: {insight.best_loss:.4g}."
    unit = "nats a line" if _is_head(found) else "nats a token"
    return _card("loss", "Loss", unit, summary, points, curves, lambda value: f"{value:.4g}")


def accuracy_card(found: JobInsights) -> Card | None:
    """None when no accuracy was measured."""
    points = thinned(found.points, MOST_PLACES)
    curves = []
    for slot, (name, field, basis) in enumerate(
        (("Train", "train_accuracy", "train"), ("Held-out, one batch", "valid_accuracy", "valid"),
         ("Held-out", "full_valid_accuracy", "valid"))
    ):  # fmt: skip
        told = _measured(f"{name}, as told", slot, points, field)
        answers = found.answers[basis]
        true = [corrected(value, answers) for value in told.values]
        curves += [told, Curve(f"{name}, corrected", slot + DASHED, true)]
    newest = next((one for one in reversed(found.accuracies) if one.corrected is not None), None)
    summary = "Share of answer tokens that are right, as the backend tells it."
    if newest is not None:
        summary = (
            f"At step {newest.step:,}, {percent(newest.corrected)} of the answer tokens are right; the vendor says "
            f"{percent(newest.reported)}, which counts two hidden tokens of each example."
        )
    if _is_head(found):
        summary = "Share of lines whose label is right."
        return _card("accuracy", "Accuracy", "share of lines", summary, points, curves, percent)
    return _card("accuracy", "Token accuracy", "share of answer tokens", summary, points, curves, percent)


def _is_head(found: JobInsights) -> bool:
    """A local head answers a line with one label: its curves count lines, where others count tokens."""
    return found.job.backend == Backend.LOCAL_HEAD


def thinned(points: Sequence[JobPoint], most: int) -> Sequence[JobPoint]:
    """At most `most`, evenly, the last one always."""
    if len(points) <= most:
        return points
    every = -(-len(points) // most)
    last = len(points) - 1
    return [point for place, point in enumerate(points) if (last - place) % every == 0]


def _measured(name: str, slot: int, points: Sequence[JobPoint], field: str) -> Curve:
    values = [getattr(point, field) for point in points]
    return Curve(name, slot, [value if value is not None and math.isfinite(value) else None for value in values])


def _card(
    id: str, title: str, unit: str, summary: str, points: Sequence[JobPoint], curves: Sequence[Curve],
    words: Callable[[float | None], str],
) -> Card | None:  # fmt: skip
    shown = [curve for curve in curves if any(value is not None for value in curve.values)]
    if not shown:
        return None
    texts = [[DASH if value is None else words(value) for value in curve.values] for curve in shown]
    series = [
        charts.Series(curve.name, curve.slot, curve.values, [f"{curve.name}: {text}" for text in told])
        for curve, told in zip(shown, texts, strict=True)
    ]
    figure = charts.lines(charts.Plot([str(point.step) for point in points], "step", {}), series)
    figure["layout"]["xaxis"] = STEPS_AXIS
    for trace in figure["data"]:
        trace |= {"connectgaps": True, "x": [point.step for point in points]}
    places = {point.step for point in thinned(points, MOST_ROWS)}
    rows = tuple(
        Row(f"{point.step:,}", tuple(told[place] for told in texts),
            tuple(_exact(curve.values[place]) for curve in shown), str(point.step))
        for place, point in enumerate(points) if point.step in places
    )  # fmt: skip
    legend = tuple(
        LegendEntry(curve.name, color(curve.slot), pattern_number(curve.slot), is_line=True) for curve in shown
    )
    table = Table("Step", tuple(curve.name for curve in shown), rows)
    return Card(id=id, title=title, summary=summary, unit=unit, figure=figure, table=table, legend=legend)


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)
