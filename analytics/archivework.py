"""Archiving, comparing and bringing back months, as people ask for it on the console and the background does it.

One job for each piece of work: who asks while it waits or runs gets that one. What is done is what the commands
`archive_ledger` and `restore_archive` do.
"""

import contextlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

import structlog
from django.db import transaction
from django.utils import timezone

from analytics.retention import Retired, retire
from gateway.choices import JobStatus
from gateway.ledger.archive.writing import BrokenArchive
from gateway.models import Job, LedgerArchive, User
from gateway.services import archives, audit, jobs
from gateway.services.errors import Invalid, ServiceError

log = structlog.get_logger(__name__)
KIND = "analytics.archive_work"
LEASE_S = 1_800.0
"""Longer than a file's bytes are read without a word."""
MAX_TRIES = 3
MAX_DAYS = 3_650
ARCHIVE, VERIFY, RESTORE = "archive", "verify", "restore"
VERBS = {ARCHIVE: "ledger.archive_now", VERIFY: "ledger.verify_archives", RESTORE: "ledger.bring_back"}
OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Done:
    """What was archived, and months that wait for their rollups or bookings."""

    archived: archives.Archived
    waiting: Retired


def archive_due(
    *, days: int | None = None, say: archives.Say = lambda line: None, keep: archives.Keep = lambda: None
) -> Done:  # fmt: skip
    """Take out of the ledger what is due, and archive all that was taken out. Raises `Invalid`."""
    archives.store()  # before anything is detached
    retired = retire(days=days)
    return Done(archives.archive_detached(say=say, keep=keep), retired)


@transaction.atomic
def ask(what: str, *, actor: User, month: date | None = None, days: int = archives.RESTORED_DAYS) -> Job:
    """Queue it, once: while it waits or runs, that job is the answer. Raises `Invalid`."""
    if why := archives.obstacle():
        raise Invalid("archive_unavailable", why)
    archives.lock_parts()  # two clicks one after the other
    period, wanted = what, {"what": what}
    if what == RESTORE:
        wanted |= {"month": _month(month, days), "days": str(days)}
        period = f"{what} {wanted['month']}"
    job = Job.objects.filter(kind=KIND, period=period).first() or Job(kind=KIND, period=period)
    if not job._state.adding and job.status in OPEN:
        return job
    job.requested_by, job.status, job.parameters = actor, JobStatus.QUEUED, wanted | {"claims_before": job.fence}
    job.error, job.progress, job.result, job.finished_at, job.claimed_until = "", 0, None, None, None
    job.save()
    audit.record(organization=None, actor=actor, verb=VERBS[what], target=job, after=wanted)
    return job


def _month(month: date | None, days: int) -> str:
    if month is None or not LedgerArchive.objects.readable().filter(month=month).exists():
        raise Invalid("archive_unknown", "There is no archive of that month, or it is back already.", field="month")
    if not 1 <= days <= MAX_DAYS:
        raise Invalid("days_invalid", f"Between 1 and {MAX_DAYS:,} days.", field="days")
    return f"{month:%Y-%m}"


def newest(limit: int) -> list[Job]:
    """What was asked for, the last first. One query."""
    found = Job.objects.filter(kind=KIND).select_related("requested_by").order_by("-updated_at")
    return list(found[:limit])


# ---- background ----------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Do what was asked for, one after the other in the installation; returns how many."""
    return jobs.run_each(KIND, LEASE_S, _run)


def _run(job: Job) -> None:
    if _tries(job) > MAX_TRIES:  # whoever had it before died each time
        _fail(job, f"Given up after {MAX_TRIES} tries: the process that was at it ended each time.")
        return
    try:
        said = _do(job)
        jobs.finish(job, {"said": said})
    except jobs.ClaimLost:
        log.warning("archive_work_taken_over", job=job.period)
    except ServiceError as error:
        _fail(job, error.message)
    except (BrokenArchive, OSError) as error:
        _fail(job, str(error))
    except Exception as error:
        log.exception("archive_work_failed", job=job.period)
        _fail(job, f"{type(error).__name__}: the log has the reason")


def _tries(job: Job) -> int:
    """How many have claimed it since it was asked for."""
    return job.fence - int(job.parameters["claims_before"])


def _fail(job: Job, error: str) -> None:
    with contextlib.suppress(jobs.ClaimLost):
        jobs.fail(job, error)


def _do(job: Job) -> str:
    """Do it and say what came of it. Raises `Invalid` for what stays undone."""

    def keep() -> None:
        jobs.extend(job, LEASE_S, 0)

    match job.parameters["what"]:
        case "archive":
            return _archived(archive_due(keep=keep))
        case "verify":
            found = archives.verify_archives(keep=keep)
            broken = [name for name, problems in found.items() if problems]
            return f"{len(broken)} of {len(found)} broken: {', '.join(broken)}" if broken else f"{len(found)} intact"
        case _:
            month = datetime.strptime(job.parameters["month"], "%Y-%m").replace(tzinfo=UTC).date()
            days = int(job.parameters["days"])
            if _is_back(job, month):
                return "in the ledger again"
            lines = archives.restore_month(month=month, actor=job.requested_by, days=days, keep=keep)
            return f"{lines:,} lines are in the ledger again, for {days} days"


def _is_back(job: Job, month: date) -> bool:
    """Whether who had the job before was done with it and ended before saying so."""
    held = LedgerArchive.objects.filter(month=month, restored_until__gt=timezone.now())
    return _tries(job) > 1 and held.exists() and not LedgerArchive.objects.readable().filter(month=month).exists()


def _archived(done: Done) -> str:
    failed = [f"{table} stays: {why}" for table, why in done.archived.failed]
    if failed:
        raise Invalid("archive_failed", "; ".join(failed))
    said = [f"{len(done.archived.written)} archived"]
    said += [f"another process is at {table}" for table in done.archived.busy]
    said += [f"{month:%Y-%m} waits for rollups or bookings" for month in done.waiting.waiting]
    return "; ".join(said)
