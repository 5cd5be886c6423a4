"""How providers do, from the rollups of their attempts and from the data planes' circuits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from analytics.answers.questions import Questions
from analytics.console.periods import next_quarter
from analytics.query import Filter, Note, Point, Query
from gateway.dataplane.breaker import HALF_OPEN, OPEN
from gateway.models import Model, Provider
from gateway.services import deployments
from gateway.services.deployments import Reported
from gateway.services.upstreams import DEGRADED_SHARE, DOWN_SHARE

STATES = ("up", "degraded", "down", "circuit_open", "unknown")
QUARTER = timedelta(minutes=15)
MANY = 1_000
FAILURES = frozenset({"upstream_error", "timeout"})
# the caller's doing or the gateway's: nothing that the provider has to answer for
LEFT_OUT = (Filter("kind", "eq", ("attempt",)), Filter("status", "not_in", ("cancelled", "interrupted")))
Availability = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class LastError:
    """The kind of failure seen last; `at` is the start of its quarter-hour, `count` how often it came in it."""

    at: datetime
    status: str
    http_status: int | None
    error_type: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Health:
    """One provider as the visible traffic saw it; shares are None without attempts in their window."""

    id: UUID
    provider: str
    name: str
    state: str
    attempts_1h: int
    availability_1h: float | None
    availability_24h: float | None
    availability_30d: float | None
    p95: float | None
    last_error: LastError | None
    circuits: list[Reported] = field(default_factory=list)


def provider_health(questions: Questions, now: datetime) -> list[Health]:
    """Every provider of the organization and of the platform, by slug. Six statements besides the scope's."""
    end = next_quarter(now)
    providers = _providers(questions)
    circuits = _circuits(questions, providers)
    points = _quarter_hours(questions, end)
    month = _month(questions, end)
    slow = _slowest(questions, end)
    day, hour = (_tally(points, since=end - span) for span in (timedelta(days=1), timedelta(hours=1, minutes=15)))
    recent = _tally(points, since=end - 2 * QUARTER)
    found = []
    for provider in providers:
        slug = provider.slug
        state = _state(recent.get(slug) or hour.get(slug), circuits[str(provider.pk)])
        found.append(
            Health(
                id=provider.pk, provider=slug, name=provider.name, state=state, attempts_1h=hour.get(slug, (0, 0))[0],
                availability_1h=_availability(hour, slug), availability_24h=_availability(day, slug),
                availability_30d=_availability(month, slug), p95=slow.get(slug), last_error=_last_error(points, slug),
                circuits=circuits[str(provider.pk)],
            )
        )  # fmt: skip
    if silent := [item.provider for item in found if item.state == "unknown"]:
        words = f"No attempts in the last hour, so the state is unknown: {', '.join(silent)}."
        questions.note(Note("no_traffic", words))
    return found


def _providers(questions: Questions) -> Sequence[Provider]:
    own = Q(organization=questions.organization) | Q(organization=None)
    return list(Provider.objects.visible_to(questions.user).filter(own, is_enabled=True).order_by("slug", "pk")[:MANY])


def _circuits(questions: Questions, providers: Sequence[Provider]) -> Mapping[str, list[Reported]]:
    """By provider id; only of models that the organization may call. Two queries."""
    own = Q(organization=questions.organization) | Q(organization=None)
    models = Model.objects.filter(own, provider__in=providers).order_by("upstream_name")
    known, _ = deployments.reported()
    found: dict[str, list[Reported]] = defaultdict(list)
    for provider, name in models.values_list("provider_id", "upstream_name").distinct():
        if (circuit := known.get((str(provider), name))) is not None:
            found[str(provider)].append(circuit)
    return found


def _quarter_hours(questions: Questions, end: datetime) -> Sequence[Point]:
    """Attempts of the last 24 hours by what became of them; only buckets that have some."""
    dimensions = ("provider", "status", "error_type", "http_status")
    result = questions.ask(
        Query(
            measures=("attempts",), start=end - timedelta(days=1), end=end, granularity="quarter_hour",
            dimensions=dimensions, filters=LEFT_OUT, limit=MANY,
        )
    )  # fmt: skip
    return [point for point in result.series if point.measures["attempts"]]


def _month(questions: Questions, end: datetime) -> Availability:
    start = end - timedelta(days=30)
    asked = Query(
        measures=("attempts",), start=start, end=end, dimensions=("provider", "status"), filters=LEFT_OUT, limit=MANY
    )
    groups = questions.ask(asked).groups
    return _counts((group.dimensions, group.measures["attempts"]) for group in groups)


def _slowest(questions: Questions, end: datetime) -> Mapping[str, float | None]:
    """p95 of requests that the provider answered in the last hour."""
    start = end - timedelta(hours=1, minutes=15)
    asked = Query(measures=("requests",), start=start, end=end, dimensions=("provider",), limit=MANY)
    groups: Any = questions.ask(asked, optional=("latency_p95",)).groups
    return {str(group.dimensions["provider"]): group.measures["latency_p95"] for group in groups}


def _tally(points: Sequence[Point], since: datetime) -> Availability:
    return _counts((point.dimensions, point.measures["attempts"]) for point in points if point.time >= since)


def _counts(rows: Iterable[tuple[Mapping[str, Any], Any]]) -> Availability:
    """provider → attempts and failures."""
    found: dict[str, tuple[int, int]] = {}
    for dimensions, count in rows:
        slug = str(dimensions["provider"])
        attempts, failures = found.get(slug, (0, 0))
        found[slug] = attempts + count, failures + (count if dimensions["status"] in FAILURES else 0)
    return found


def _availability(tally: Availability, slug: str) -> float | None:
    attempts, failures = tally.get(slug, (0, 0))
    return 1 - failures / attempts if attempts else None


def _state(tally: tuple[int, int] | None, circuits: Sequence[Reported]) -> str:
    """An open circuit says most; else the failures of the last half hour, without traffic then of the last hour."""
    states = {circuit.state for circuit in circuits}
    if OPEN in states:
        return "circuit_open"
    if not tally or not tally[0]:
        return "degraded" if HALF_OPEN in states else "unknown"
    share = tally[1] / tally[0]
    if share >= DOWN_SHARE:
        return "down"
    return "degraded" if share >= DEGRADED_SHARE or HALF_OPEN in states else "up"


def _last_error(points: Sequence[Point], slug: str) -> LastError | None:
    found: LastError | None = None
    for point in points:
        says: Any = point.dimensions
        if says["provider"] != slug or says["status"] not in FAILURES:
            continue
        count: Any = point.measures["attempts"]
        if found is None or (point.time, count) > (found.at, found.count):
            found = LastError(point.time, says["status"], says["http_status"], says["error_type"], count)
    return found
