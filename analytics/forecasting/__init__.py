"""Forecasts of usage series: numpy only, no Django, one file per forecaster in `strategies/`."""

from analytics.forecasting.effects import Effect
from analytics.forecasting.engine import forecast
from analytics.forecasting.hierarchy import moved, reconcile
from analytics.forecasting.shapes import Backtest, Candidate, Forecast, Total

__all__ = ["Backtest", "Candidate", "Effect", "Forecast", "Total", "forecast", "moved", "reconcile"]
