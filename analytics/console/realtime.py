"""The real-time page: what runs now and how the last five minutes went, refreshed while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from operator import and_
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from analytics.alerts.openings import OpenAlert
from analytics.answers import realtime as answer
from analytics.answers.questions import Questions
from analytics.console import format, ledger, picker
from analytics.console.explorer.filters import TAG, Condition, Filters, identities, read_filters
from analytics.console.questions import answered
from analytics.console.sparkline import sparkline
from analytics.metrics import MEASURES
from analytics.query import Filter, QueryError
from gateway.console import ConsoleSite
from gateway.console.scope import person
from gateway.models import Organization, User

LIVE_S = 3
TOKENS = {"up": "ok", "degraded": "warn", "down": "bad", "circuit_open": "bad", "unknown": ""}
STATES = {
    "up": "Up", "degraded": "Degraded", "down": "Down", "circuit_open": "Circuit open", "unknown": "No traffic",
}  # fmt: skip
UNSAID = ("no_traffic",)  # the pill of the provider says the latter
WORDS = {
    answer.NO_DATAPLANE.code: "No data plane gave a sign of life, so running calls and resources are unknown.",
    answer.NOT_BY_KEY.code: "Running calls are known by key: they cannot be counted by model or environment.",
    answer.UNLISTED.code: "More keys are calling than the data planes list: some running calls are left out.",
}


KEYED = {"team": ("project__team", "project__team__slug"), "project": ("project", "project__slug")}
"""Columns of a key by which the picker narrows: of ids, and of slugs."""
RUNNING = "Calls that have begun and not ended, as the data planes say in their signs of life, by keys that you see."


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure; `exact` says it in full, `spark` is its course by minute, empty where there is none; `formula` says
    what it is."""

    label: str
    value: str
    exact: str
    spark: SafeString | str
    name: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class ProviderRow:
    name: str
    state: str
    tone: str
    hour: str
    day: str
    month: str
    p95: str
    last_error: str


@dataclass(frozen=True, slots=True)
class Now:
    """The moving part of the page; `tag` changes when it does."""

    tiles: Sequence[Tile]
    providers: Sequence[ProviderRow]
    activity: Sequence[ledger.RequestRow]
    resources: Sequence[tuple[str, str]]
    notes: Sequence[str]
    alerts: Sequence[OpenAlert]
    tag: str
    window: str = ""
    rows_query: str = ""


FIGURES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("requests_per_minute", "Requests a minute", lambda value: format.compact(_rounded(value))),
    ("tokens_per_minute", "Tokens a minute", lambda value: format.compact(_rounded(value))),
    ("error_rate", "Error rate", format.percent),
    ("latency_p50", "Latency p50", format.duration),
    ("latency_p95", "Latency p95", format.duration),
    ("latency_p99", "Latency p99", format.duration),
    ("ttft_p95", "First token p95", format.duration),
)


@require_safe
def realtime(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page."""
    context = site.each_context(request) | {"title": "Real time"}
    organization = context["console"].scope.current
    if organization is None:
        return render(request, "console/no_organization.html", context)
    filters = picked(request.GET)
    now, problem = answered("real time", lambda: load(person(request), organization, filters))
    context |= {"now": now, "problem": problem, "live_s": LIVE_S, "narrowed": urlencode(filters.query)}
    return render(request, "console/realtime.html", context)


@require_safe
def realtime_live(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Its moving part; 304 while it is the same. Weak ETag over what is shown."""
    organization = site.each_context(request)["console"].scope.current
    if organization is None:
        raise Http404
    try:
        found = load(person(request), organization, picked(request.GET))
    except QueryError:
        return HttpResponse(status=204)  # the page has said why
    etag = f'W/"{found.tag}"'
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = render(request, "console/realtime/now.html", {"now": found})
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


def picked(params: QueryDict) -> Filters:
    """The picker's part of the address."""
    found = read_filters(params)
    return Filters(
        conditions=tuple(one for one in found.conditions if one.parameter in picker.NAMES),
        tags=tuple(pair for pair in found.tags if TAG + pair[0] in picker.NAMES),
    )


def part_of(filters: Filters, organization: Organization) -> answer.Part:
    """The same for the answer: running calls are known by key, hence by team and project."""
    asked = (*filters.asked, *(Filter(TAG + name, "eq", (value,)) for name, value in filters.tags))
    by_key = not filters.tags and all(one.dimension in KEYED for one in filters.conditions)
    return answer.Part(
        filters=asked,
        keys=reduce(and_, map(_keys, filters.conditions), Q()) if by_key else None,
        narrow=lambda lines: filters.narrow(lines, organization),
    )


def _keys(condition: Condition) -> Q:
    ids, names = KEYED[condition.dimension]
    known, named = identities(condition.values)
    return Q(**{f"{ids}__in": known}) | Q(**{f"{names}__in": named})


def load(user: User, organization: Organization, filters: Filters) -> Now:
    """What is now. Nine statements; six more every ten seconds, for the providers. Raises QueryError."""
    part = part_of(filters, organization)
    now = timezone.now()
    questions = Questions(user, organization)
    body = answer.realtime(questions, now, part)
    zone = organization.reporting_timezone
    lines = list(answer.recent_lines(questions, now, part))
    parts = (
        _tiles(body),
        [_provider(one) for one in body["provider_health"]],
        ledger.rows_of(lines, ledger.project_names(user, lines), zone),
        _resources(body["resources"]),
        [WORDS.get(note.code, note.message) for note in body["notes"] if note.code not in UNSAID],
        body["alerts"],
    )
    tag = blake2b("\n".join(map(str, (*parts, zone))).encode(), digest_size=12).hexdigest()
    minute = format.local(body["start"], zone)
    window = f"Of the calls that ended since {minute:%H:%M} ({zone})."
    return Now(*parts, tag=tag, window=window, rows_query=urlencode(filters.query))


def _tiles(body: Mapping[str, Any]) -> list[Tile]:
    active = body["active_requests"]
    tiles = [
        Tile("Active requests", format.number(active), "calls that run at this moment", "", "active_requests", RUNNING)
    ]
    for name, label, text in FIGURES:
        value = body[name]
        points = [point.measures.get(name) for point in body["series"]]
        spark = sparkline([None if point is None else float(point) for point in points], f"{label}, by minute")
        tiles.append(
            Tile(
                label,
                text(value),
                _exact(name, value),
                spark if len(points) > 1 else "",
                name,
                MEASURES[name].description,
            )
        )
    return tiles


def _exact(name: str, value: Any) -> str:
    if value is None:
        return "nothing measured in this time"
    return (
        f"{value:.4f}" if name == "error_rate" else f"{value:,.1f}{' ms' if name.startswith(('lat', 'ttft')) else ''}"
    )


def _provider(one: Any) -> ProviderRow:
    error = one.last_error
    what = "" if error is None else f"{(error.error_type or error.status).replace('_', ' ')}"
    often = "" if error is None else "once" if error.count == 1 else f"{error.count} times"
    times = "" if error is None else f", {often} since {error.at:%H:%M} UTC"
    return ProviderRow(
        name=one.name, state=STATES.get(one.state, one.state), tone=TOKENS.get(one.state, ""),
        hour=format.percent(one.availability_1h), day=format.percent(one.availability_24h),
        month=format.percent(one.availability_30d), p95=format.duration(one.p95), last_error=what + times,
    )  # fmt: skip


def _resources(said: answer.Resources) -> list[tuple[str, str]]:
    return [
        ("Processor", format.DASH if said.cpu_percent is None else f"{said.cpu_percent:.0f}{format.NARROW}%"),
        ("Memory", _bytes(said.rss_bytes)),
        ("Network in", _rate(said.network_in_bps)), ("Network out", _rate(said.network_out_bps)),
        ("Cache hits", format.percent(said.cache_hit_rate)),
        ("Buckets that wait for the rollups", format.number(said.queue_depth)),
        ("Ledger lag", format.DASH if said.ledger_lag_s is None else format.lag(said.ledger_lag_s)),
        ("Spool", _bytes(said.spool_bytes)),
    ]  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1) if value < 100 else round(value)


def _bytes(value: float | None) -> str:
    if value is None:
        return format.DASH
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= size:
            return f"{value / size:.1f}{format.NARROW}{unit}"
    return f"{value:.0f}{format.NARROW}B"


def _rate(bps: float | None) -> str:
    """`bps`: bits a second."""
    if bps is None:
        return format.DASH
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bps >= size:
            return f"{bps / size:.1f}{format.NARROW}{unit}"
    return f"{bps:.0f}{format.NARROW}bit/s"
