"""What alerts can be about: the figures of the metrics layer, and what apps contribute by `ANALYTICS_PROVIDERS`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from analytics.alerts.metric import MetricSource
from analytics.alerts.models import AlertRule
from analytics.alerts.reading import Reading
from gateway.console.registry import providers

__all__ = ["AlertSource", "Reading", "find", "sources"]


class AlertSource(Protocol):
    """One sort of thing to be told about, such as budgets or anomalies. List an instance in `alert_sources` of an
    app's `ConsoleProvider`. `name` is what rules store, `label` what people read."""

    name: str
    label: str

    def check(self, rule: AlertRule) -> None:
        """Raise `Invalid` when the rule's `parameters` make no sense."""

    def readings(self, rule: AlertRule, now: datetime) -> Sequence[Reading]:
        """Where each subject of the rule stands now, from stored results alone. A subject that is no longer read counts
        as fine."""


def sources() -> Mapping[str, AlertSource]:
    """By name; the first of a name wins."""
    found: dict[str, AlertSource] = {MetricSource.name: MetricSource()}
    for provider in providers():
        for source in provider.alert_sources:
            known: Any = source
            found.setdefault(known.name, known)
    return found


def find(name: str) -> AlertSource | None:
    return sources().get(name)
