"""The page of the ledger's retention and archive. Its months are of every organization: for superusers alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_safe

from analytics.console import format
from gateway.choices import ArchiveState, JobStatus
from gateway.console import ConsoleSite
from gateway.models import Job, LedgerArchive
from gateway.services import archives

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


@require_safe
def ledger_archive(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """How long lines are kept, what waits, what is archived. Three queries, one on a connection of its own."""
    found = LedgerArchive.objects.exclude(state=ArchiveState.SUPERSEDED).order_by("-month", "-part")
    failed = Job.objects.filter(kind=archives.KIND, status=JobStatus.FAILED).order_by("-finished_at").first()
    context = site.each_context(request) | {
        "title": "Ledger archive", "days": settings.LEDGER_RETENTION_DAYS, "place": settings.LEDGER_ARCHIVE.url,
        "obstacle": archives.obstacle(), "waiting": archives.detached_tables(), "failed": failed,
        "parts": [_part(archive) for archive in found],
    }  # fmt: skip
    return render(request, "console/ledger_archive.html", context)


def _part(archive: LedgerArchive) -> Part:
    note = archive.fault
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
