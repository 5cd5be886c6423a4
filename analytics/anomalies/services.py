"""Verbs and reads for others: what people say of an anomaly, how an organization is watched, which are open."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from analytics.anomalies.models import Anomaly, AnomalyScan, AnomalyState
from gateway.models import Organization, User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

if TYPE_CHECKING:
    from analytics.anomalies.querysets import AnomalyQuerySet

LONGEST = 2_000


def open_anomalies(organization: Organization | UUID, *, since: datetime | None = None) -> AnomalyQuerySet:
    """What nobody has settled, newest first; `since`: seen in an hour from then on. For alert rules: an anomaly keeps
    its id while it grows, so one id is one alert. Not narrowed to a person: recipients ask `.visible_to(user)`."""
    pk = organization.pk if isinstance(organization, Organization) else organization
    rows = Anomaly.objects.filter(organization=pk).unsettled()
    return rows if since is None else rows.filter(last_seen_at__gte=since)


@transaction.atomic
def set_state(*, anomaly: Anomaly, actor: Actor, state: str, feedback: str = "") -> Anomaly:
    """Say what it was. `false` raises the bar of its series at the next scan, `expected` takes its hours out of what is
    usual; `open` takes either back. Saying it again changes nothing.

    Raises Invalid (`state_unknown`, `feedback_too_long`).
    """
    if state not in AnomalyState.values:
        raise Invalid("state_unknown", f"state is one of {', '.join(AnomalyState.values)}.", field="state")
    if len(feedback) > LONGEST:
        raise Invalid("feedback_too_long", f"At most {LONGEST:,} characters.", field="feedback")
    locked = Anomaly.objects.select_for_update().get(pk=anomaly.pk)
    before = {"state": locked.state, "feedback": locked.feedback}
    after = {"state": state, "feedback": feedback.strip()}
    if before == after:
        return locked
    locked.state, locked.feedback = after["state"], after["feedback"]
    locked.state_by, locked.state_at = actor if isinstance(actor, User) else None, datetime.now(UTC)
    locked.save(update_fields=["state", "feedback", "state_by", "state_at", "updated_at"])
    audit.record(
        organization=locked.organization, actor=actor, verb="anomaly.state", target=locked, before=before, after=after
    )
    return locked


def settings_of(organization: Organization) -> AnomalyScan:
    """How it is watched; made with the defaults when nobody has said."""
    return AnomalyScan.objects.defer("frame").get_or_create(organization=organization)[0]


@transaction.atomic
def change_settings(
    *,
    organization: Organization,
    actor: Actor,
    is_enabled: bool | None = None,
    sensitivity: int | None = None,
    min_impact: Decimal | None = None,
) -> AnomalyScan:
    """From the next scan on. Raises Invalid (`sensitivity_out_of_range`, `min_impact_negative`)."""
    if sensitivity is not None and not 1 <= sensitivity <= 10:
        raise Invalid("sensitivity_out_of_range", "sensitivity lies between 1 and 10.", field="sensitivity")
    if min_impact is not None and min_impact < 0:
        raise Invalid("min_impact_negative", "min_impact is not negative.", field="min_impact")
    settings_of(organization)
    row = AnomalyScan.objects.select_for_update().defer("frame").get(organization=organization)
    before = {"is_enabled": row.is_enabled, "sensitivity": row.sensitivity, "min_impact": str(row.min_impact)}
    row.is_enabled = row.is_enabled if is_enabled is None else is_enabled
    row.sensitivity = sensitivity or row.sensitivity
    row.min_impact = row.min_impact if min_impact is None else min_impact
    after = {"is_enabled": row.is_enabled, "sensitivity": row.sensitivity, "min_impact": str(row.min_impact)}
    if after != before:
        row.save(update_fields=["is_enabled", "sensitivity", "min_impact"])
        audit.record(
            organization=organization, actor=actor, verb="anomaly.settings", target=organization, before=before,
            after=after,
        )  # fmt: skip
    return row
