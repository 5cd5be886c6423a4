"""The rules that an organization begins with: thresholds of its budgets, and anomalies, told to its owners.

Each is made once: one that was changed or ended stays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from analytics.alerts import services
from analytics.alerts.models import AlertRule, ChannelKind, Severity
from gateway.models import Organization
from gateway.services.audit import Actor

RULES: Mapping[str, Mapping[str, Any]] = {
    "budgets": {"name": "Budgets reach a threshold", "source": "budget", "severity": Severity.WARNING},
    "anomalies": {"name": "Something unusual", "source": "anomaly", "severity": Severity.WARNING},
}


@transaction.atomic
def create_defaults(*, organization: Organization, actor: Actor) -> int:
    """Make those of `RULES` that the organization never had; returns how many. The demo company has its own."""
    if organization.is_demo:
        return 0
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)  # alone, against itself elsewhere
    known = set(AlertRule.objects.filter(organization=organization).values_list("default", flat=True))
    missing = [name for name in RULES if name not in known]
    for name in missing:
        channels = [{"kind": ChannelKind.OWNERS.value}]
        services.create_rule(organization=organization, actor=actor, channels=channels, default=name, **RULES[name])
    return len(missing)
