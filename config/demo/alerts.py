"""Alert rules of the demo company, with what they would have told had they stood from the start. They have no channel:
the people of the company exist on paper alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from analytics.alerts import services
from analytics.alerts.evaluation import look_back
from config.demo.company import Company
from config.demo.reports import ENGINEERING
from config.demo.story import OUTAGE, RUNAWAY, Calendar
from gateway.models import Job, Organization, User

NOTE = "alerts"
LATE = timedelta(minutes=50)
"""Into an hour: the window of an hour is then the whole clock hour."""
RULES: tuple[dict[str, Any], ...] = (
    {"name": "Many calls fail", "measure": "error_rate", "threshold": Decimal("0.15"), "severity": "critical",
     "minimum_requests": 20},
    {"name": "A key spends much at once", "measure": "cost", "threshold": Decimal(20), "scope": "key",
     "scope_value": "*"},
    {"name": "Budgets of Engineering", "source": "budget", "scope": "team"},
)  # fmt: skip


@transaction.atomic
def ensure_alerts(job: Job, company: Company) -> bool:
    """Make the rules once, after the days that they look back on."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    moments = list(_moments(company.calendar, locked.parameters["days"]))
    for fields in RULES:
        about: dict[str, Any] = {"scope_value": str(company.team(ENGINEERING))} if fields.get("scope") == "team" else {}
        made = services.create_rule(
            organization=organization, actor=User.objects.get(pk=company.user(0)), window_minutes=60, **fields, **about
        )
        if made.rule.measure:
            look_back(made.rule, moments)
    locked.result = {**result, NOTE: len(RULES)}
    locked.save(update_fields=["result", "updated_at"])
    return True


def _moments(calendar: Calendar, days: int) -> Iterator[datetime]:
    """Every hour of the outage and of the night of the runaway key, as far as they are loaded."""
    for first, hours in ((OUTAGE, range(12, 19)), (RUNAWAY, range(21, 32))):
        if first < days:
            yield from (calendar.midnight(first) + timedelta(hours=hour) + LATE for hour in hours)
