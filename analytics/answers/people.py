"""People: how much, when, with which models, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.answers.questions import Questions, common
from analytics.answers.subjects import Subject
from analytics.query import Filter, Group, Note, Point, Query, QueryError
from analytics.query import window as windows

MEASURES = (
    "requests", "errors", "error_rate", "success_rate", "denied", "input_tokens", "output_tokens", "total_tokens",
    "cost", "cost_per_request", "cost_per_1k_tokens", "cache_hit_rate", "latency_mean", "apdex",
)  # fmt: skip
PERCENTILES = ("latency_p50", "latency_p95", "ttft_p95")
PATTERN_MEASURES = ("requests", "total_tokens", "cost")
FAVOURITES = 10
MANY = 1_000
NO_HISTORY = Note("no_history", "behaviour_change is null where there were no requests in the window before.")


@dataclass(frozen=True, slots=True)
class Hour:
    """Figures of one hour of the week, in the asked zone. `weekday`: 1 Monday to 7 Sunday (ISO 8601)."""

    weekday: int
    hour: int
    requests: int
    total_tokens: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Favourite:
    """A model and its share of the person's requests."""

    model: str | None
    requests: int
    share: float
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Against the window before. `model_mix_distance`: total variation distance of the shares of requests by model, 0
    the same to 1 nothing in common."""

    change: Mapping[str, float | None]
    model_mix_distance: float | None
    new_models: list[str]
    dropped_models: list[str]


@dataclass(frozen=True, slots=True)
class PersonUsage:
    """One person of several; `id` None: keys without an owner."""

    id: str | None
    name: str | None
    measures: Mapping[str, Any]
    share: float | None
    favourite_models: list[Favourite]
    pattern: list[Hour] | None
    behaviour_change: Behaviour | None


def person(questions: Questions, query: Query, subject: Subject) -> dict[str, Any]:
    """Everything about one person. Four statements besides the scope's."""
    asked = replace(query, filters=subject.filters, compare_to="previous_period")
    result = questions.ask(replace(asked, measures=MEASURES, granularity="day"), PERCENTILES)
    now, before = (_models(questions, span) for span in (asked, _previous(asked)))
    behaviour = None
    if (result.previous_totals or {}).get("requests"):
        behaviour = _behaviour(result.change, now, before)
    else:
        questions.note(NO_HISTORY)
    hours = questions.ask(
        replace(asked, measures=PATTERN_MEASURES, granularity="hour", compare_to="none", dimensions=())
    )
    return {
        **common(questions, result),
        "user": subject,
        "favourite_models": _favourites(now),
        "pattern": pattern(hours.series, windows.zone(query.timezone)),
        "behaviour_change": behaviour,
    }


def people(questions: Questions, query: Query, *, users: Sequence[str], with_pattern: bool) -> dict[str, Any]:
    """Several people, those with most requests first. Three statements besides the scope's and the labels'; one more
    with the pattern."""
    chosen = (*query.filters, Filter("user", "in", tuple(users))) if users else query.filters
    asked = replace(query, filters=chosen, dimensions=("user",), granularity=None)
    result = questions.ask(replace(asked, measures=MEASURES), PERCENTILES)
    shown = [group for group in result.groups if not group.is_other]
    narrowed = replace(asked, filters=(*chosen, Filter("user", "in", tuple(g.dimensions["user"] for g in shown))))
    now = _models(questions, narrowed, "user") if shown else []
    compared = _compared(narrowed)
    before = _models(questions, compared, "user") if shown and compared else []
    hours: Sequence[Point] = ()
    if with_pattern and shown:
        hourly = replace(narrowed, measures=PATTERN_MEASURES, granularity="hour", compare_to="none", order=None)
        hours = questions.ask(hourly).series
    answer = common(questions, result)
    names = {label.value: label.name for label in answer["labels"]}
    zone = windows.zone(query.timezone)
    return {
        **answer,
        "users": [
            _usage(group, names, _of(now, group), _of(before, group), _pattern_of(hours, group, zone, with_pattern))
            for group in shown
        ],
    }


def _usage(
    group: Group, names: Mapping[str, str], now: Sequence[Group], before: Sequence[Group], hours: list[Hour] | None
) -> PersonUsage:
    identity: Any = group.dimensions["user"]
    behaviour = None
    if group.previous and group.previous["requests"]:
        change = {name: _change(group.measures[name], group.previous[name]) for name in group.measures}
        behaviour = _behaviour(change, now, before)
    return PersonUsage(
        id=identity, name=names.get(str(identity)), measures=group.measures, share=group.share,
        favourite_models=_favourites(now), pattern=hours, behaviour_change=behaviour,
    )  # fmt: skip


def _change(now: Any, before: Any) -> float | None:
    return None if now is None or not before else float((now - before) / abs(before))


def _of(groups: Iterable[Group], person: Group) -> list[Group]:
    return [group for group in groups if group.dimensions.get("user") == person.dimensions["user"]]


def _pattern_of(points: Sequence[Point], person: Group, zone: ZoneInfo, wanted: bool) -> list[Hour] | None:
    own = [point for point in points if point.dimensions["user"] == person.dimensions["user"]]
    return pattern(own, zone) if wanted else None


def _previous(query: Query) -> Query:
    return replace(query, start=query.start - (query.end - query.start), end=query.start)


def _compared(query: Query) -> Query | None:
    """The question about the window that it is compared to."""
    if query.compare_to == "none":
        return None
    if isinstance(query.compare_to, tuple):
        return replace(query, start=query.compare_to[0], end=query.compare_to[1])
    if query.compare_to == "previous_period":
        return _previous(query)
    raise QueryError("unknown_comparison", "People are compared to the previous period or to a window.")


def _models(questions: Questions, query: Query, *dimensions: str) -> list[Group]:
    asked = replace(
        query, measures=("requests", "cost"), dimensions=(*dimensions, "model"), granularity=None, compare_to="none",
        order=None, limit=MANY,
    )  # fmt: skip
    return [group for group in questions.ask(asked).groups if group.measures["requests"] and not group.is_other]


def _requests(group: Group) -> int:
    found: Any = group.measures["requests"]
    return int(found)


def _favourites(groups: Sequence[Group]) -> list[Favourite]:
    total = sum(map(_requests, groups))
    ranked = sorted(groups, key=lambda group: (-_requests(group), str(group.dimensions["model"])))[:FAVOURITES]
    rows: list[Any] = [(group.dimensions["model"], _requests(group), group.measures["cost"]) for group in ranked]
    return [Favourite(model, requests, requests / total, cost) for model, requests, cost in rows]


def _behaviour(change: Mapping[str, float | None], now: Sequence[Group], before: Sequence[Group]) -> Behaviour:
    after, earlier = _shares(now), _shares(before)
    names = {*after, *earlier}
    distance = sum(abs(after.get(name, 0.0) - earlier.get(name, 0.0)) for name in names) / 2
    return Behaviour(
        change=change,
        model_mix_distance=distance if after and earlier else None,
        new_models=sorted(set(after) - set(earlier)),
        dropped_models=sorted(set(earlier) - set(after)),
    )


def _shares(groups: Sequence[Group]) -> dict[str, float]:
    total = sum(map(_requests, groups))
    return {str(group.dimensions["model"]): _requests(group) / total for group in groups}


def pattern(points: Iterable[Point], zone: ZoneInfo) -> list[Hour]:
    """Hour of the week → sums; all 168, Monday 00:00 first."""
    sums: dict[tuple[int, int], list[Any]] = {
        (day, hour): [0, 0, Decimal(0)] for day in range(1, 8) for hour in range(24)
    }
    for point in points:
        local = point.time.astimezone(zone)
        cell = sums[local.isoweekday(), local.hour]
        for place, name in enumerate(PATTERN_MEASURES):
            cell[place] += point.measures[name] or 0
    return [Hour(day, hour, *values) for (day, hour), values in sums.items()]
