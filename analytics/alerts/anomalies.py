"""Anomalies as a source of alerts: what the hourly scan found and nobody has judged yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from analytics.alerts.models import AlertRule
from analytics.alerts.reading import Reading
from analytics.anomalies.models import Anomaly, AnomalyState
from gateway.choices import LimitScope
from gateway.services.errors import Invalid

GOES_ON = timedelta(hours=3)
"""How long after its last hour an anomaly still counts as going on: scans are hourly and judge whole hours."""
MOST = 100
SAID = {"acknowledged": "Acknowledged", "expected": "Said to be expected", "false": "Said to be no anomaly"}


class AnomalySource:
    """The source `anomaly`: one subject for each anomaly of the organization, or of the rule's team."""

    name = "anomaly"
    label = "Anomalies"

    def check(self, rule: AlertRule) -> None:
        """Raises `Invalid` for a scope that anomalies are not kept by."""
        if rule.scope not in (LimitScope.ORGANIZATION, LimitScope.TEAM) or rule.scope_value == "*":
            raise Invalid("scope_unknown", "Anomalies are of the organization or of a team.", field="scope")
        if rule.parameters:
            raise Invalid("parameters_invalid", "Anomalies take no parameters.", field="parameters")

    def readings(self, rule: AlertRule, now: datetime) -> list[Reading]:
        """Those that go on: open ones fire, of others it is told what people have said. One statement."""
        rows = Anomaly.objects.filter(
            organization=rule.organization_id, last_seen_at__gt=now - GOES_ON, last_seen_at__lte=now
        ).select_related("state_by")
        if rule.team_id is not None:
            rows = rows.filter(team=rule.team_id)
        return [
            Reading(
                str(row.pk), f"{row.metric.replace('_', ' ')}, {row.get_severity_display().lower()}",
                row.state == AnomalyState.OPEN, Decimal(str(round(row.actual, 10))),
                Decimal(str(round(row.upper, 10))), f"{_said(row)}{row.explanation}"[:500],
            )
            for row in rows.order_by("-started_at", "-id")[:MOST]
        ]  # fmt: skip


def _said(row: Anomaly) -> str:
    """`Acknowledged by alice@acme.example: key revoked. `; empty while it is open."""
    if row.state == AnomalyState.OPEN:
        return ""
    by = f" by {row.state_by}" if row.state_by else ""
    return f"{SAID[row.state]}{by}{f': {row.feedback}' if row.feedback else ''}. "
