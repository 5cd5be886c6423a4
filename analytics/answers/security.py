"""Security of an organization: refusals, guardrails, keys, incidents, and a score with its sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count as Counted
from django.db.models import Max, Min, Q, Sum
from django.db.models.functions import TruncHour

from analytics.answers.questions import Questions, common
from analytics.query import Filter, Note, Point, Query
from analytics.security import Count, Finding, KeyFacts, findings_of, incidents_of, score_of
from gateway.choices import Scope
from gateway.models import Guardrail, KeySpend, LedgerLine, SecurityEvent, VirtualKey

BEFORE = timedelta(days=30)
MOST_LINES = 2_000_000
KEYS = 5_000
MANY = 10_000
MOST_POINTS = 150_000
MEASURES = ("requests", "denied")
NO_KEYS = Note("no_keys", "score is null: the organization has no live key.")
TOO_MANY = Note("addresses_not_checked", "unusual_ip is not looked for: there are more than 2,000,000 requests.")
UNKNOWN_PREFIXES = Note(
    "known_keys_only",
    "Failed sign-ins are attempts with the prefix of a key of this organization; others belong to none.",
)
ADVICE = {
    "unused": "Revoke keys that nobody uses.", "old": "Rotate keys that are older than half a year.",
    "over_permitted": "Limit keys to the models they use, and let management keys expire.",
    "unusual_ip": "Ask the owners of keys used from new addresses; rotate a key that nobody can explain.",
    "unusual_hour": "Ask the owners of keys used at unusual hours.",
    "unusual_model": "Check who chose the new models, and limit the keys to what they need.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """Refusals of one day, UTC."""

    time: datetime
    failed_auth: int
    blocked: int
    guardrail_hits: int


@dataclass(frozen=True, slots=True)
class Hits:
    """What one guardrail did."""

    guardrail: UUID | None
    name: str | None
    action: str
    count: int


def security(questions: Questions, query: Query) -> dict[str, Any]:
    """Twelve statements at most besides the scope's. `query`: the window, filters are not taken."""
    asked = replace(query, measures=MEASURES, granularity="day", timezone="UTC", compare_to="none")
    result = questions.ask(asked)
    start, end = query.start, query.end
    keys = list(_keys(questions))
    refused = _failed(keys, start, end)
    events = _guardrails(questions, start, end)
    findings = findings_of(_facts(questions, query, keys), start, end)
    denials = _denied(questions, query, keys)
    incidents = incidents_of([*refused, *_guardrail_counts(events), *denials], findings, end)
    failed, blocked = sum(one.count for one in refused), _number(result.totals["denied"])
    hits = sum(event["total"] for event in events)
    calls = _number(result.totals["requests"]) + blocked + failed
    score, parts = score_of(
        keys=len(keys), findings=findings, incidents=incidents, calls=calls, refused=blocked + failed
    )
    questions.note(UNKNOWN_PREFIXES, *([] if keys else [NO_KEYS]))
    return {
        **common(questions, result),
        "score": score, "parts": parts, "failed_auth": failed, "blocked": blocked, "guardrail_hits": hits,
        "guardrails": _by_guardrail(events), "key_findings": findings, "incidents": incidents,
        "trend": _trend(result.series, refused, events),
        "recommendations": [ADVICE[kind] for kind in ADVICE if any(one.finding == kind for one in findings)],
    }  # fmt: skip


def _keys(questions: Questions) -> Any:
    rows = VirtualKey.objects.visible_to(questions.user).filter(organization=questions.organization, revoked_at=None)
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=datetime.now().astimezone()))[:KEYS]


def _failed(keys: Sequence[VirtualKey], start: datetime, end: datetime) -> list[Count]:
    """Attempts with the prefix of one of the keys, by hour."""
    by_prefix = {key.prefix: key for key in keys}
    rows = SecurityEvent.objects.filter(kind="invalid_key", prefix__in=by_prefix, at__gte=start, at__lt=end)
    found = rows.annotate(hour=TruncHour("at")).values("hour", "prefix").annotate(total=Sum("count")).order_by("hour")
    return [
        Count("failed_auth", by_prefix[row["prefix"]].name, row["hour"], row["total"], str(by_prefix[row["prefix"]].pk))
        for row in found
    ]


def _guardrails(questions: Questions, start: datetime, end: datetime) -> list[dict[str, Any]]:
    rows = SecurityEvent.objects.filter(
        organization=questions.organization.pk, kind="guardrail", at__gte=start, at__lt=end
    )
    names = {
        rail.pk: rail.name
        for rail in Guardrail.objects.visible_to(questions.user).filter(organization=questions.organization)
    }
    found = rows.annotate(hour=TruncHour("at")).values("hour", "guardrail", "action").annotate(total=Sum("count"))
    return [{**row, "name": names.get(row["guardrail"])} for row in found.order_by("hour")]


def _guardrail_counts(events: Iterable[Mapping[str, Any]]) -> list[Count]:
    return [
        Count("guardrail", row["name"] or str(row["guardrail"]), row["hour"], row["total"])
        for row in events
        if row["action"] == "block"
    ]


def _by_guardrail(events: Iterable[Mapping[str, Any]]) -> list[Hits]:
    sums: dict[tuple[Any, Any, str], int] = {}
    for row in events:
        key = (row["guardrail"], row["name"], row["action"])
        sums[key] = sums.get(key, 0) + row["total"]
    return [Hits(*key, count) for key, count in sorted(sums.items(), key=lambda item: -item[1])]


def _denied(questions: Questions, query: Query, keys: Sequence[VirtualKey]) -> list[Count]:
    """Denials by key and hour."""
    names = {str(key.pk): key.name for key in keys}
    asked = replace(
        query, measures=("denied",), dimensions=("api_key",), granularity="hour", timezone="UTC", compare_to="none",
        limit=_most(query),
    )  # fmt: skip
    return [
        Count("denied", names.get(key, "that is no more"), point.time, count, key)
        for point in questions.ask(asked).series
        if (count := _number(point.measures["denied"]))
        for key in [str(point.dimensions["api_key"] or "")]
    ]


def _facts(questions: Questions, query: Query, keys: Sequence[VirtualKey]) -> list[KeyFacts]:
    """The keys with their habits of the 30 days before the window, and what they did in it."""
    start, end = query.start, query.end
    used = dict(KeySpend.objects.filter(key_id__in=[key.pk for key in keys]).values_list("key_id", "last_used_at"))
    before = replace(query, start=start - BEFORE, end=start)
    hours_before, days, _ = _by_hour(questions, before)
    hours_now, _, first_hour = _by_hour(questions, query)
    models_before, models_now = _by_model(questions, before), _by_model(questions, query)
    addresses_before, addresses_now, first_address = _addresses(questions, start, end, hours_before, hours_now)
    return [
        KeyFacts(
            id=name, name=key.name, created_at=key.created_at, last_used_at=used.get(key.pk),
            allows_all_models=not key.allowed_models and Scope.INFERENCE in key.scopes,
            is_management=Scope.MANAGE_WRITE in key.scopes, never_expires=key.expires_at is None,
            days_before=len(days.get(name, ())), hours_before=hours_before.get(name, {}),
            hours_now=hours_now.get(name, {}), models_before=models_before.get(name, {}),
            models_now=models_now.get(name, {}), addresses_before=addresses_before.get(name, {}),
            addresses_now=addresses_now.get(name, {}),
            first_seen={**first_hour.get(name, {}), **first_address.get(name, {})},
        )
        for key in keys
        for name in [str(key.pk)]
    ]  # fmt: skip


Counts = dict[str, dict[Any, int]]


def _by_hour(questions: Questions, query: Query) -> tuple[Counts, dict[str, set[Any]], dict[str, dict[str, datetime]]]:
    """Requests by key and hour of the day, the days with requests, and the first time of each hour of the day."""
    asked = replace(
        query, measures=("requests",), dimensions=("api_key",), granularity="hour", timezone="UTC",
        compare_to="none", limit=_most(query),
    )  # fmt: skip
    hours: Counts = {}
    days: dict[str, set[Any]] = {}
    first: dict[str, dict[str, datetime]] = {}
    for point in questions.ask(asked).series:
        if count := _number(point.measures["requests"]):
            key, hour = str(point.dimensions["api_key"]), point.time.hour
            hours.setdefault(key, {}).setdefault(hour, 0)
            hours[key][hour] += count
            days.setdefault(key, set()).add(point.time.date())
            first.setdefault(key, {}).setdefault(f"hour:{hour}", point.time)
    return hours, days, first


def _by_model(questions: Questions, query: Query) -> Counts:
    asked = replace(
        query, measures=("requests",), dimensions=("api_key", "model"), granularity=None, compare_to="none", limit=MANY,
        filters=(Filter("kind", "eq", ("attempt",)),),
    )  # fmt: skip
    found: Counts = {}
    for group in questions.ask(asked).groups:
        if not group.is_other and group.measures["requests"] and group.dimensions["model"] is not None:
            found.setdefault(str(group.dimensions["api_key"]), {})[str(group.dimensions["model"])] = _number(
                group.measures["requests"]
            )
    return found


def _addresses(
    questions: Questions, start: datetime, end: datetime, *requests: Counts
) -> tuple[Counts, Counts, dict[str, dict[str, datetime]]]:
    """By key and hashed address, from the ledger, which alone has addresses."""
    if sum(count for counts in requests for hours in counts.values() for count in hours.values()) > MOST_LINES:
        questions.note(TOO_MANY)
        return {}, {}, {}
    lines = LedgerLine.objects.visible_to(questions.user).in_window(start - BEFORE, end)
    lines = lines.filter(
        organization=questions.organization.pk, is_final=True, client_ip_hash__isnull=False, api_key__isnull=False
    )
    in_window = Q(started_at__gte=start)
    rows = lines.order_by().values("api_key", "client_ip_hash").annotate(
        before=Counted("id", filter=~in_window), now=Counted("id", filter=in_window),
        first=Min("started_at", filter=in_window), last=Max("started_at"),
    )  # fmt: skip
    before: Counts = {}
    now: Counts = {}
    first: dict[str, dict[str, datetime]] = {}
    for row in rows:
        key, address = str(row["api_key"]), bytes(row["client_ip_hash"]).hex()
        if row["before"]:
            before.setdefault(key, {})[address] = row["before"]
        if row["now"]:
            now.setdefault(key, {})[address] = row["now"]
            first.setdefault(key, {})[f"address:{address}"] = row["first"]
    return before, now, first


def _trend(points: Sequence[Point], failed: Iterable[Count], events: Iterable[Mapping[str, Any]]) -> list[Day]:
    auth: dict[Any, int] = {}
    rails: dict[Any, int] = {}
    for one in failed:
        auth[one.at.date()] = auth.get(one.at.date(), 0) + one.count
    for row in events:
        rails[row["hour"].date()] = rails.get(row["hour"].date(), 0) + row["total"]
    return [
        Day(point.time, auth.get(day, 0), _number(point.measures["denied"]), rails.get(day, 0))
        for point in points
        for day in [point.time.date()]
    ]


def _most(query: Query) -> int:
    """So many keys, those with most requests, that an answer by hour is not refused as too large."""
    hours = max(1.0, (query.end - query.start).total_seconds() / 3600)
    return max(1, min(MANY, int(MOST_POINTS / hours)))


def _number(value: Any) -> int:
    return int(value or 0)


__all__ = ["Finding", "security"]
