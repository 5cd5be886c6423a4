"""What can be said about a series in words: its trend, how strong its seasons are."""

from analytics.forecasting.periods import Period
from analytics.forecasting.shapes import Floats


def trend(values: Floats, mean: Floats, period: Period) -> float | None:
    """Relative change of the mean step, from the newest seasons (at most the horizon's length of them) to the horizon.

    None when nothing was used there.
    """
    season = period.seasons[-1] if period.seasons and len(values) >= period.seasons[-1] else period.season
    length = min(len(values), season * max(1, round(len(mean) / season)))
    before = float(values[-length:].mean())
    return float(mean.mean()) / before - 1.0 if before > 0 else None


def seasonality(values: Floats, period: Period) -> dict[int, float]:
    """Strength of every season that the history holds three times: 1 − Var(rest) ÷ Var(season + rest), at least 0."""
    strengths = {}
    for season in period.seasons:
        count = len(values) // season
        if count < 3:
            continue
        table = values[len(values) - count * season :].reshape(count, season)
        detrended = table - table.mean(axis=1, keepdims=True)
        around = detrended - detrended.mean(axis=0)
        whole = float(detrended.var())
        strengths[season] = max(0.0, 1.0 - float(around.var()) / whole) if whole > 1e-18 else 0.0
    return strengths
