"""End users who were erased leave the archive too: a part that holds lines of theirs is written again without the name.

The new file is a part of its own. Once it is read back and compared, one transaction puts it in the place of the old
one, whose files are deleted afterwards. Killed anywhere, the one or the other is whole; the next run goes on.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from gateway import credentials
from gateway.choices import ArchiveState, JobStatus
from gateway.erasure import Found
from gateway.ledger.archive import rewriting, writing
from gateway.ledger.archive.manifest import Manifest
from gateway.ledger.archive.rewriting import Renaming, Renamings
from gateway.ledger.archive.stores import Store
from gateway.models import ArchiveErasure, EndUserErasure, Job, LedgerArchive
from gateway.services import archives, audit, jobs
from gateway.services.errors import Invalid

log = structlog.get_logger(__name__)
KIND = "gateway.erase_in_archive"
LEASE_S = 900.0
"""Longer than the ledger is looked through once more for one person."""
PROBE = "erasures"
"""A key that no archive has: its absence is an answer."""
BUSY = "Another archived month is written again first."
AWAY = "The archive cannot be reached; it is tried again each minute."
Again = Callable[[EndUserErasure, datetime], Found]
"""Erases in the database once more, what began since then."""
_OPEN = """
SELECT a.id, e.id FROM gateway_endusererasure e JOIN gateway_ledgerarchive a
  ON a.first_at < e.lines_before AND a.manifest -> 'facts' -> 'organizations' ? e.organization_id::text
WHERE a.state <> 'writing' AND e.name IS NOT NULL AND (e.database_done_at IS NOT NULL OR e.status = 'succeeded')
  AND NOT EXISTS (SELECT FROM gateway_archiveerasure d WHERE d.archive_id = a.id AND d.erasure_id = e.id)
ORDER BY a.month, a.part, e.created_at"""


class Changed(Exception):
    """The archive became another one while it was looked through."""


def still_open() -> dict[UUID, list[UUID]]:
    """Archives that may hold somebody who was erased in the database, with the erasures. Files that were replaced and
    are not deleted yet count. One query."""
    found = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        for archive, erasure in cursor.fetchall():
            found[archive].append(erasure)
    return dict(found)


def waiting_for() -> Counter[UUID]:
    """How many archives each erasure waits for; those that are being written may have read a table before it. Three
    queries."""
    counts = Counter(erasure for erasures in still_open().values() for erasure in erasures)
    at_it = Job.objects.filter(kind=archives.KIND, status=JobStatus.RUNNING).values_list("period", flat=True)
    written = LedgerArchive.objects.filter(state=ArchiveState.WRITING, rewrites=None, pk__in=list(at_it)).count()
    if written:
        undone = EndUserErasure.objects.filter(status=JobStatus.RUNNING, database_done_at__isnull=False)
        counts.update(dict.fromkeys(undone.values_list("pk", flat=True), written))
    return counts


def run(again: Again) -> str:
    """Clear every archive that may hold somebody. Returns what is in the way, for who reads the erasure; empty:
    nothing."""
    abandoned = LedgerArchive.objects.filter(state=ArchiveState.WRITING, rewrites__isnull=False)
    todo = still_open()
    if not todo and not abandoned.exists():
        return ""
    if jobs.running(KIND):  # one at a time: rollups are in the same queue
        return BUSY
    try:
        target = archives.store()
        target.read(PROBE)
        _give_up(target, list(abandoned.exclude(rewrites__in=list(todo))))
        archives.sweep_superseded(target)
    except (Invalid, OSError) as error:
        log.warning("archive_erasure_waits", error=str(error))
        return AWAY
    reasons = []
    for pk, erasures in todo.items():
        archive = LedgerArchive.objects.get(pk=pk)
        if archive.state not in (ArchiveState.COMPLETE, ArchiveState.RESTORED):
            continue
        known = EndUserErasure.objects.filter(pk__in=erasures, name__isnull=False).order_by("created_at")
        reason = _tried(target, archive, list(known), again)
        reasons += [reason] if reason else []
    return " ".join(dict.fromkeys(reasons))


def _tried(target: Store, archive: LedgerArchive, erasures: Sequence[EndUserErasure], again: Again) -> str:
    """Clear one; returns why that did not go."""
    try:
        return "" if _clear(target, archive, erasures, again) else f"Another process is at {archive}."
    except (Changed, jobs.ClaimLost):
        return f"{archive} was written or restored meanwhile; it is looked through again."
    except (writing.BrokenArchive, FileNotFoundError) as error:
        log.error("archive_erasure_broken", archive=str(archive), error=str(error))
        return f"{archive} is not as it was written: who runs the gateway has to repair it."
    except OSError as error:
        log.warning("archive_erasure_waits", archive=str(archive), error=str(error))
        return AWAY
    except Exception as error:
        log.exception("archive_erasure_failed", archive=str(archive))
        return f"{archive}: {type(error).__name__}; the log has the reason."


def _clear(target: Store, archive: LedgerArchive, erasures: Sequence[EndUserErasure], again: Again) -> bool:
    """False when another process has the claim."""
    jobs.enqueue(KIND, str(archive.pk), parameters={"archive": str(archive)})
    job = jobs.claim(KIND, str(archive.pk), LEASE_S)
    if job is None:
        return False
    by_renaming = {_renaming(erasure): erasure for erasure in erasures}
    renamings, keep = Renamings(by_renaming), archives.progress_of(job, lease_s=LEASE_S)
    try:
        if archive.state == ArchiveState.RESTORED:  # it may have come back after the ledger was looked through
            for erasure in erasures:
                keep(0, archive.lines)
                add_found(erasure.pk, again(erasure, archive.first_at or erasure.lines_before))
        if not rewriting.lines_of(target, archive.about, renamings, keep):
            _mark_clean(archive, erasures, job)
            return True
        copy = _copy_of(archive)
        manifest, lines = rewriting.rewrite(target, archive.about, archives.target_of(copy), renamings, keep)
        _swap(archive, copy, manifest, {by_renaming[one]: count for one, count in lines.items()}, erasures, job, target)
    except jobs.ClaimLost:
        raise
    except Exception as error:
        jobs.fail(job, f"{type(error).__name__}: {error}")
        raise
    archives.sweep_superseded(target)
    return True


def _renaming(erasure: EndUserErasure) -> Renaming:
    assert erasure.name is not None
    name = credentials.decrypt(bytes(erasure.name))
    return Renaming(str(erasure.organization_id), name, erasure.pseudonym, erasure.lines_before)


def _copy_of(archive: LedgerArchive) -> LedgerArchive:
    """The row of its copy; the next free part of its month when none was begun."""
    with transaction.atomic():
        archives.lock_parts()
        begun = LedgerArchive.objects.filter(rewrites=archive, state=ArchiveState.WRITING).first()
        if begun is not None:
            return begun
        last = LedgerArchive.objects.filter(month=archive.month).aggregate(last=Max("part"))["last"]
        return LedgerArchive.objects.create(
            month=archive.month, part=last + 1, table_name=archive.table_name, rewrites=archive
        )


@transaction.atomic
def _mark_clean(archive: LedgerArchive, erasures: Sequence[EndUserErasure], job: Job) -> None:
    _lock(archive)
    _mark(archive, erasures)
    jobs.finish(job, {"lines": 0})


@transaction.atomic
def _swap(
    archive: LedgerArchive, copy: LedgerArchive, manifest: Manifest, lines: dict[EndUserErasure, int],
    erasures: Sequence[EndUserErasure], job: Job, target: Store,
) -> None:  # fmt: skip
    """The copy takes the archive's place, in whatever state that is."""
    _lock(archive)
    copy.state, copy.restored_until = archive.state, archive.restored_until
    archives.describe(copy, target, manifest)
    copy.save()
    LedgerArchive.objects.filter(pk=archive.pk).update(state=ArchiveState.SUPERSEDED, superseded_by=copy)
    ArchiveErasure.objects.bulk_create(
        ArchiveErasure(erasure_id=pk, archive=copy) for pk in archive.erasures.values_list("erasure", flat=True)
    )
    _mark(copy, erasures)
    for erasure, count in lines.items():
        add_found(erasure.pk, Found({"archives_rewritten": 1, "archived_lines": count}))
        audit.record(organization=erasure.organization, actor=None, verb="end_user.erase_archived", target=erasure,
                     after={"archive": str(archive), "lines": count})  # fmt: skip
    audit.record(
        organization=None, actor=None, verb="ledger.rewrite_archive", target=copy,
        after={"replaces": str(archive), "lines": sum(lines.values()), "cost": manifest.facts.sums["cost"],
               "pseudonyms": sorted(erasure.pseudonym for erasure in lines),
               "manifest_sha256": archives.digest_of(manifest)},
    )  # fmt: skip
    jobs.finish(job, {"lines": sum(lines.values()), "bytes": manifest.size_bytes})


def _lock(archive: LedgerArchive) -> None:
    """Until the transaction ends nobody restores or replaces it. Raises `Changed` when somebody did."""
    now = LedgerArchive.objects.select_for_update().get(pk=archive.pk)
    if (now.state, now.manifest) != (archive.state, archive.manifest):
        raise Changed


def _mark(archive: LedgerArchive, erasures: Sequence[EndUserErasure]) -> None:
    ArchiveErasure.objects.bulk_create(
        [ArchiveErasure(erasure=erasure, archive=archive) for erasure in erasures], ignore_conflicts=True
    )


def add_found(erasure: UUID, found: Found, **changes: Any) -> EndUserErasure:
    """Add to what an erasure found, and change its other columns."""
    with transaction.atomic():
        row = EndUserErasure.objects.select_for_update().get(pk=erasure)
        total = Found(dict(row.found), list(row.review))
        total += found
        row.found, row.review = total.counts, total.review
        for name, value in changes.items():
            setattr(row, name, value)
        row.save(update_fields=["found", "review", "updated_at", *changes])
    return row


def _give_up(target: Store, copies: Sequence[LedgerArchive]) -> None:
    """Copies that nobody needs any more: what they were made of is gone, or nobody is to be erased there."""
    for copy in copies:
        archives.delete_files(target, copy)
        copy.delete()


def forget(erasures: Sequence[UUID]) -> None:
    """Their names, and which archives were looked through for them."""
    with transaction.atomic():
        EndUserErasure.objects.filter(pk__in=erasures).update(name=None, updated_at=timezone.now())
        ArchiveErasure.objects.filter(erasure__in=erasures).delete()
