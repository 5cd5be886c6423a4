"""One series around an incident with its expected band, as plain lists for a chart. Pure."""

from dataclasses import dataclass

import numpy as np

from analytics.anomaly.frame import WHOLE, Frame
from analytics.anomaly.incidents import Incident
from analytics.anomaly.series import Floats
from analytics.anomaly.watch import PROPORTIONS, VOLUMES, Watch

BEFORE_H, AFTER_H, LONGEST_H = 72, 12, 240


@dataclass(frozen=True, slots=True)
class Picture:
    """Hours from `first` on; None where nothing is known."""

    first: int
    values: list[float | None]
    expected: list[float | None]
    lower: list[float | None]
    upper: list[float | None]


def picture(frame: Frame, found: Watch, incident: Incident) -> Picture:
    """The root's series from three days before to half a day after, at most ten days."""
    metric, scope = incident.root_key
    first = max(0, incident.start - BEFORE_H)
    last = min(frame.hours, incident.last + AFTER_H, first + LONGEST_H)
    hours = slice(first, last)
    peak = incident.root.peak
    row = frame.scopes.index(scope) if scope in frame.scopes else frame.scopes.index(WHOLE)
    values, expected = _values(frame, metric, row, incident, hours)
    if metric in VOLUMES:
        expected = found.bands[metric].expected[row, hours]
    elif metric in PROPORTIONS:
        expected = found.rates[metric][row, hours]
    size = np.ones(len(expected))
    if metric in VOLUMES and peak.expected > 0:  # the room grows with the hour's size
        size = np.sqrt(np.maximum(expected, 0) / peak.expected)
    low, high = (peak.expected - peak.lower) * size, (peak.upper - peak.expected) * size
    lower, upper = np.maximum(0.0, expected - low), expected + high
    return Picture(first, _plain(values), _plain(expected), _plain(lower), _plain(upper))


def _values(frame: Frame, metric: str, row: int, incident: Incident, hours: slice) -> tuple[Floats, Floats]:
    """The series, and what was expected where that is one figure."""
    peak, count = incident.root.peak, hours.stop - hours.start
    usual = np.full(count, peak.expected)
    figures = frame.figures
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric in VOLUMES:
            return figures[VOLUMES[metric]][row, hours], usual
        if metric in PROPORTIONS:
            successes, trials, _, _ = PROPORTIONS[metric]
            below = figures[trials][row, hours]
            return np.where(below > 0, figures[successes][row, hours] / below, np.nan), usual
        if metric == "price":
            listed = figures["list_cost"][row, hours]
            return np.where(listed > 0, figures["cost"][row, hours] / listed, np.nan), usual
        if metric == "served_model":
            models = frame.served.get(peak.scope[1], {})
            total = sum((series[hours] for series in models.values()), np.zeros(count))
            return np.where(total > 0, models.get(peak.usual, np.zeros(frame.hours))[hours] / total, np.nan), usual
    return figures[metric][row, hours], usual


def _plain(values: Floats) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]
