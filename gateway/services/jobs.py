"""Claims on `Job` rows: one effect for each kind and period, however many schedulers fire (rule 22).

job = claim("analytics.reconcile", "2026-11-22", lease_s=600)
if job:
    with transaction.atomic():
        ...the effect...
        finish(job, {"rows": 3})
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import JSONField, Q, Value
from structlog.contextvars import bound_contextvars, get_contextvars

from gateway.choices import JobStatus
from gateway.models import Job, Organization, User

logger = logging.getLogger(__name__)


def enqueue(
    kind: str,
    period: str,
    *,
    organization: Organization | None = None,
    requested_by: User | None = None,
    parameters: dict[str, object] | None = None,
) -> Job:
    """Offer work that somebody asked for; `period` is its unique id. A failed or finished job is offered again."""
    job, is_new = Job.objects.get_or_create(
        kind=kind,
        period=period,
        defaults={"organization": organization, "requested_by": requested_by, "parameters": parameters or {}},
    )
    if not is_new:
        again = {"status": JobStatus.QUEUED, "error": "", "progress": 0, "finished_at": None, "claimed_until": None}
        Job.objects.filter(pk=job.pk, status__in=[JobStatus.FAILED, JobStatus.SUCCEEDED]).update(**again)
    if "request_id" in get_contextvars():  # with the request's id, as lines of the work have the job's
        logger.info("job %s offered: %s", job.pk, kind)
    return job


def waiting(kind: str) -> list[str]:
    """Periods of this kind that are free to run, oldest first."""
    rows = Job.objects.filter(_free(datetime.now(UTC)), kind=kind).order_by("created_at")
    return list(rows.values_list("period", flat=True)[:100])


def running(kind: str) -> int:
    """How many hold a claim on work of this kind."""
    return Job.objects.filter(kind=kind, status=JobStatus.RUNNING, claimed_until__gte=datetime.now(UTC)).count()


def claims(kind: str, lease_s: float, *, at_once: int = 1) -> Iterator[Job]:
    """Claim what waits, oldest first, each when it is asked for, while fewer than `at_once` run in the installation."""
    for period in waiting(kind):
        if running(kind) >= at_once:
            return
        job = claim(kind, period, lease_s)
        if job is not None:
            yield job


def run_each(kind: str, lease_s: float, run: Callable[[Job], object], *, at_once: int = 1) -> int:
    """Claim what waits and run it, one after the other; returns how many."""
    done = 0
    for job in claims(kind, lease_s, at_once=at_once):
        with bound_contextvars(job_id=str(job.pk)):
            run(job)
        done += 1
    return done


def extend(job: Job, lease_s: float, progress: float) -> None:
    """Keep the claim of long work and say how far it is (0 to 1). Raises ClaimLost if it was taken over."""
    now = datetime.now(UTC)
    mine = Job.objects.filter(pk=job.pk, fence=job.fence, status=JobStatus.RUNNING)
    if not mine.update(claimed_until=now + timedelta(seconds=lease_s), progress=progress, updated_at=now):
        raise ClaimLost(f"{job.kind} {job.period}: the claim with fence {job.fence} is not current any more")


class ClaimLost(RuntimeError):
    """The lease ran out and someone else took the job: the caller's transaction must not commit."""


def claim(kind: str, period: str, lease_s: float) -> Job | None:
    """The job of this kind and period if it is free to run, else None.

    Free is: new, queued, or claimed by someone whose lease has run out. Failed and finished jobs stay as they are.
    """
    Job.objects.bulk_create([Job(kind=kind, period=period)], ignore_conflicts=True)
    now = datetime.now(UTC)
    with transaction.atomic():
        job = Job.objects.select_for_update(skip_locked=True).filter(_free(now), kind=kind, period=period).first()
        if job is None:
            return None
        job.status, job.fence = JobStatus.RUNNING, job.fence + 1
        job.claimed_until, job.started_at = now + timedelta(seconds=lease_s), now
        job.save(update_fields=["status", "fence", "claimed_until", "started_at", "updated_at"])
    return job


def _free(now: datetime) -> Q:
    return Q(status=JobStatus.QUEUED) | Q(status=JobStatus.RUNNING, claimed_until__lt=now)


def finish(job: Job, result: dict[str, object] | None = None) -> None:
    """Mark the claim done; call it in the transaction of the effect. Raises ClaimLost if the claim was taken over."""
    _end(job, JobStatus.SUCCEEDED, result=Value(result or {}, JSONField()), progress=1)


def fail(job: Job, error: str) -> None:
    """Mark the claim failed with what happened. Raises ClaimLost if the claim was taken over."""
    _end(job, JobStatus.FAILED, error=error)


def cancel(job: Job) -> bool:
    """End work, whoever has it: its claim is lost, so nothing of it is stored. False when it is over already."""
    now = datetime.now(UTC)
    still = Job.objects.filter(pk=job.pk, status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    ended = still.update(status=JobStatus.CANCELLED, finished_at=now, claimed_until=None, updated_at=now)
    return bool(ended)


def _end(job: Job, status: JobStatus, **changes: object) -> None:
    now = datetime.now(UTC)
    mine = Job.objects.filter(pk=job.pk, fence=job.fence, status=JobStatus.RUNNING)
    if not mine.update(status=status, finished_at=now, claimed_until=None, updated_at=now, **changes):
        raise ClaimLost(f"{job.kind} {job.period}: the claim with fence {job.fence} is not current any more")
