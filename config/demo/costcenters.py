"""The demo company's cost centres, the rules that fill them, and the statements of the months that are over."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.demo.company import Company
from costs.allocation.compute import months
from costs.models import CostCenter
from costs.services import allocation, statements
from gateway.models import Job, Organization, Team
from gateway.services.errors import Conflict

NOTE = "cost_centers"
CODES = {"4100": "engineering", "4200": "support", "4300": "operations"}
PLATFORM = Decimal("1200")
SHARED = "answer-search"
"""A project that all teams use: shared by the tokens that each causes."""


@transaction.atomic
def ensure_cost_centers(job: Job, company: Company) -> bool:
    """Make them once, when every day is in: teams pay for themselves, a shared project by use, the platform fee evenly;
    what is left stays unallocated. Last month's statement is locked, this month's is a draft."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    start = months(organization, (timezone.now(), timezone.now()))[0][0]
    before = months(organization, (start - timedelta(days=1), start - timedelta(days=1)))[0][0]
    centers = _centers(organization)
    made: dict[str, Any] = {"organization": organization, "actor": None, "valid_from": before}
    shared = [{"dimension": "project", "op": "in", "values": [str(company.project(SHARED))]}]
    ids = [str(center.pk) for center in centers.values()]
    allocation.create_rule(
        **made, name="Answer search, by tokens", method="proportional", position=10, conditions=shared,
        targets={"cost_centers": ids, "metric": "total_tokens"},
    )  # fmt: skip
    values = [{"value": str(team), "cost_center": str(center.pk)} for team, center in centers.items()]
    allocation.create_rule(
        **made, name="Teams pay for themselves", method="direct", position=20, targets={"by": "team", "values": values}
    )
    allocation.create_rule(
        **made, name="Platform fee", method="even", position=30, targets={"cost_centers": ids},
        monthly_amount=PLATFORM,
    )  # fmt: skip
    zone_day = (before + timedelta(days=2)).date().replace(day=1)
    last = statements.compute_statement(organization=organization, month=zone_day, actor=None)
    with suppress(Conflict):  # somebody uses the demo while it is made, and was faster or drafted an earlier month
        statements.lock_statement(statement=last, actor=None)
    this = (start + timedelta(days=2)).date().replace(day=1)
    statements.compute_statement(organization=organization, month=this, actor=None)
    locked.result = {**result, NOTE: len(centers)}
    locked.save(update_fields=["result", "updated_at"])
    return True


def _centers(organization: Organization) -> dict[object, CostCenter]:
    """By team."""
    found: dict[object, CostCenter] = {}
    teams = {team.slug: team for team in Team.objects.filter(organization=organization)}
    for code, slug in CODES.items():
        team = teams[slug]
        found[team.pk] = allocation.create_cost_center(
            organization=organization, actor=None, code=code, name=team.name, team=team, monthly_budget=Decimal(5000)
        )
    return found
