"""Health of providers as the requests of the period saw it, with the circuits that data planes report now.

Shares come from the rollups; the ledger is not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q

from analytics.console import format
from analytics.console.cards import labels
from analytics.console.questions import Questions
from analytics.console.usage.state import State
from analytics.query import Value
from gateway.dataplane.breaker import CLOSED, HALF_OPEN, OPEN
from gateway.models import Model, Organization, Provider, User
from gateway.services import deployments
from gateway.services.deployments import Reported

MOST = 50
HOUR = timedelta(hours=1)
UP, DOWN = 0.95, 0.5
CIRCUITS = {OPEN: ("bad", "open"), HALF_OPEN: ("warn", "probing"), CLOSED: ("ok", "closed")}
MEASURES = ("requests", "availability", "latency_p95", "error_rate", "retries", "attempts")


@dataclass(frozen=True, slots=True)
class Circuit:
    """One deployment: provider × upstream model."""

    model: str
    tone: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """One provider: `state` in words from the last hour and its circuits; figures of the period as text."""

    name: str
    state: str
    tone: str
    requests: str
    availability: str
    last_hour: str
    latency_p95: str
    error_rate: str
    retried: str
    circuits: tuple[Circuit, ...]
    url: str


def load(questions: Questions, state: State, now: datetime) -> list[Health]:
    """Providers with traffic in the period or a reported circuit, most requests first. Raises QueryError. Four
    queries: two of figures, providers with their models, heartbeats."""
    user, organization = questions.user, questions.organization
    whole = questions.ask(MEASURES, dimensions=["provider"], limit=MOST, filters=state.conditions)
    recent = questions.ask(
        MEASURES, dimensions=["provider"], limit=MOST, filters=state.conditions, start=now - HOUR, end=now
    )  # fmt: skip
    figures = _by_provider(whole.groups)
    last = _by_provider(recent.groups)
    names, circuits = _circuits(user, organization)
    shown = [slug for slug in figures if slug != labels.NONE]
    shown += [slug for slug in circuits if slug not in figures]
    return [
        _health(state, slug, names.get(slug, slug), figures.get(slug, {}), last.get(slug, {}), circuits.get(slug, []))
        for slug in shown
    ]


def _by_provider(groups: Sequence[object]) -> dict[str, Mapping[str, Value]]:
    return {
        labels.value_of(group.dimensions["provider"]): group.measures  # type: ignore[attr-defined]  # a Group
        for group in groups
        if not group.is_other and any(group.measures.get(name) for name in ("requests", "attempts"))  # type: ignore[attr-defined]  # as above
    }


def _circuits(user: User, organization: Organization) -> tuple[dict[str, str], dict[str, list[Reported]]]:
    """Names by slug, and the reported deployments of models that the organization may call. Two queries."""
    shared = Q(organization=organization) | Q(organization=None)
    usable = Model.objects.visible_to(user).filter(shared, provider=OuterRef("pk"))
    providers = Provider.objects.visible_to(user).filter(shared).annotate(
        upstreams=ArraySubquery(usable.order_by("upstream_name").values("upstream_name").distinct())
    )  # fmt: skip
    known, _ = deployments.reported()
    names: dict[str, str] = {}
    found: dict[str, list[Reported]] = {}
    for pk, slug, name, upstreams in providers.values_list("pk", "slug", "name", "upstreams"):
        names[slug] = name
        reported = [known[str(pk), upstream] for upstream in upstreams if (str(pk), upstream) in known]
        if reported:
            found[slug] = reported
    return names, found


def _health(
    state: State, slug: str, name: str, whole: Mapping[str, Value], last: Mapping[str, Value], circuits: list[Reported]
) -> Health:
    words, tone = _state(last, circuits)
    attempts, retries = int(whole.get("attempts") or 0), int(whole.get("retries") or 0)
    return Health(
        name=name,
        state=words,
        tone=tone,
        requests=format.number(whole.get("requests") or 0),
        availability=format.percent(whole.get("availability")),
        last_hour=format.percent(last.get("availability")),
        latency_p95=format.duration(whole.get("latency_p95")),
        error_rate=format.percent(whole.get("error_rate")),
        retried=format.percent(retries / attempts) if attempts else format.DASH,
        circuits=tuple(_circuit(each) for each in circuits),
        url=state.rows_url(provider=slug),
    )


def _state(last: Mapping[str, Value], circuits: Sequence[Reported]) -> tuple[str, str]:
    """Circuits first, they are of now; then the availability of the last hour."""
    if any(each.state == OPEN for each in circuits):
        return "Circuit open", "bad"
    if any(each.state == HALF_OPEN for each in circuits):
        return "Probing", "warn"
    share = last.get("availability")
    if share is None:
        return "No traffic in the last hour", ""
    if share >= UP:
        return "Up", "ok"
    return ("Degraded", "warn") if share >= DOWN else ("Down", "bad")


def _circuit(each: Reported) -> Circuit:
    tone, state = CIRCUITS[each.state]
    detail = f"{state}, next try in {each.retry_in_s:.0f} s" if each.state == OPEN else state
    return Circuit(each.model, tone, detail, f"opened {each.opened} times" if each.opened else "")
