"""Which strategies a period uses, and their names."""

from analytics.forecasting.periods import Period
from analytics.forecasting.shapes import Floats
from analytics.forecasting.strategies.naive import recent_mean, seasonal_median, seasonal_naive
from analytics.forecasting.strategies.profile import profile_level
from analytics.forecasting.strategies.ridge import ridge_models
from analytics.forecasting.strategies.smoothing import damped_trend, simple

ENSEMBLE = "ensemble"


def predictions(values: Floats, ends: list[int], horizon: int, period: Period) -> tuple[dict[str, Floats], set[str]]:
    """Forecasts of every strategy, and the names of those that take part in the ensemble."""
    found: dict[str, Floats] = {}
    if period.differences:
        found |= ridge_models(values, ends, horizon, period)
    for season in period.seasons:
        found[f"seasonal naive {season}"] = seasonal_naive(values, ends, horizon, season)
    if period.unit > 1:
        day, week = period.seasons[0], period.seasons[-1]
        for days in (3, 7):
            found[f"median of {days} days"] = seasonal_median(values, ends, horizon, day, days)
        found["daily profile × level"] = profile_level(values, ends, horizon, day, period.unit, 7)
        found["weekly profile × level"] = profile_level(values, ends, horizon, week, period.unit, 8)
        members = set(found)
        found["mean of the last day"] = recent_mean(values, ends, horizon, period.unit_mean)
        return found, members
    members = set(found)
    for season in period.seasons:
        for seasons in (8, 26):
            name = f"profile of {seasons} seasons × level"
            found[name] = profile_level(values, ends, horizon, season, 1, seasons)
            members.add(name)
    found["smoothed level"] = simple(values, ends, horizon)
    if not period.differences or not period.seasons:
        found["damped trend"] = damped_trend(values, ends, horizon)
        found["mean of the newest values"] = recent_mean(values, ends, horizon, period.unit_mean)
        members |= {"smoothed level", "damped trend", "mean of the newest values"}
    return found, members
