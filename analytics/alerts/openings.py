"""What fires now, as the real-time answer, the dashboard and the console show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from analytics.alerts.models import Alert, AlertState
from gateway.models import Organization

MOST = 100


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """`id`: what `POST alerts/{id}/acknowledge` takes; `rule`: its name, with what it is about."""

    id: UUID
    rule: str
    severity: str
    state: str
    since: datetime
    acknowledged_by: UUID | None
    text: str
    rule_id: UUID


def open_alerts(user: Any, organization: Organization) -> list[OpenAlert]:
    """Firing alerts of visible rules, the worst and newest first. One statement."""
    rows = Alert.objects.visible_to(user).filter(
        state=AlertState.FIRING, rule__organization=organization, rule__archived_at=None
    )
    order = {"critical": 0, "warning": 1, "info": 2}
    found = sorted(rows.select_related("rule")[:MOST], key=lambda alert: order[alert.rule.severity])
    return [
        OpenAlert(
            alert.pk, f"{alert.rule.name} ({alert.label})" if alert.label else alert.rule.name, alert.rule.severity,
            alert.state, alert.since, alert.acknowledged_by_id, alert.text, alert.rule_id,
        )
        for alert in found
    ]  # fmt: skip
