"""Views of the list that everybody has."""

from __future__ import annotations

from analytics.console.explorer.facets import EXPENSIVE, SLOW_MS, Thresholds
from analytics.console.explorer.filters import Condition, Filters
from analytics.console.explorer.state import State
from analytics.console.saved import View
from analytics.rollups.cubes import ERROR_STATUSES


def built_in(state: State, found: Thresholds | None) -> list[View]:
    """Errors, slow and expensive requests of the window on the page."""
    limits = found or Thresholds(SLOW_MS, EXPENSIVE)
    filters = {
        "All": Filters(),
        "Errors": Filters(conditions=(Condition("status", ERROR_STATUSES),)),
        "Slow": Filters(least_ms=limits.slow_ms),
        "Expensive": Filters(least_cost=limits.expensive),
    }
    return [View(name, state.url(filters=each), state.filters == each) for name, each in filters.items()]
