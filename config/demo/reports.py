"""Reports of the demo company: a team's weekly and the monthly of the executives, with runs about what is there. The
people of the company exist on paper alone, so nothing is sent to them."""

from datetime import datetime, timedelta

from django.db import transaction

from analytics.reports import service
from analytics.reports.catalog import TEMPLATES
from analytics.reports.models import Report, Trigger
from analytics.reports.schedule import next_due
from analytics.reports.service import Recipient, Writer
from config.demo.company import Company
from gateway.models import Job, Organization, Team, User

NOTE = "reports"
ENGINEERING = "engineering"
RUNS = {"weekly_team": 2, "monthly_executive": 1}
PAST = timedelta(days=70)


@transaction.atomic
def ensure_reports(job: Job, company: Company) -> bool:
    """Make the reports once; their runs are drawn by the background process."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    team = Team.objects.get(pk=company.team(ENGINEERING))
    for slug, to in (("weekly_team", team), ("monthly_executive", None)):
        report = _report(organization, company, slug, to)
        for due in _past(report, company.calendar.until)[-RUNS[slug] :]:
            service.make_run(report, due, Trigger.SCHEDULE, report.owner)
    locked.result = {**result, NOTE: len(RUNS)}
    locked.save(update_fields=["result", "updated_at"])
    return True


def _report(organization: Organization, company: Company, slug: str, team: Team | None) -> Report:
    template = TEMPLATES[slug]
    to = [Recipient("team", str(team.pk))] if team else [Recipient("role", "owner"), Recipient("role", "analyst")]
    return service.create_report(
        organization=organization, owner=User.objects.get(pk=company.user(0)), writer=Writer(None, is_admin=True),
        template=slug, name=f"{team.name}, weekly" if team else template.name, description=template.description,
        sections=list(template.sections), period=template.period, cron=template.cron, formats=list(template.formats),
        team=team, recipients=to,
    )  # fmt: skip


def _past(report: Report, until: datetime) -> list[datetime]:
    """When it would have been due, oldest first."""
    found, at = [], until - PAST
    while (due := next_due(report.cron, report.timezone, at)) is not None and due <= until:
        found.append(due)
        at = due
    return found
