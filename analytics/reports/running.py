"""Making a report: drawn once for each pair of eyes, mails put into the outbox in the transaction that ends the job.

A run that is killed half-way is made anew; its views, deliveries and outbox rows come with the end of the job or not at
all, and the mail's key is that of report, period and address, so nobody gets two.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from analytics.reports import schedule, sections
from analytics.reports.blocks import Drawn
from analytics.reports.models import Report, ReportDelivery, ReportMail, ReportRun, Trigger
from analytics.reports.recipients import DEMO, Addressee, addressees, reader_of
from analytics.reports.render.documents import Document
from analytics.reports.render.mail import UNSUBSCRIBE, Rendered, render
from analytics.reports.service import KIND
from gateway import credentials
from gateway.models import Job, User
from gateway.services import jobs, outbox

TOPIC = "report"
LEASE_S = 180.0
MAX_TRIES = 4
log = structlog.get_logger(__name__)


def run_waiting() -> int:
    """Make the runs that wait, oldest first. Returns how many were tried."""
    done = 0
    for period in jobs.waiting(KIND):
        job = jobs.claim(KIND, period, LEASE_S)
        if job is not None:
            run(job)
            done += 1
    return done


def run(job: Job) -> None:
    """Make one run, under its claim."""
    if job.fence > MAX_TRIES:  # whoever had it before died each time
        jobs.fail(job, f"Given up after {MAX_TRIES} tries: the process that made it ended each time.")
        return
    related = ("report__organization", "report__owner", "report__team")
    found = ReportRun.objects.filter(job=job).select_related(*related).first()
    if found is None:
        jobs.fail(job, "The run is gone.")
        return
    try:
        _make(job, found)
    except jobs.ClaimLost:
        log.warning("report_taken_over", run=str(found.pk))
    except Exception as error:
        log.exception("report_failed", run=str(found.pk), tries=job.fence)
        if job.fence >= MAX_TRIES:
            with contextlib.suppress(jobs.ClaimLost):
                jobs.fail(job, f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason")


def _make(job: Job, run: ReportRun) -> None:
    wanted = addressees(run.report) if run.sends else []
    if run.report.organization.is_demo:
        wanted = [replace(one, reason=DEMO) for one in wanted]
    eyes = {one.view: one for one in wanted if one.reader is not None}
    if run.requested_by is not None:
        asking = reader_of(run.requested_by, run.report)
        eyes.setdefault(asking.view, asking)
    drawn: dict[str, Rendered] = {}
    for at, (view, one) in enumerate(eyes.items()):
        drawn[view] = render_for(run, one)
        jobs.extend(job, LEASE_S, 0.95 * (at + 1) / len(eyes))
    with transaction.atomic():
        _store(run, wanted, drawn)
        sent = sum(one.reader is not None and not one.reason for one in wanted)
        jobs.finish(job, {"views": len(drawn), "mails": sent, "left_out": len(wanted) - sent})


def _store(run: ReportRun, wanted: Sequence[Addressee], drawn: dict[str, Rendered]) -> None:
    views = {
        view: ReportMail.objects.create(run=run, view=view, content=_sealed(rendered))
        for view, rendered in drawn.items()
    }
    for one in wanted:
        if one.reason or one.reader is None:
            ReportDelivery.objects.create(run=run, address=one.address, user=one.user, reason=one.reason)
        else:
            enqueue_delivery(run=run, address=one.address, user=one.user, content=views[one.view], attempt=1)


def enqueue_delivery(
    *, run: ReportRun, address: str, user: User | None, content: ReportMail, attempt: int
) -> ReportDelivery:
    """A mail into the outbox, in the caller's transaction; its key is also its Message-ID."""
    key = mail_key(run, address, attempt)
    delivery = ReportDelivery.objects.create(run=run, address=address, user=user, content=content, attempt=attempt)
    delivery.message = outbox.enqueue(topic=TOPIC, dedupe_key=key, payload={"delivery": str(delivery.pk)})
    delivery.save(update_fields=["message"])
    return delivery


def mail_key(run: ReportRun, address: str, attempt: int) -> str:
    """Of report, period and recipient for what a schedule sends; of the run for what a person asks for."""
    who = hashlib.sha256(address.lower().encode()).hexdigest()[:16]
    when = f"{run.due_at.astimezone(UTC):%Y%m%dT%H%M}" if run.trigger == Trigger.SCHEDULE else run.pk.hex
    again = f".{attempt}" if attempt > 1 else ""
    return f"report.{run.report_id.hex}.{when}.{who}{again}"


# ---- drawing -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Asked:
    """What is drawn: a report's sections about `[start, end)`."""

    report: Report
    start: datetime
    end: datetime
    url: str = ""


def render_for(run: ReportRun, one: Addressee) -> Rendered:
    """The report as `one.reader` sees it, in every format that it is sent in."""
    url = f"{settings.CONSOLE_URL}{reverse('admin:report_run', args=[run.pk])}"
    drawn = draw(Asked(run.report, run.start, run.end, url), one)
    return render(drawn, list(run.report.formats), f"{_stem(run.report)}-{run.start:%Y-%m-%d}")


def draw(asked: Asked, one: Addressee) -> Drawn:
    """Every section with the eyes of `one.reader`."""
    report = asked.report
    reader = sections.Reader(one.reader, report.organization, asked.start, asked.end, report.timezone, one.team)
    return Drawn(
        title=report.name, organization=report.organization.name,
        period=schedule.period_words(asked.start, asked.end, report.timezone), zone=report.timezone,
        currency=report.organization.currency, seen_as=one.seen_as,
        parts=[sections.draw(section, reader) for section in report.sections], url=asked.url,
        made_at=f"{datetime.now(UTC).astimezone(schedule.zone_of(report.timezone)):%d %B %Y %H:%M}",
    )  # fmt: skip


def _stem(report: Report) -> str:
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in report.name.lower())
    return "-".join(filter(None, plain.split("-")))[:60] or "report"


# ---- kept ----------------------------------------------------------------------------------------------------------
def _sealed(rendered: Rendered) -> bytes:
    content = {
        "subject": rendered.subject, "html": rendered.html, "text": rendered.text,
        "images": [base64.b64encode(image).decode() for image in rendered.images],
        "attachments": [
            {"name": one.name, "content_type": one.content_type, "content": base64.b64encode(one.content).decode()}
            for one in rendered.attachments
        ],
    }  # fmt: skip
    return credentials.encrypt_bytes(json.dumps(content).encode())


def opened(mail: ReportMail) -> Rendered:
    """What was drawn for a view of a run."""
    content = json.loads(credentials.decrypt_bytes(bytes(mail.content)))
    return Rendered(
        content["subject"],
        content["html"],
        content["text"],
        [base64.b64decode(image) for image in content["images"]],
        [
            Document(one["name"], one["content_type"], base64.b64decode(one["content"]))
            for one in content["attachments"]
        ],
    )


def rendered_for(run: ReportRun, user: Any) -> Rendered:
    """The run as `user` sees it now: what was drawn for these eyes, else drawn anew about the same period.

    A role's view of the whole organization, or of a team, is the same for all who have it; one's own is one's own.
    """
    one = reader_of(user, run.report)
    kept = ReportMail.objects.filter(run=run, view=one.view).first()
    return opened(kept) if kept is not None else render_for(run, one)


def standalone(rendered: Rendered) -> str:
    """The mail's HTML as one page: pictures inside it, no link of somebody's to end the mails."""
    page = rendered.html.replace(UNSUBSCRIBE, "#")
    for number, image in enumerate(rendered.images):
        page = page.replace(f'cid:chart-{number}"', f'data:image/png;base64,{base64.b64encode(image).decode()}"')
    return page
