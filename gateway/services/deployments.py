"""What the data planes last reported of their deployments (provider × upstream model), put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean
from typing import Any

from django.db.models import Q
from django.utils import timezone

from gateway.dataplane.breaker import CLOSED, HALF_OPEN, OPEN
from gateway.models import Heartbeat, Model, Organization, Provider

FRESH = timedelta(seconds=15)
_WORST = (OPEN, HALF_OPEN, CLOSED)


@dataclass(frozen=True, slots=True)
class Reported:
    """One deployment as its processes see it: the worst state of a breaker, means of the rest; None is not known."""

    provider: str
    model: str
    state: str = CLOSED
    retry_in_s: float = 0.0
    opened: int = 0
    cooldown_s: float = 0.0
    in_flight: float = 0.0
    first_ms: float | None = None
    whole_ms: float | None = None
    output_tokens: float | None = None
    cached_share: float | None = None
    last_error: str | None = None
    processes: int = 0

    def latency_ms(self, *, is_stream: bool) -> float | None:
        own, other = (self.first_ms, self.whole_ms) if is_stream else (self.whole_ms, self.first_ms)
        return other if own is None else own


def reported() -> tuple[dict[tuple[str, str], Reported], int]:
    """Deployments by (provider id, upstream model), and how many data planes said something lately. One query."""
    rows = Heartbeat.objects.filter(name__startswith="dataplane:", at__gte=timezone.now() - FRESH)
    infos = [info for info in rows.values_list("info", flat=True) if isinstance(info, dict)]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for info in infos:
        for key, figures in info.get("deployments", {}).items():
            found.setdefault(key, []).append(figures)
    return {_split(key): _merged(*_split(key), figures) for key, figures in found.items()}, len(infos)


def circuits_of(provider: Provider, organization: Organization) -> list[Reported]:
    """Deployments of a provider's models that the organization may call, by upstream name; only those that a data plane
    called lately. Other organizations' models of a shared provider stay theirs. Two queries."""
    usable = Model.objects.filter(Q(organization=organization) | Q(organization=None), provider=provider)
    names = sorted(set(usable.values_list("upstream_name", flat=True)))
    known, _ = reported()
    return [known[key] for name in names if (key := (str(provider.pk), name)) in known]


def _split(key: str) -> tuple[str, str]:
    provider, _, model = key.partition(":")
    return provider, model


def _merged(provider: str, model: str, figures: Sequence[Mapping[str, Any]]) -> Reported:
    states = {figure.get("state") for figure in figures}
    return Reported(
        provider,
        model,
        state=next(state for state in _WORST if state in states or state == CLOSED),
        retry_in_s=max(figure.get("retry_in_s", 0.0) for figure in figures),
        opened=sum(figure.get("opened", 0) for figure in figures),
        cooldown_s=max(figure.get("cooldown_s", 0.0) for figure in figures),
        in_flight=fmean(figure.get("in_flight", 0) for figure in figures),
        first_ms=_mean(figures, "first_ms"),
        whole_ms=_mean(figures, "whole_ms"),
        output_tokens=_mean(figures, "output_tokens"),
        cached_share=_mean(figures, "cached_share"),
        last_error=next((figure["last_error"] for figure in figures if figure.get("last_error")), None),
        processes=len(figures),
    )


def _mean(figures: Sequence[Mapping[str, Any]], name: str) -> float | None:
    known = [figure[name] for figure in figures if figure.get(name) is not None]
    return fmean(known) if known else None
