"""What an organization looks at first: today, yesterday, the month so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics.alerts.openings import open_alerts
from analytics.answers.questions import Questions, common
from analytics.console.periods import next_quarter
from analytics.query import Query, Result
from analytics.query import window as windows

MEASURES = ("requests", "total_tokens", "cost", "errors", "error_rate", "denied", "distinct_keys")
TOP_MEASURES = ("cost", "requests", "total_tokens", "error_rate")
TOP = 5


@dataclass(frozen=True, slots=True)
class Period:
    """Figures of `[start, end)`."""

    start: datetime
    end: datetime
    requests: int
    total_tokens: int
    cost: Decimal
    errors: int
    error_rate: float | None
    denied: int
    active_keys: int


def dashboard(questions: Questions, now: datetime, zone: str) -> dict[str, Any]:
    """Days and months of `zone`; six statements besides the scope's and labels'. QueryError: `unknown_timezone`."""
    where = windows.zone(zone)
    today, end = windows.floor(now, "day", where), next_quarter(now)
    yesterday, month = windows.floor(today - timedelta(hours=1), "day", where), windows.floor(now, "month", where)
    spans = {"today": (today, end), "yesterday": (yesterday, today), "month_to_date": (month, end)}
    results = {
        name: questions.ask(Query(measures=MEASURES, start=first, end=last, timezone=zone))
        for name, (first, last) in spans.items()
    }
    top = {f"top_{name}s": _top(questions, month, end, zone, name) for name in ("model", "team")}
    return {
        **common(questions, results["today"], *(result.groups for result in top.values())),
        **{name: _period(*spans[name], result) for name, result in results.items()},
        **{name: result.groups for name, result in top.items()},
        "open_alerts": open_alerts(questions.user, questions.organization),
    }


def _top(questions: Questions, start: datetime, end: datetime, zone: str, dimension: str) -> Result:
    return questions.ask(
        Query(measures=TOP_MEASURES, start=start, end=end, timezone=zone, dimensions=(dimension,), limit=TOP)
    )


def _period(start: datetime, end: datetime, result: Result) -> Period:
    totals: dict[str, Any] = dict(result.totals)
    active = totals.pop("distinct_keys")
    return Period(start=start, end=end, active_keys=active, **totals)
