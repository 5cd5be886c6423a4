"""What the demo company counts itself: tickets that its support solves, by day."""

import random
from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from analytics.console.periods import zone_or_utc
from config.demo.company import Company
from costs.services import units
from gateway.models import Job, Organization

NOTE = "unit_metrics"
DAYS = 90
WEEKDAY, WEEKEND = (330, 430), (60, 110)
UNKNOWN = (11, 40)
"""Days ago on which nobody counted."""


@transaction.atomic
def ensure_unit_metrics(job: Job, company: Company) -> bool:
    """Make them once, when every day is in."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    today = timezone.now().astimezone(zone_or_utc(organization.reporting_timezone)).date()
    chance = random.Random(company.seed)
    counts = []
    for ago in range(DAYS, 0, -1):
        day = today - timedelta(days=ago)
        value = chance.randint(*(WEEKDAY if day.weekday() < 5 else WEEKEND))
        if ago not in UNKNOWN:
            counts.append(units.Count(day, Decimal(value), "support"))
    made = units.create_unit_metric(
        organization=organization, actor=None, name="Tickets solved", unit="ticket", dimension="team"
    )
    units.put_values(metric=made, actor=None, counts=counts)
    locked.result = {**result, NOTE: 1}
    locked.save(update_fields=["result", "updated_at"])
    return True
