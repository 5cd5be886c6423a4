"""`forecast`: back-test every strategy on the series itself, choose, forecast, and say how wrong it may be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.forecasting.cleaning import Series, clean
from analytics.forecasting.conformal import half_widths, normal, total_half_widths
from analytics.forecasting.effects import Effect, factors_of
from analytics.forecasting.ensemble import combine, weights
from analytics.forecasting.members import ENSEMBLE, predictions
from analytics.forecasting.origins import Origins, origins
from analytics.forecasting.periods import Period, period_of
from analytics.forecasting.shapes import Backtest, Candidate, Floats, Forecast, Total
from analytics.forecasting.structure import seasonality, trend

CLEARLY_BETTER = 0.9
LONGEST_HORIZON = 10_000
LONGEST_HISTORY = 5_000


def forecast(
    values: Iterable[float],
    *,
    horizon: int,
    period: str | int = "hour",
    levels: Sequence[float] = (0.5, 0.8, 0.95),
    effects: Sequence[Effect] = (),
) -> Forecast:
    """The next `horizon` steps of a series with intervals at `levels`.

    `values` are equally spaced, oldest first; NaN or infinity is a missing one. `period` is `hour`, `day`, `week`,
    `month` or the number of steps in a season. `effects` cover the history and the horizon. Raises ValueError for a
    series without any known value and for senseless arguments.
    """
    if isinstance(horizon, bool) or int(horizon) != horizon or not 1 <= horizon <= LONGEST_HORIZON:
        raise ValueError(f"horizon is a whole number of steps from 1 to {LONGEST_HORIZON:,}")
    if not levels or not all(0 < level < 1 for level in levels):
        raise ValueError("levels are shares between 0 and 1, such as 0.95")
    horizon, kind = int(horizon), period_of(period)
    values = np.array(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
    series = clean(values, kind.season)
    known = [_from(effect, series.dropped) for effect in effects]
    factors, said = factors_of(known, series.values, horizon, kind.season)
    plain = series.values / factors[: len(series.values)]
    unit = float(plain.max()) or 1.0
    plain = (plain / unit)[-LONGEST_HISTORY:]
    notes = [*series.notes, *said]
    if len(plain) < kind.short:
        drawn = _short(plain, horizon, kind, levels, notes)
    else:
        drawn = _backtested(plain, horizon, kind, levels, notes)
    return _answer(drawn, series, factors[len(series.values) :], unit, kind, plain, tuple(levels), notes)


def _from(effect: Effect, dropped: int) -> Effect:
    """The effect without the steps before the first known value."""
    factors, steps = effect.factors, effect.steps
    return Effect(
        effect.name,
        factors=None if factors is None else factors[dropped:],
        steps=None if steps is None else steps[dropped:],
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A forecast in the unit of its largest value, before effects."""

    mean: Floats
    half: dict[float, Floats]
    total_half: dict[float, float]
    method: str
    reason: str
    candidates: tuple[Candidate, ...]
    backtest: Backtest
    rmse: float
    low_confidence: bool


def _short(values: Floats, horizon: int, period: Period, levels: Sequence[float], notes: list[str]) -> Drawn:
    """The mean of the newest values with a wide band: too little history to test anything on."""
    recent = values[-period.unit_mean :]
    mean = float(recent.mean())
    spread = max(float(values.std()), 0.5 * mean)
    growth = np.sqrt(1.0 + np.arange(horizon) / max(1, len(values)))
    half = {level: normal(level) * spread * growth for level in levels}
    method = f"mean of the last {len(recent)} steps"
    notes.append(f"{len(values)} values of history are too few to test a forecast on ({period.short} are needed)")
    total = {level: float(width.sum()) for level, width in half.items()}
    backtest = Backtest(None, None, None, {}, 0, 0)
    reason = "too little history for anything else; the band is a guess"
    return Drawn(
        np.full(horizon, mean), half, total, method, reason, (Candidate(method, None),), backtest, spread, True
    )


def _backtested(values: Floats, horizon: int, period: Period, levels: Sequence[float], notes: list[str]) -> Drawn:
    where = origins(len(values), horizon, period)
    ends = [len(values), *where.all]
    found, members = predictions(values, ends, horizon, period)
    actual = np.stack([values[end : end + where.steps] for end in where.all])
    found[ENSEMBLE] = _ensemble({name: found[name] for name in members}, actual, where)
    at = [where.all.index(end) for end in where.points]
    losses = {name: _loss(rows[1:, : where.steps][at], actual[at]) for name, rows in found.items()}
    usable = {name: loss for name, loss in losses.items() if not np.isnan(found[name][0]).any()}
    method, reason = _choose(usable, members)
    errors = found[method][1:, : where.steps] - actual
    tried = ~np.isnan(errors[:, 0])
    points = errors[[row for row in at if tried[row]]]
    half = half_widths(np.abs(points), levels, horizon, period.season)
    growth = horizon / where.steps if horizon > where.steps else 1.0
    if growth > 1.0:
        notes.append(f"tested {where.steps} steps ahead; bands beyond that are extrapolated")
    return Drawn(
        found[method][0],
        half,
        total_half_widths(errors[tried].sum(axis=1), levels, growth),
        method,
        reason,
        _candidates(losses, actual[at], method),
        _backtest(points, actual[[row for row in at if tried[row]]], values, levels, period),
        float(np.sqrt(np.mean(points**2))),
        len(points) < 3,
    )


def _ensemble(members: dict[str, Floats], actual: Floats, where: Origins) -> Floats:
    stack = np.stack(list(members.values()))
    errors = np.abs(stack[:, 1:, : where.steps] - actual).mean(axis=2)
    return combine(stack, weights(errors))


def _loss(rows: Floats, actual: Floats) -> Floats:
    """Mean absolute error at every origin, NaN where the method was not available."""
    return np.asarray(np.abs(rows - actual).mean(axis=1))


def _choose(losses: dict[str, Floats], members: set[str]) -> tuple[str, str]:
    """The ensemble, unless a simple method is clearly better in the mean and at most of the origins."""
    own = losses[ENSEMBLE]
    best, share = ENSEMBLE, 1.0
    for name, loss in losses.items():
        if name == ENSEMBLE or "ridge" in name or np.isnan(loss).any() or len(loss) < 3:
            continue
        ratio = float(loss.mean()) / float(own.mean()) if own.mean() > 0 else 1.0
        if ratio < min(CLEARLY_BETTER, share) and (loss < own).mean() >= 0.75:
            best, share = name, ratio
    if best == ENSEMBLE:
        return ENSEMBLE, f"the middle of {len(members & losses.keys())} forecasters, weighted by their back-test error"
    return best, f"its back-test error was {1 - share:.0%} below the ensemble's over {len(own)} origins"


def _candidates(losses: dict[str, Floats], actual: Floats, method: str) -> tuple[Candidate, ...]:
    """The methods from best to worst; the chosen one first."""
    usage = float(np.abs(actual).mean())
    rows = []
    for name, loss in losses.items():
        known = loss[~np.isnan(loss)]
        rows.append(Candidate(name, float(known.mean()) / usage if len(known) and usage > 0 else None))
    rows.sort(key=lambda row: (row.method != method, row.backtest_error is None, row.backtest_error or 0.0))
    return tuple(rows)


def _backtest(errors: Floats, actual: Floats, values: Floats, levels: Sequence[float], period: Period) -> Backtest:
    usage = float(np.abs(actual).sum())
    season = min(period.season, len(values) - 1)
    naive = float(np.abs(values[season:] - values[:-season]).mean())
    inside: dict[float, list[float]] = {level: [] for level in levels}
    for row in range(len(errors) if len(errors) > 1 else 0):
        others = np.abs(np.delete(errors, row, axis=0))
        for level, half in half_widths(others, levels, errors.shape[1], period.season).items():
            inside[level].append(float((np.abs(errors[row]) <= half).mean()))
    return Backtest(
        float(np.abs(errors).sum()) / usage if usage > 0 else None,
        float(errors.sum()) / usage if usage > 0 else None,
        float(np.abs(errors).mean()) / naive if naive > 0 else None,
        {level: float(np.mean(shares)) for level, shares in inside.items() if shares},
        len(errors),
        errors.shape[1],
    )


def _answer(
    drawn: Drawn,
    series: Series,
    factors: Floats,
    unit: float,
    period: Period,
    plain: Floats,
    levels: tuple[float, ...],
    notes: list[str],
) -> Forecast:
    """Back to the unit of the values, with the effects of the horizon, held within [0, half of the largest float]."""
    scale = series.scale * unit
    ceiling = float(np.finfo(np.float64).max) / 2 / max(scale, 1.0)

    def back(array: Floats) -> Floats:
        return np.asarray(np.clip(array * factors, 0.0, ceiling) * scale)

    center = np.maximum(drawn.mean, 0.0)
    mean = back(center)
    total = min(float((mean / scale).sum()), ceiling)
    widths = {level: half * float(factors.mean()) for level, half in drawn.total_half.items()}
    return Forecast(
        mean=mean,
        lower={level: back(center - drawn.half[level]) for level in levels},
        upper={level: back(center + drawn.half[level]) for level in levels},
        method=drawn.method,
        reason=drawn.reason,
        candidates=drawn.candidates,
        backtest=drawn.backtest,
        total=Total(
            total * scale,
            {level: max(0.0, total - width) * scale for level, width in widths.items()},
            {level: min(ceiling, total + width) * scale for level, width in widths.items()},
        ),
        trend=trend(plain, center * factors, period),
        seasonality=seasonality(plain, period),
        low_confidence=drawn.low_confidence,
        rmse=min(drawn.rmse, ceiling) * scale,
        notes=tuple(notes),
    )
