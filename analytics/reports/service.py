"""Reports: make, change, put away; have one run by hand, have a mail sent again.

Administrators write every report, managers their team's: to its people alone, never outside. Analysts look and run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from analytics.query import QueryError
from analytics.query.plan import make_plan
from analytics.query.scope import operator, scope_of
from analytics.reports import schedule, sections
from analytics.reports.models import Period, RecipientKind, Report, ReportDelivery, ReportRecipient, ReportRun, Trigger
from analytics.reports.recipients import addressee_of
from analytics.reports.render.documents import FORMATS
from gateway.choices import JobStatus, Role
from gateway.ledger.ids import uuid7
from gateway.models import Membership, Organization, Team, User
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Forbidden, Invalid
from gateway.services.identity import check_fields

KIND = "analytics.report"
MOST_REPORTS, MOST_RECIPIENTS = 200, 100
MOST_OPEN_RUNS = 20
"""Runs by hand of one requester that wait or are made."""
PLAIN = ("name", "description", "period", "cron", "timezone", "formats", "is_enabled", "shares_outside", "sections")
AUDITED = (*PLAIN, "team_id")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One entry of the list: a team's id, a role, or an address."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the actor of the audit trail, and what they may. `team`: a manager's own."""

    actor: Actor
    is_admin: bool
    team: UUID | None = None


class ReportFields(TypedDict, total=False):
    """What a report says of itself; see `Report`."""

    name: str
    description: str
    sections: Sequence[Mapping[str, Any]]
    period: str
    cron: str
    timezone: str
    formats: Sequence[str]
    is_enabled: bool
    shares_outside: bool
    team: Team | None
    recipients: Sequence[Recipient]


@transaction.atomic
def create_report(
    *,
    organization: Organization,
    owner: User | None,
    writer: Writer,
    template: str = "",
    **fields: Unpack[ReportFields],
) -> Report:
    """Make a report; its owner's eyes are those of addresses outside. Raises `Invalid`, `Forbidden`, `Conflict`."""
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)  # two at once see the same count
    if Report.objects.filter(organization=organization, archived_at=None).count() >= MOST_REPORTS:
        raise Conflict("too_many_reports", f"At most {MOST_REPORTS} reports; put one away first.")
    if not writer.is_admin and writer.team is not None and "team" not in fields:
        fields["team"] = Team.objects.get(pk=writer.team)
    report = Report(organization=organization, owner=owner, template=template, timezone=organization.reporting_timezone)
    _fill(report, writer, fields)
    report.save(force_insert=True)
    _set_recipients(report, writer, fields.get("recipients", ()))
    audit.record(
        organization=organization, actor=writer.actor, verb="report.create", target=report, after=_facts(report)
    )
    return report


@transaction.atomic
def update_report(*, report: Report, writer: Writer, **fields: Unpack[ReportFields]) -> Report:
    """Change a report; what is due already is not changed by it. Raises `Invalid`, `Forbidden`, `Conflict`."""
    locked = _lock(report, writer)
    before = _facts(locked)
    _fill(locked, writer, fields)
    locked.save()
    if "recipients" in fields:
        _set_recipients(locked, writer, fields["recipients"])
    elif locked.shares_outside or not writer.is_admin:
        _check_recipients(locked, writer, [Recipient(item.kind, item.value) for item in locked.recipients.all()])
    old, new = audit.differences(before, _facts(locked))
    if new:
        audit.record(
            organization=locked.organization, actor=writer.actor, verb="report.update", target=locked, before=old,
            after=new,
        )  # fmt: skip
    return locked


@transaction.atomic
def archive_report(*, report: Report, writer: Writer) -> None:
    """Put a report away: it is sent no more, its runs stay."""
    locked = _lock(report, writer)
    locked.archived_at, locked.next_at = timezone.now(), None
    locked.save(update_fields=["archived_at", "next_at", "updated_at"])
    audit.record(
        organization=locked.organization, actor=writer.actor, verb="report.archive", target=locked,
        before={"name": locked.name}, after={"archived_at": locked.archived_at},
    )  # fmt: skip


def _lock(report: Report, writer: Writer) -> Report:
    locked: Report = Report.objects.select_for_update(of=("self",)).get(pk=report.pk)
    if locked.archived_at is not None:
        raise Conflict("report_archived", "This report was put away.")
    _check_team(locked.team_id, writer)
    return locked


def _check_team(team: UUID | None, writer: Writer) -> None:
    if not writer.is_admin and (writer.team is None or team != writer.team):
        raise Forbidden("role_required", "Managers write the reports of their own team.", field="team")


def _fill(report: Report, writer: Writer, fields: Mapping[str, Any]) -> None:
    if "team" in fields:
        report.team = fields["team"]
    _check_team(report.team_id, writer)
    if report.team is not None and report.team.organization_id != report.organization_id:
        raise Invalid("team_unknown", "The team belongs to another organization.", field="team")
    for name in PLAIN:
        if name in fields:
            setattr(report, name, fields[name])
    report.name, report.cron = report.name.strip(), report.cron.strip()
    report.formats = [name for name in FORMATS if name in report.formats]
    check_fields(report, "name", "description", "period", "cron", "timezone")
    if report.shares_outside and not writer.is_admin:
        raise Forbidden(
            "role_required", "Only owners and administrators share a report outside.", field="shares_outside"
        )
    check_sections(report.organization, report.sections, report.timezone)
    try:
        due = schedule.check(report.cron, report.timezone, timezone.now())
    except schedule.BadSchedule as error:
        raise Invalid("schedule_invalid", str(error), field=error.field) from None
    report.next_at = due if report.is_enabled else None


def check_sections(organization: Organization, wanted: Sequence[Mapping[str, Any]], zone: str) -> None:
    """Raises `Invalid` for a section that could not be drawn for anybody."""
    if not wanted:
        raise Invalid("sections_required", "A report has at least one section.", field="sections")
    if len(wanted) > sections.MAX_SECTIONS:
        raise Invalid("too_many_sections", f"At most {sections.MAX_SECTIONS} sections.", field="sections")
    known = sections.kinds()
    for at, section in enumerate(wanted):
        kind = section.get("kind")
        if kind not in known:
            raise Invalid("unknown_section", f"Sections are {', '.join(known)}.", field=f"sections.{at}.kind")
        if kind == sections.METRICS:
            _check_metrics(organization, section, zone, f"sections.{at}")


def _check_metrics(organization: Organization, section: Mapping[str, Any], zone: str, field: str) -> None:
    """Planned as for somebody who sees everything."""
    now = datetime.now(UTC)
    try:
        start, end = schedule.window_of(Period.THIRTY_DAYS, now, zone)
        reader = sections.Reader(operator(), organization, start, end, zone)
        query = sections.query_for(section, reader)
        make_plan(query, scope_of(reader.user, query), now)
    except QueryError as error:
        raise Invalid(error.code, error.message, field=field) from None
    except schedule.BadSchedule as error:
        raise Invalid("schedule_invalid", str(error), field="timezone") from None


def _facts(report: Report) -> dict[str, Any]:
    """For the audit trail; addresses are personal and stay out of it, their number does not."""
    return {name: getattr(report, name) for name in AUDITED} | {
        "recipients": sorted(
            f"{item.kind}:{item.value}" if item.kind != RecipientKind.ADDRESS else "address"
            for item in report.recipients.all()
        )
    }


# ---- recipients ----------------------------------------------------------------------------------------------------
def _set_recipients(report: Report, writer: Writer, wanted: Sequence[Recipient]) -> None:
    _check_recipients(report, writer, wanted)
    report.recipients.all().delete()
    ReportRecipient.objects.bulk_create(
        ReportRecipient(
            report=report, kind=one.kind, team_id=one.value if one.kind == RecipientKind.TEAM else None,
            role=one.value if one.kind == RecipientKind.ROLE else "",
            address=one.value if one.kind == RecipientKind.ADDRESS else "",
        )
        for one in dict.fromkeys(wanted)
    )  # fmt: skip


def _check_recipients(report: Report, writer: Writer, wanted: Sequence[Recipient]) -> None:
    if len(wanted) > MOST_RECIPIENTS:
        raise Invalid("too_many_recipients", f"At most {MOST_RECIPIENTS} entries.", field="recipients")
    teams = {str(pk) for pk in Team.objects.filter(organization=report.organization_id).values_list("pk", flat=True)}
    for at, one in enumerate(wanted):
        field = f"recipients.{at}.value"
        if one.kind == RecipientKind.TEAM and one.value not in teams:
            raise Invalid("team_unknown", "There is no such team.", field=field)
        if one.kind == RecipientKind.ROLE and one.value not in Role.values:
            raise Invalid("role_unknown", f"Roles are {', '.join(Role.values)}.", field=field)
        if one.kind == RecipientKind.ADDRESS:
            _check_address(one.value, field)
        if not writer.is_admin:
            _check_for_manager(report, one, field)


def _check_address(value: str, field: str) -> None:
    try:
        validate_email(value)
    except ValidationError:
        raise Invalid("field_invalid", f"{value!r} is no e-mail address.", field=field) from None


def _check_for_manager(report: Report, one: Recipient, field: str) -> None:
    """A manager writes to the own team and its people."""
    own = str(report.team_id)
    inside = one.kind == RecipientKind.TEAM and one.value == own
    if one.kind == RecipientKind.ADDRESS:
        inside = Membership.objects.filter(
            team=report.team_id, archived_at=None, user__email__iexact=one.value
        ).exists()
    if not inside:
        raise Forbidden("role_required", "Managers send reports to their team and its people.", field=field)


# ---- runs ----------------------------------------------------------------------------------------------------------
@transaction.atomic
def run_now(*, report: Report, actor: Actor, person: User | None, sends: bool = False) -> ReportRun:
    """Have the report made about the period that is over now; `sends`: to its recipients too. Raises `Conflict` for
    one that was put away, and for more runs of one requester than `MOST_OPEN_RUNS`."""
    if report.archived_at is not None:
        raise Conflict("report_archived", "This report was put away.")
    Organization.objects.select_for_update(of=("self",)).get(pk=report.organization_id)  # two at once see the same
    mine = ReportRun.objects.filter(organization=report.organization_id, trigger=Trigger.MANUAL, requested_by=person)
    if mine.filter(job__status__in=[JobStatus.QUEUED, JobStatus.RUNNING]).count() >= MOST_OPEN_RUNS:
        raise Conflict("too_many_runs", f"{MOST_OPEN_RUNS} runs of yours are not done yet; wait for one of them.")
    run = make_run(report, timezone.now(), Trigger.MANUAL, person, sends=sends)
    after = {"start": run.start, "end": run.end, "sends": sends}
    audit.record(organization=report.organization, actor=actor, verb="report.run", target=report, after=after)
    return run


def make_run(
    report: Report, due_at: datetime, trigger: Trigger, person: User | None = None, *, sends: bool = True
) -> ReportRun:
    """A run and its job, in the caller's transaction."""
    start, end = schedule.window_of(report.period, due_at, report.timezone)
    job = jobs.enqueue(KIND, str(uuid7()), organization=report.organization, requested_by=person)
    return ReportRun.objects.create(
        report=report, organization=report.organization, requested_by=person, trigger=trigger, due_at=due_at,
        start=start, end=end, sends=sends, job=job,
    )  # fmt: skip


CATCH_UP = timedelta(days=7)


def enqueue_due(now: datetime) -> int:
    """A run for every report that is due; the same moment has one run, however many schedulers look. What was missed
    while nothing ran is made up for a week back. Returns how many runs were made."""
    made = 0
    for _ in range(1_000):
        if not _enqueue_next(now):
            break
        made += 1
    return made


@transaction.atomic
def _enqueue_next(now: datetime) -> bool:
    due = Report.objects.filter(next_at__lte=now, archived_at=None, is_enabled=True, organization__archived_at=None)
    report = due.select_for_update(skip_locked=True, of=("self",)).order_by("next_at").first()
    if report is None:
        return False
    at = report.next_at
    if at >= now - CATCH_UP:
        make_run(report, at, Trigger.SCHEDULE)
    report.next_at = schedule.next_due(report.cron, report.timezone, max(at, now - CATCH_UP))
    report.save(update_fields=["next_at", "updated_at"])
    return True


def _check_still(report: Report, mail: ReportDelivery) -> None:
    """Raises `Conflict` when the mail would tell its address what it may not have now."""
    now = addressee_of(report, mail.address)
    if now is None:
        raise Conflict("nothing_to_send", "The report does not go to this address any more.")
    if now.reader is None:
        raise Conflict("nothing_to_send", now.reason)
    if mail.content is not None and mail.content.view != now.view:
        raise Conflict("nothing_to_send", "What this address may see has changed since; run the report again.")


@transaction.atomic
def send_again(*, delivery: ReportDelivery, actor: Actor, writer: Writer) -> ReportDelivery:
    """A person wants a mail once more: a new mail with an id of its own. Raises `Conflict` while the first one is still
    on its way, when nothing could be sent, or when the address may not have it any more: gone from the list or the
    organization, unsubscribed, or with other eyes than the mail was drawn with."""
    from analytics.reports.running import enqueue_delivery  # it draws with what is defined here

    locked = (
        ReportDelivery.objects.select_for_update(of=("self",))
        .select_related("run__report__organization")
        .get(pk=delivery.pk)
    )
    report = locked.run.report
    _check_team(report.team_id, writer)
    newest = ReportDelivery.objects.filter(run=locked.run, address__iexact=locked.address).order_by("-attempt")[0]
    if newest.state == "queued":
        raise Conflict("mail_on_its_way", "This mail is still on its way; it is tried until it arrives.")
    if newest.content is None:
        raise Conflict("nothing_to_send", newest.reason or "There is nothing to send.")
    _check_still(report, newest)
    again = enqueue_delivery(
        run=locked.run, address=locked.address, user=locked.user, content=newest.content, attempt=newest.attempt + 1
    )
    after = {"run": str(locked.run_id), "attempt": again.attempt}
    audit.record(organization=report.organization, actor=actor, verb="report.send_again", target=report, after=after)
    return again
