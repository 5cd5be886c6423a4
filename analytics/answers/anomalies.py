"""Stored anomalies as people ask for them: narrowed, counted, with what to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.anomalies import wording
from analytics.anomalies.models import Anomaly, AnomalyScan, Severity
from analytics.anomaly.watch import Settings
from analytics.query import Note
from gateway.models import Organization

AFFECTED = 5
TOLD = 5
MOST = 5_000
DEFAULT_STATES = ("open", "acknowledged")
MORE_SENSITIVE = "The scan's sensitivity is {own}: what only a higher one would tell is not stored."


def select(user: Any, organization: Organization, asked: Mapping[str, Any], sensitivity: int) -> list[Anomaly]:
    """The anomalies that the question means, newest first, at most `MOST`. One query."""
    rows = Anomaly.objects.visible_to(user).filter(
        organization=organization, state__in=asked["states"] or DEFAULT_STATES,
        score__gte=max(asked["min_score"], least_score(asked["sensitivity"], sensitivity)),
    )  # fmt: skip
    rows = rows.in_window(asked["start"], asked["end"]).defer("chart")[:MOST]
    metrics, dimensions = set(asked["metrics"]), set(asked["dimensions"])
    return [
        row
        for row in rows
        if (not metrics or metrics & {member["metric"] for member in row.members})
        and (not dimensions or dimensions & {row.dimension, *(cause["dimension"] for cause in row.causes[:1])})
    ]


def least_score(asked: int | None, own: int) -> float:
    """The score below which a scan of the asked sensitivity would not have spoken; a score of a half is the own bar."""
    if asked is None or asked >= own:
        return 0.0
    times = Settings(sensitivity=asked).bar / Settings(sensitivity=own).bar
    return times / (1.0 + times)


def answer(user: Any, organization: Organization, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Two queries, and one for each dimension of ids among the scopes."""
    scan = AnomalyScan.objects.defer("frame").filter(organization=organization).first() or AnomalyScan()
    rows = select(user, organization, asked, scan.sensitivity)
    notes = []
    if (asked["sensitivity"] or 0) > scan.sensitivity:
        notes.append(Note("less_sensitive", MORE_SENSITIVE.format(own=scan.sensitivity)))
    shown = rows[: asked["limit"]]
    return {
        "generated_at": now, "scanned_until": scan.scanned_until, "currency": organization.currency,
        "anomalies": shown, "summary": summary(rows), "notes": notes,
        "recommendations": recommendations(rows, organization),
        "names": wording.names_of(organization, {(row.dimension, row.value) for row in shown}),
    }  # fmt: skip


def summary(rows: Sequence[Anomaly]) -> dict[str, Any]:
    by_severity = Counter(row.severity for row in rows)
    first = [(row.causes[0]["dimension"], row.causes[0]["value"], row.causes[0]["name"]) for row in rows if row.causes]
    affected = Counter(first).most_common(AFFECTED)
    return {
        "total": len(rows),
        "by_severity": {level.value: by_severity[level.value] for level in Severity},
        "total_excess": sum((max(row.impact_amount, Decimal(0)) for row in rows), Decimal(0)),
        "most_affected": [
            {"dimension": dimension, "value": value, "name": name, "anomalies": count}
            for (dimension, value, name), count in affected
        ],
    }


ADVICE = {
    "cost": "Look at {cause}: it carries most of a change of cost since {since}. Limit it if nobody meant it.",
    "requests": "Ask who calls by {cause}: the number of requests changed at {since}.",
    "tokens": "Look at the prompts of {cause}: the number of tokens changed at {since}.",
    "error_rate": "Give the routes that depend on {cause} another target: calls fail since {since}.",
    "served_model": "Compare answers and cost of {cause}: another model serves since {since}.",
    "price": "Check the contract of {cause}: its price against the list changed at {since}.",
    "cached_share": "Keep the start of the prompts of {cause} constant: less is read from the cache since {since}.",
    "cache_hit_rate": "Check the cache policy of {cause}: its hits changed at {since}.",
    "latency_p95": "Compare the latency of {cause} with another provider's: answers are slow since {since}.",
    "ttft_p95": "Compare the first token of {cause} with another provider's: it comes late since {since}.",
}


def recommendations(rows: Sequence[Anomaly], organization: Organization) -> list[str]:
    """What to look at, the gravest first; one sentence for each anomaly that has a cause."""
    levels = list(Severity)
    grave = sorted(rows, key=lambda row: (-levels.index(Severity(row.severity)), -row.score))
    told = []
    for row in grave:
        if row.causes:
            first = row.causes[0]
            cause = f"{wording.DIMENSION_WORDS.get(first['dimension'], first['dimension'])} {first['name']}"
            at = wording.format.local(row.started_at, organization.reporting_timezone)
            told.append(ADVICE[row.metric].format(cause=cause, since=f"{at:%-d %b, %H:%M}"))
    return told[:TOLD]
