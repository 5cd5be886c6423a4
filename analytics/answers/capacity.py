"""When rate limits will be reached: the busiest minute of each day, forecast.

Figures are kept by the quarter-hour. Of a quarter-hour with a mean of λ requests a minute, the busiest minute is taken
as λ + 1.736·√λ: the expected largest of fifteen normal deviates (H. L. Harter, "Expected values of normal order
statistics", Biometrika 48, 1961, table 1, n = 15), as if requests came independently of each other. Tokens follow the
requests that they came with. Calls that come in bursts reach a limit earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics import cache
from analytics.answers.questions import Questions
from analytics.answers.scopes import filter_of
from analytics.forecasting import Forecast, forecast
from analytics.outlook.history import History
from analytics.outlook.memory import Memory
from analytics.query import Filter, Query, QueryError
from analytics.query import window as windows
from gateway.models import RateLimit, VirtualKey
from gateway.scopes import KEY, is_each
from gateway.services.scopes import keys_of

DAYS = 56
HORIZON = 90
RECENT = 7
LEVEL = 0.8
MINUTES = 15
LARGEST_OF_15 = 1.736
CAPS = {"rpm": "requests", "tpm": "total_tokens"}
UNITS = {"requests": "requests_per_minute", "total_tokens": "tokens_per_minute"}
REACHED = "It was reached in the last days."
WITHIN = f"It is not expected to be reached within {HORIZON} days."
NOTHING_USED = "Nothing was used under it before."
PARTIAL = "You see a part of what counts towards it."
PEAKS: Memory[tuple[History, Forecast | None]] = Memory()
Days = tuple[datetime | None, datetime | None, datetime | None]
"""Expected, earliest, latest."""
NOT_ASKED = "Its use is not kept by what it is about."


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit a minute. `dimension` and `values`: what it is about, both empty for the organization."""

    id: str
    kind: str
    name: str
    measure: str
    limit: int
    is_shadow: bool
    dimension: str
    values: tuple[str, ...]
    team: str
    user: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """When a limit is reached: the first day whose busiest minute is expected to. With 80 % probability a day before
    `earliest` does not reach it, and the day of `latest` does; None beyond the horizon. `peak`: busiest minute of the
    last seven days. No day at all: the reason is in `note`."""

    id: str
    kind: str
    name: str
    unit: str
    limit: int
    is_shadow: bool
    peak: float | None
    utilization: float | None
    reached_at: datetime | None
    earliest: datetime | None
    latest: datetime | None
    note: str


def caps(questions: Questions, now: datetime) -> list[Cap]:
    """Limits a minute that the person sees, on the whole of something: rate limits by name, then keys with limits of
    their own. Three queries at most."""
    organization = questions.organization
    limits = [
        limit
        for limit in RateLimit.objects.visible_to(questions.user).filter(organization=organization, is_enabled=True)
        if not is_each(limit.scope_value)
    ]
    visible = VirtualKey.objects.visible_to(questions.user).usable(now).filter(organization=organization)
    keys = [key for key in visible.select_related("project").order_by("name", "id")
            if key.rpm_limit is not None or key.tpm_limit is not None]  # fmt: skip
    lineages = keys_of(organization, (limit.scope_value for limit in limits if limit.scope == KEY))
    return [
        *(cap for limit in limits for cap in _of_limit(limit, lineages.get(limit.scope_value, ()))),
        *(cap for key in keys for cap in _of_key(key)),
    ]


def _of_limit(limit: RateLimit, keys: tuple[str, ...]) -> list[Cap]:
    dimension, values = filter_of(limit.scope, limit.scope_value, keys, model="model_requested")
    user = limit.scope_value if limit.scope == "user" else ""
    return [
        Cap(str(limit.pk), "rate_limit", limit.name, measure, cap, limit.is_shadow, dimension, values,
            str(limit.team_id or ""), user)
        for name, measure in CAPS.items()
        if (cap := getattr(limit, name)) is not None
    ]  # fmt: skip


def _of_key(key: VirtualKey) -> list[Cap]:
    """A key's limits count its own calls: a rotated key begins anew."""
    limits = {"requests": key.rpm_limit, "total_tokens": key.tpm_limit}
    return [
        Cap(str(key.pk), "key", key.name, measure, cap, False, "api_key", (str(key.pk),),
            str(key.project.team_id or ""), str(key.user_id or ""))
        for measure, cap in limits.items()
        if cap is not None
    ]  # fmt: skip


def sees_all(questions: Questions, dimension: str, values: Sequence[str], team: str, user: str = "") -> bool:
    """Whether the person sees everything that counts towards a limit: its whole lies in what they see."""
    scope = questions.scope
    if scope.wide or (team and team in {str(each) for each in scope.teams}):
        return True
    return bool(scope.own) and (user or (values[0] if dimension == "user" and values else "")) == str(scope.user)


def capacity(questions: Questions, cap: Cap, zone: str, now: datetime) -> Capacity:
    """One question and one forecast, kept for the hour: of closed days only late lines change anything."""

    def answer(note: str, peak: float | None = None, days: Days = (None, None, None)) -> Capacity:
        used = None if peak is None or not cap.limit else peak / cap.limit
        at, earliest, latest = days
        return Capacity(
            cap.id, cap.kind, cap.name, UNITS[cap.measure], cap.limit, cap.is_shadow, peak, used, at, earliest, latest,
            note,
        )  # fmt: skip

    if not sees_all(questions, cap.dimension, cap.values, cap.team, cap.user):
        return answer(PARTIAL)
    name = cache.key(
        questions.scope.key(), cap.measure, cap.dimension, cap.values, zone, now.strftime("%Y-%m-%dT%H"),
    )  # fmt: skip
    try:
        history, found = PEAKS.get(name, lambda: _ahead(questions, cap, zone, now))
    except QueryError:
        return answer(NOT_ASKED)
    if found is None:
        return answer(NOTHING_USED)
    peak = float(history.values[-RECENT:].max())
    if peak >= cap.limit:
        return answer(REACHED, peak)
    days = reached(history, found, cap.limit)
    return answer("" if any(days) else WITHIN, peak, days)


def _ahead(questions: Questions, cap: Cap, zone: str, now: datetime) -> tuple[History, Forecast | None]:
    history = peaks(questions, cap, zone, now)
    if history.is_empty:
        return history, None
    return history, forecast(history.values, horizon=HORIZON, period="day", levels=(LEVEL,))


def reached(history: History, found: Forecast, limit: float) -> Days:
    """First day whose expected peak, its upper and its lower bound reach `limit`."""
    days = history.ahead(found.horizon)

    def first(line: Any) -> datetime | None:
        over = np.flatnonzero(line >= limit)
        return days[int(over[0])] if len(over) else None

    return first(found.mean), first(found.upper[LEVEL]), first(found.lower[LEVEL])


def peaks(questions: Questions, cap: Cap, zone: str, now: datetime) -> History:
    """The busiest minute of every closed day since the first use, at most the last 56. Raises QueryError."""
    where = windows.zone(zone)
    end = windows.floor(now, "day", where)
    start = windows.floor(end - timedelta(days=DAYS), "day", where)
    filters = (Filter(cap.dimension, "in", cap.values),) if cap.dimension else ()
    result = questions.ask(
        Query(
            measures=tuple(CAPS.values()), start=start, end=end,
            granularity="quarter_hour", timezone=zone, filters=filters,
        )
    )  # fmt: skip
    found = [(point.time, *_figures(point.measures, cap.measure)) for point in result.series]
    days = [
        (day, max(busiest_minute(requests, amount) for _, requests, amount in group))
        for day, group in groupby(found, key=lambda item: _day(item[0], where))
    ]
    while days and not days[0][1]:
        days.pop(0)
    values = np.array([peak for _, peak in days], dtype=np.float64)
    return History(cap.measure, "day", zone, [day for day, _ in days], values, end)


def _figures(measures: Any, measure: str) -> tuple[float, float]:
    return float(measures["requests"] or 0), float(measures[measure] or 0)


def _day(at: datetime, where: ZoneInfo) -> datetime:
    return windows.floor(at, "day", where)


def busiest_minute(requests: float, amount: float) -> float:
    """Of a quarter-hour with so many requests and an `amount` (requests, or tokens) that came with them."""
    mean = requests / MINUTES
    return amount / MINUTES * (1 + LARGEST_OF_15 / np.sqrt(mean)) if mean > 0 else amount / MINUTES
