"""Figures, names and sentences of anomalies as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from analytics.anomaly.frame import WHOLE, Scope
from analytics.anomaly.incidents import Incident
from analytics.console import format
from analytics.explain import Cause, Effects, Facts, summarise
from analytics.labels import spoken
from gateway.models import Organization

DIMENSION_WORDS = {
    "api_key": "key", "project": "project", "team": "team", "provider": "provider", "model": "model",
    "model_requested": "requests for", "organization": "organization",
}  # fmt: skip
SHARES = ("error_rate", "cache_hit_rate", "cached_share", "price", "served_model")
Names = Mapping[Scope, str]


def value_words(metric: str, value: float, currency: str) -> str:
    """One figure of a metric."""
    if metric in SHARES:
        return format.percent(value)
    if metric == "cost":
        return format.money(value, currency)
    if metric in ("latency_p95", "ttft_p95"):
        return format.duration(value)
    return format.compact(round(value))


def names_of(organization: Organization, scopes: Iterable[Scope]) -> dict[Scope, str]:
    """What people call the scopes. One query for each dimension of ids among them."""
    found: dict[str, set[str]] = {}
    for dimension, value in scopes:
        found.setdefault(dimension, set()).add(value)
    names: dict[Scope, str] = {WHOLE: organization.name}
    for dimension, values in found.items():
        known = spoken(dimension, values) if dimension != WHOLE[0] else {}
        names |= {(dimension, value): known.get(value, value) for value in values if (dimension, value) != WHOLE}
    return names


def called(scope: Scope, names: Names) -> str:
    """`project atlas`; the organization by its name alone."""
    name = names.get(scope, scope[1])
    return name if scope == WHOLE else f"{DIMENSION_WORDS.get(scope[0], scope[0])} {name}"


def cause_words(cause: Cause, metric: str, names: Names, currency: str) -> str:
    scope = (cause.dimension, cause.value)
    if metric in SHARES:
        return f"{called(scope, names)} carries {format.percent(cause.share)} of the change"
    now, usual = (value_words(metric, value, currency) for value in (cause.actual, cause.expected))
    return f"{called(scope, names)}: {now} instead of {usual}, {format.percent(cause.share)} of the change"


def explanation(
    incident: Incident, causes: Sequence[Cause], effects: Effects, names: Names, since: datetime, currency: str
) -> str:
    """By template; `since` in the zone that it is to be read in."""
    metric, scope = incident.root_key
    peak = incident.root.peak
    moved = sorted(effects.parts.items(), key=lambda item: -abs(item[1]))
    told = [(name, _signed(amount, currency)) for name, amount in moved if abs(amount) >= Decimal("0.01")]
    facts = Facts(
        metric=metric, scope=called(scope, names),
        actual=value_words(metric, peak.actual, currency), expected=value_words(metric, peak.expected, currency),
        is_higher=peak.actual > peak.expected, since=f"{since:%-d %b, %H:%M}",
        causes=[
            (format.percent(each.share), DIMENSION_WORDS.get(each.dimension, each.dimension),
             names.get((each.dimension, each.value), each.value))
            for each in causes[:2] if (causes[0].dimension, causes[0].value) != scope
        ],
        effects=told if metric in ("cost", "price", "cached_share", "requests", "tokens") else (),
        instead=peak.instead,
    )  # fmt: skip
    return summarise(facts)


def _signed(amount: Decimal, currency: str) -> str:
    text = format.money(amount, currency)
    return text if amount < 0 else f"+{text}"
