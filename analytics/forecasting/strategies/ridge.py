"""Ridge autoregressions on differenced values, linear and on log1p, all origins and models in one recursion.

Coefficients of an origin come from the values before it alone. The rows of an earlier origin are the first rows of a
later one, so one pass over the design sums the Gram matrices of all of them. The penalty has a part that does not grow
with the history, without which two weeks of hours are too few for 28 lags.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.forecasting.periods import Period
from analytics.forecasting.shapes import Floats

PENALTY, SHORT_PENALTY = 0.003, 1000.0
SPARE_ROWS = 60
LOG_HEADROOM = 1.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """One model at one origin: the differences that precede it, its lags and their coefficients."""

    row: int
    differenced: Floats
    lags: tuple[int, ...]
    coefficients: Floats


def ridge_models(values: Floats, ends: list[int], horizon: int, period: Period) -> dict[str, Floats]:
    """One forecast array per model: every difference × lag set × scale of the period."""
    first = values[: min(ends)]
    scales = {"": values}
    if period.logs:
        scales["log "] = np.log1p(values / (float(first.mean()) or 1.0))
    fitted: list[tuple[str, Floats, int, list[Fitted]]] = []
    for scale, series in scales.items():
        for difference in period.differences:
            for number, lags in enumerate(period.lags):
                name = f"{scale}ridge {difference}/{number + 1}"
                models = list(_fit(series, ends, difference, lags))
                if models:
                    fitted.append((name, series, difference, models))
    paths = _recursion([model for *_, models in fitted for model in models], horizon)
    answers: dict[str, Floats] = {}
    position = 0
    for name, series, difference, models in fitted:
        answer = np.full((len(ends), horizon), np.nan)
        for model in models:
            end = ends[model.row]
            answer[model.row] = _integrated(series[:end], paths[position], difference, horizon)
            position += 1
        answers[name] = _back(answer, name.startswith("log"), values, ends, first)
    return answers


def _back(answer: Floats, log: bool, values: Floats, ends: list[int], first: Floats) -> Floats:
    """From the model's scale to the values', held within [0, twice the largest value seen]."""
    highest = np.array([values[:end].max() for end in ends])[:, None]
    if log:
        unit = float(first.mean()) or 1.0
        answer = np.expm1(np.minimum(answer, np.log1p(highest / unit) + LOG_HEADROOM)) * unit
    return np.clip(answer, 0.0, 2.0 * highest)


def _fit(series: Floats, ends: list[int], difference: int, lags: tuple[int, ...]) -> Iterator[Fitted]:
    """A model per origin with enough history; origins that can use the same lags share one design."""
    z = series[difference:] - series[:-difference]
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, end in enumerate(ends):
        length = end - difference
        usable = tuple(lag for lag in lags if lag < length - SPARE_ROWS)
        if usable and end >= difference + max(24, difference) + 80:
            groups.setdefault(usable, []).append(row)
    for usable, rows in groups.items():
        rows.sort(key=lambda row: ends[row])
        yield from _solve(z, rows, [ends[row] - difference for row in rows], usable)


def _solve(z: Floats, rows: list[int], lengths: list[int], lags: tuple[int, ...]) -> Iterator[Fitted]:
    longest = max(lags)
    design = np.stack([z[longest - lag : lengths[-1] - lag] for lag in lags], axis=1)
    target = z[longest : lengths[-1]]
    gram, moment, begin = np.zeros((len(lags), len(lags))), np.zeros(len(lags)), 0
    ridge = np.eye(len(lags))
    for row, length in zip(rows, lengths, strict=True):
        count = length - longest
        block = design[begin:count]
        gram = gram + block.T @ block
        moment = moment + block.T @ target[begin:count]
        begin = count
        penalty = float(np.var(target[:count])) * (PENALTY * count + SHORT_PENALTY / count) + 1e-12
        coefficients: Floats = np.linalg.solve(gram + penalty * ridge, moment).astype(np.float64, copy=False)
        yield Fitted(row, z[:length], lags, coefficients)


def _recursion(models: list[Fitted], horizon: int) -> Floats:
    """Differences step by step, float[models, horizon]; lags that a model lacks have coefficient 0."""
    if not models:
        return np.empty((0, horizon))
    longest = max(max(model.lags) for model in models)
    most = max(len(model.lags) for model in models)
    buffer = np.zeros((len(models), longest + horizon))
    positions = np.zeros((len(models), most), dtype=np.intp)
    weights = np.zeros((len(models), most))
    for at, model in enumerate(models):
        tail = model.differenced[-longest:]
        buffer[at, longest - len(tail) : longest] = tail
        positions[at, : len(model.lags)] = longest - np.array(model.lags)
        weights[at, : len(model.lags)] = model.coefficients
    flat = positions + np.arange(len(models))[:, None] * buffer.shape[1]
    line = buffer.reshape(-1)
    bound = 4.0 * np.maximum(np.abs(buffer).max(axis=1), 1e-12)
    for step in range(horizon):
        ahead = np.einsum("ij,ij->i", line[flat + step], weights)
        buffer[:, longest + step] = np.clip(ahead, -bound, bound)
    return buffer[:, longest:]


def _integrated(series: Floats, path: Floats, difference: int, horizon: int) -> Floats:
    """Undo the difference: every step adds to the one `difference` before it."""
    turns = -(-horizon // difference)
    padded = np.zeros(turns * difference)
    padded[:horizon] = path
    return np.asarray((padded.reshape(turns, difference).cumsum(axis=0) + series[-difference:]).reshape(-1)[:horizon])
