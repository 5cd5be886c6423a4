"""What happens now: calls that run, the last minutes, the newest requests, the machinery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.cache import cache as shared
from django.db.models import Q, QuerySet

from analytics import cache
from analytics.alerts.openings import open_alerts
from analytics.answers.health import Health, provider_health
from analytics.answers.questions import Questions
from analytics.answers.subjects import Subject
from analytics.console.periods import next_quarter
from analytics.query import Filter, Note, Query, QueryError, Result
from analytics.query import window as windows
from gateway.choices import LineKind
from gateway.models import DirtyMark, LedgerLine, VirtualKey
from gateway.services.fleet import Fleet, fleet

MEASURES = (
    "requests", "requests_per_minute", "tokens_per_minute", "error_rate", "cache_hit_rate", "latency_p50",
    "latency_p95", "latency_p99", "ttft_p95",
)  # fmt: skip
FIGURES = tuple(name for name in MEASURES if name not in ("requests", "cache_hit_rate"))
LAST = timedelta(minutes=5)
COARSE = timedelta(minutes=30)
ACTIVITY_WITHIN = timedelta(minutes=15)
ACTIVITY = 20
HEALTH_KEPT_S = 10
KINDS = (LineKind.ATTEMPT, LineKind.CACHE_HIT, LineKind.DENIED)
COARSER = Note(
    "coarser_window",
    "The figures are of the last 15 to 30 minutes: by minute they are kept for whole organizations alone.",
)
NO_DATAPLANE = Note("no_data_plane", "active_requests and resources are null: no data plane gave a sign of life.")
NOT_BY_KEY = Note(
    "active_by_key_alone", "active_requests is null: calls that run are known by key, not by model or environment."
)
UNLISTED = Note("active_is_partial", "Too many keys are calling to list them all; active_requests leaves some out.")


Lines = QuerySet[LedgerLine]
PERCENTILES = ("latency_p50", "latency_p95", "latency_p99", "ttft_p95")


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the calls that is asked for. `keys`: those whose running calls are of it (None: not known by key)."""

    filters: tuple[Filter, ...] = ()
    keys: Q | None = field(default_factory=Q)
    narrow: Callable[[Lines], Lines] = lambda lines: lines


EVERYTHING = Part()


def of_person(subject: Subject | None) -> Part:
    """What somebody calls; everything for nobody."""
    if subject is None:
        return EVERYTHING
    return Part(subject.filters, Q(user_id=subject.id), lambda lines: lines.filter(user=subject.id))


@dataclass(frozen=True, slots=True)
class Resources:
    """What the data planes take, and how far behind their work is. None is not known."""

    cpu_percent: float | None
    rss_bytes: int | None
    network_in_bps: float | None
    network_out_bps: float | None
    cache_hit_rate: float | None
    queue_depth: int
    ledger_lag_s: float | None
    spool_bytes: int | None


@dataclass(frozen=True, slots=True)
class Activity:
    """A request that is over."""

    request_id: str
    at: datetime
    kind: str
    status: str
    http_status: int | None
    error_type: str | None
    provider: str | None
    model: str | None
    model_requested: str
    endpoint: str
    project: UUID
    api_key: UUID | None
    user: UUID | None
    duration_ms: float | None
    ttft_ms: float | None
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    currency: str


def realtime(questions: Questions, now: datetime, part: Part = EVERYTHING) -> dict[str, Any]:
    """Narrowed to a part of the calls; health and resources are of everything. Seven statements besides the scope's;
    six more every ten seconds, for the health of the providers."""
    result = _last_minutes(questions, now, part)
    processes = fleet(now)
    health = health_now(questions, now)
    return {
        "generated_at": now, "data_version": result.data_version, "rollup_lag_s": questions.scope.lag_s,
        "currency": result.currency, "timezone": "UTC", "stale": result.stale,
        "start": datetime.fromisoformat(str(result.query["start"])), "series": result.series,
        "active_requests": active_requests(questions, processes, part),
        **{name: result.totals[name] for name in FIGURES},
        "provider_health": health,
        "recent_activity": [_activity(line) for line in recent_lines(questions, now, part)],
        "alerts": open_alerts(questions.user, questions.organization),
        "resources": _resources(questions, processes, result),
        "notes": list(questions.notes),
    }  # fmt: skip


def _last_minutes(questions: Questions, now: datetime, part: Part) -> Result:
    """By minute where minutes are kept, else the last quarter-hours; never from the cache of results."""
    minute = windows.floor(now, "minute", windows.zone("UTC"))
    asked = Query(
        measures=MEASURES, start=minute - LAST, end=minute + timedelta(minutes=1), granularity="minute",
        filters=part.filters,
    )  # fmt: skip
    assert questions.scope  # found out once, for both
    fresh = questions.apart(is_fresh=True)
    try:
        result = fresh.ask(asked)
    except QueryError as error:
        if error.code != "not_covered":
            raise
        questions.note(COARSER)
        end = next_quarter(now)
        measures = tuple(name for name in MEASURES if name not in PERCENTILES)
        coarse = replace(asked, measures=measures, start=end - COARSE, end=end, granularity=None)
        result = fresh.ask(coarse, optional=PERCENTILES)
    questions.note(*fresh.notes)
    return result


def active_requests(questions: Questions, processes: Fleet, part: Part) -> int | None:
    """Calls that run by keys that one sees; None when nobody knows. At most one query."""
    if not processes.processes:
        questions.note(NO_DATAPLANE)
        return None
    if part.keys is None:
        questions.note(NOT_BY_KEY)
        return None
    if processes.active_unnamed:
        questions.note(UNLISTED)
    if not processes.active_by_key:
        return 0
    keys = VirtualKey.objects.visible_to(questions.user).filter(
        organization=questions.organization, pk__in=list(processes.active_by_key)
    )
    keys = keys.filter(part.keys)
    return sum(processes.active_by_key[str(key)] for key in keys.values_list("pk", flat=True))


def health_now(questions: Questions, now: datetime) -> list[Health]:
    """Of every provider, kept for ten seconds by view. Raises QueryError."""
    name = f"analytics:health:{cache.key(questions.scope.key())}"
    kept: tuple[list[Health], list[Note]] | None = shared.get(name)
    if kept is None:
        own = questions.apart()
        kept = provider_health(own, now), own.notes
        shared.set(name, kept, HEALTH_KEPT_S)
    questions.note(*kept[1])
    return kept[0]


def recent_lines(questions: Questions, now: datetime, part: Part = EVERYTHING) -> Lines:
    """The newest requests of the last quarter-hour, by the index `ledgerline_by_organization`: the one read of the
    ledger here, bounded by the window and the count."""
    lines = LedgerLine.objects.visible_to(questions.user).filter(
        organization=questions.organization.pk, started_at__gte=now - ACTIVITY_WITHIN, is_final=True, kind__in=KINDS
    )
    wide = ("charges", "route_decision", "prefix_hmacs", "tag_set", "request_hmac", "client_ip_hash")
    return part.narrow(lines).order_by("-started_at", "-id").defer(*wide)[:ACTIVITY]


def _activity(line: LedgerLine) -> Activity:
    return Activity(
        request_id=line.request_id, at=line.started_at, kind=line.kind, status=line.status,
        http_status=line.http_status, error_type=line.error_type, provider=line.provider, model=line.model_served,
        model_requested=line.model_requested, endpoint=line.endpoint, project=line.project, api_key=line.api_key,
        user=line.user, duration_ms=line.duration_ms, ttft_ms=line.ttft_ms, input_tokens=line.input_tokens,
        output_tokens=line.output_tokens, cost=line.cost, currency=line.currency,
    )  # fmt: skip


def _resources(questions: Questions, processes: Fleet, result: Result) -> Resources:
    said = processes.resources
    rate: Any = result.totals["cache_hit_rate"]
    return Resources(
        cpu_percent=said.cpu_percent, rss_bytes=said.rss_bytes, network_in_bps=said.network_in_bps,
        network_out_bps=said.network_out_bps, cache_hit_rate=rate, ledger_lag_s=said.ledger_lag_s,
        queue_depth=DirtyMark.objects.filter(organization=questions.organization.pk).count(),
        spool_bytes=said.spool_bytes,
    )  # fmt: skip
