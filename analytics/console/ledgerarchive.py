"""The page of the ledger's retention and archive, where months are archived, compared and brought back. They are of
every organization: for superusers alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_http_methods

from analytics import archivework
from analytics.console import format
from gateway.choices import ArchiveState, JobStatus
from gateway.console import ConsoleSite
from gateway.console.scope import person
from gateway.models import Job, LedgerArchive
from gateway.services import archives
from gateway.services.errors import Invalid

SHOWN = 10
WORK = {archivework.ARCHIVE: "Archive what is due", archivework.VERIFY: "Compare every archive",
        archivework.RESTORE: "Bring back"}  # fmt: skip
WORK_TONES = {JobStatus.SUCCEEDED: "ok", JobStatus.FAILED: "bad"}
TONES = {ArchiveState.COMPLETE: "ok", ArchiveState.WRITING: "warn", ArchiveState.RESTORED: "warn"}


@dataclass(frozen=True, slots=True)
class Part:
    """One archive, in words. `note`: until when it is restored, or what is wrong with it."""

    month: date
    part: int
    state: str
    tone: str
    lines: str
    size: str
    verified: str
    note: str


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work that was asked for."""

    job: Job
    what: str
    tone: str
    said: str
    is_open: bool


class RestoreForm(forms.Form):
    """A month that is in the archive, and how long the ledger keeps it."""

    month = forms.ChoiceField()
    days = forms.IntegerField(
        min_value=1, max_value=archivework.MAX_DAYS, initial=archives.RESTORED_DAYS,
        help_text="Afterwards retention takes it out again.",
    )  # fmt: skip

    def __init__(self, *args: Any, months: list[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(month.isoformat(), f"{month:%B %Y}") for month in months]
        self.fields["month"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
def ledger_archive(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """How long lines are kept, what waits, what is archived, what was asked for; POST `do` asks for work. Four queries,
    one on a connection of its own. `?part=work` refreshes itself."""
    work = [_work(job) for job in archivework.newest(SHOWN)]
    context: dict[str, Any] = {"work": work, "is_working": any(one.is_open for one in work)}
    if request.GET.get("part") == "work":
        return render(request, "console/ledger_archive_work.html", context)
    found = list(LedgerArchive.objects.exclude(state=ArchiveState.SUPERSEDED).order_by("-month", "-part"))
    months = list(dict.fromkeys(one.month for one in found if one.state == ArchiveState.COMPLETE))
    is_restore = request.method == "POST" and request.POST.get("do") == archivework.RESTORE
    form = RestoreForm(request.POST if is_restore else None, months=months)
    if request.method == "POST" and _asked(request, form):
        return redirect("admin:ledger_archive")
    failed = Job.objects.filter(kind=archives.KIND, status=JobStatus.FAILED).order_by("-finished_at").first()
    context |= site.each_context(request) | {
        "title": "Ledger archive", "days": settings.LEDGER_RETENTION_DAYS, "place": settings.LEDGER_ARCHIVE.url,
        "obstacle": archives.obstacle(), "waiting": archives.detached_tables(), "failed": failed,
        "parts": [_part(archive) for archive in found], "form": form, "months": months,
    }  # fmt: skip
    return render(request, "console/ledger_archive.html", context)


def _asked(request: HttpRequest, form: RestoreForm) -> bool:
    """Whether something is done, or refused with a message; else the page is shown again."""
    what = request.POST.get("do", "")
    if what not in WORK or (what == archivework.RESTORE and not form.is_valid()):
        return False
    try:
        if what == archivework.RESTORE:
            month, days = date.fromisoformat(form.cleaned_data["month"]), form.cleaned_data["days"]
            archivework.ask(what, actor=person(request), month=month, days=days)
        else:
            archivework.ask(what, actor=person(request))
    except Invalid as error:
        messages.error(request, error.message)
    return True


def _work(job: Job) -> Work:
    what = WORK.get(job.parameters.get("what", ""), job.period)
    return Work(
        job=job,
        what=f"{what} {job.parameters['month']}" if "month" in job.parameters else what,
        tone=WORK_TONES.get(JobStatus(job.status), "warn"),
        said=job.error or (job.result or {}).get("said", ""),
        is_open=job.status in archivework.OPEN,
    )


def _part(archive: LedgerArchive) -> Part:
    note = archive.fault
    if archive.state == ArchiveState.WRITING and archive.rewrites_id:
        note = "again, without end users who were erased"
    if not note and archive.state == ArchiveState.RESTORED and archive.restored_until:
        note = f"until {archive.restored_until:%-d %b %Y}"
    return Part(
        month=archive.month,
        part=archive.part,
        state="Broken" if archive.fault else archive.get_state_display(),
        tone="bad" if archive.fault else TONES.get(ArchiveState(archive.state), "muted"),
        lines=format.number(archive.lines),
        size=filesizeformat(archive.size_bytes),
        verified=f"{archive.verified_at:%-d %b %Y, %H:%M}" if archive.verified_at else format.DASH,
        note=note,
    )
