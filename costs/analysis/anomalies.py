"""Anomalies in which money went off: how much too much, split, with what caused it and what people said of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from analytics.anomalies.models import Anomaly, AnomalyState
from analytics.answers import anomalies
from gateway.models import Organization

METRICS = ("cost",)
"""What an anomaly of cost has among the series that went off together."""
ANSWERS = {True: AnomalyState.ACKNOWLEDGED, False: AnomalyState.FALSE}


def answer(user: Any, organization: Organization, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """As `anomalies.answer`, of those in which cost went off. The same queries."""
    return anomalies.answer(user, organization, {**asked, "metrics": list(METRICS)}, now)


def said(anomaly: Anomaly) -> bool | None:
    """What people say it was: true something, false nothing; None while nobody has."""
    if anomaly.state == AnomalyState.OPEN:
        return None
    return anomaly.state != AnomalyState.FALSE
