"""Following a job at its backend. Any number of processes run this: each job is claimed by one of them for a while.

A round may be cut off anywhere and is then made again: starting looks for what a former try has made, what is told is
stored by its key, and the end is written once under the row's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Max, Min, Q
from django.utils import timezone

from finetuning.backends import Kept, Refused, Seen, Told, TuningBackend, Unreachable, backend_of
from finetuning.choices import OVER, TuningStatus
from finetuning.models import JobPoint, TuningJob
from finetuning.services.jobs import billing, files, finishing, guarding
from finetuning.services.jobs.pricing import LOST
from finetuning.services.jobs.telling import record_checkpoints, record_events, say
from finetuning.services.jobs.times import expected, progress_of

LEASE = timedelta(minutes=15)
"""Longer than the upload of the largest file; the claim of a process that died is free again after it."""
EVERY = timedelta(seconds=15)
EVERY_PAUSED = timedelta(minutes=2)
FIRST_DELAY_S, LONGEST_DELAY_S = 5, 600
LOST_AFTER = 5
"""Rounds in a row in which the backend does not know its own job, until it counts as failed."""
UNKNOWN = "unknown_rounds"
"""In `provider_state`: how many such rounds there were by now."""
BEGUN = "begun"
"""In `provider_state`: a try to start the job has begun, so the backend may have it."""
NOT_FOUND = "not_found"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one round has heard of a backend; `results`: contents of result files by their ids."""

    seen: Seen
    told: Sequence[Told] = ()
    kept: Sequence[Kept] | None = None
    results: dict[str, bytes] = field(default_factory=dict)


def sync_due(limit: int = 20) -> int:
    """Follow jobs whose time has come, the longest due first; then book those that are over. Returns how many rounds
    were made."""
    made = 0
    for _ in range(limit):
        job = _claim()
        if job is None:
            break
        _round(job)
        made += 1
    book_unbooked()
    return made


def sync_job(job: TuningJob) -> TuningJob:
    """Follow one job now, unless somebody does; returns it as it is then. What the backend does wrong is in its events
    and `sync_failures`, never raised."""
    claimed = _claim(job)
    if claimed is not None:
        _round(claimed)
        book_unbooked(job)
    return TuningJob.objects.select_related("project", "provider", "organization").get(pk=job.pk)


def book_unbooked(only: TuningJob | None = None) -> int:
    """Book jobs that are over and have no line; returns how many lines were new."""
    booked = 0
    for identity in billing.unbooked() if only is None else [only.pk]:
        job = TuningJob.objects.select_related("project", "provider").filter(pk=identity).first()
        if job is None or job.status not in OVER or not job.provider_job_id or job.line_id is not None:
            continue
        try:
            booked += billing.book_training(job)
        except Exception:
            log.exception("training_not_booked", job=str(identity))  # again in the next round
    return booked


# ---- claims ----------------------------------------------------------------------------------------------------------
@transaction.atomic
def _claim(only: TuningJob | None = None) -> TuningJob | None:
    now = timezone.now()
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    rows = TuningJob.objects.open().filter(free)
    rows = rows.filter(pk=only.pk) if only is not None else rows.filter(sync_due_at__lte=now).order_by("sync_due_at")
    related = ("organization", "project", "provider", "training_file", "validation_file")
    job = rows.select_for_update(skip_locked=True, of=("self",)).select_related(*related).first()
    if job is None:
        return None
    job.claimed_until = now + LEASE
    if not job.provider_job_id and job.cancel_requested_at is None:
        job.provider_state = {**job.provider_state, BEGUN: job.provider_state.get(BEGUN) or now.isoformat()}
    job.save(update_fields=["claimed_until", "provider_state", "updated_at"])
    return job


def _round(job: TuningJob) -> None:
    try:
        heard = _hear(job, backend_of(job.backend))
    except Unreachable as error:
        _put_off(job, str(error))
    except Refused as error:
        _refused(job, error)
    except Exception as error:
        log.exception("tuning_sync_failed", job=str(job.pk))
        _put_off(job, f"{type(error).__name__}: the gateway could not follow the job.")
    else:
        _apply(job, heard)


def _hear(job: TuningJob, backend: TuningBackend) -> Heard:
    if not job.provider_job_id:
        files.check(job)
        seen = backend.start(job)
        if job.cancel_requested_at is None or not seen.job_id:
            return Heard(seen)
        job.provider_job_id = seen.job_id
    seen = backend.cancel(job) if job.cancel_requested_at is not None else backend.look(job)
    # the end is told last: what was said before it must not be missed
    told, kept = backend.events(job), backend.checkpoints(job)
    results = files.read_results(backend, job, seen) if seen.status == TuningStatus.SUCCEEDED else {}
    return Heard(seen, told, kept, results)


# ---- taking over -----------------------------------------------------------------------------------------------------
@transaction.atomic
def _apply(job: TuningJob, heard: Heard) -> TuningJob:
    row = locked(job)
    if row.status in OVER:
        return row
    record_events(row, heard.told)
    if heard.kept is not None:
        record_checkpoints(row, heard.kept)
    for identity, content in heard.results.items():
        files.keep_result(row, identity, content)
    return take_over(row, heard.seen)


def take_over(job: TuningJob, seen: Seen) -> TuningJob:
    """Write what a backend said into a job that the caller has locked, and release the claim. An unknown word changes
    `provider_status` alone. Ends the job where it is over."""
    now = timezone.now()
    known = seen if seen.status is not None else replace(seen, status=job.status)
    if known.status != job.status and known.status not in OVER:
        say(job, f"status:{known.status}", f"The job is {known.status}.", at=now)
    _take_fields(job, known, now)
    job.sync_failures, job.synced_at, job.claimed_until = 0, now, None
    if known.status in OVER:
        return finishing.finish_job(job, known)
    job.status = known.status or job.status
    job.progress = progress_of(job, seen.progress, _last_step(job))
    job.eta = expected(job, now)
    job.sync_due_at = now + (EVERY_PAUSED if job.status == TuningStatus.PAUSED else _every(job))
    guarding.watch_budget(job, now)
    job.save()
    return job


def _take_fields(job: TuningJob, seen: Seen, now: datetime) -> None:
    job.provider_status = seen.said[:60]
    job.provider_job_id = seen.job_id or job.provider_job_id
    for name in ("tuned_model", "trained_tokens", "billed_tokens", "estimated_finish", "error"):
        value = getattr(seen, name)
        if value not in (None, ""):
            setattr(job, name, value)
    if seen.hyperparameters:
        used = {**(job.hyperparameters.get("used") or {}), **seen.hyperparameters}
        job.hyperparameters = {**job.hyperparameters, "used": used}
    job.provider_state = {**job.provider_state, **seen.state}
    job.provider_state.pop(UNKNOWN, None)
    if job.started_at is None:
        job.started_at = _began(job, seen, now)


def _began(job: TuningJob, seen: Seen, now: datetime) -> datetime | None:
    """When it began to train: as told, else when its first step was measured, else when it is first seen to run; never
    after its end. None: it did not, or it was over when it was first seen and nothing says when it began."""
    end = seen.finished_at or now
    if seen.started_at is not None:
        return min(seen.started_at, end)
    first: datetime | None = JobPoint.objects.filter(job=job).aggregate(first=Min("at"))["first"]
    if first is not None:
        return min(first, end)
    return now if seen.status in (TuningStatus.RUNNING, TuningStatus.PAUSED) else None


def _every(job: TuningJob) -> timedelta:
    """A backend of this machine may say that it wants to be asked more often."""
    return getattr(backend_of(job.backend), "every", EVERY)


def _last_step(job: TuningJob) -> int | None:
    return JobPoint.objects.filter(job=job).aggregate(last=Max("step"))["last"]


def locked(job: TuningJob) -> TuningJob:
    """The row as it is now, locked until the end of the transaction."""
    related = ("organization", "project", "provider", "training_file", "validation_file")
    return TuningJob.objects.select_for_update(of=("self",)).select_related(*related).get(pk=job.pk)


# ---- when it does not work -------------------------------------------------------------------------------------------
@transaction.atomic
def _put_off(job: TuningJob, why: str, *, unknown: int = 0) -> None:
    """Ask again later: twice as late each time, at most after ten minutes. `unknown`: rounds in a row in which the
    backend did not know the job, with this one."""
    row = locked(job)
    if row.status in OVER:
        return
    row.sync_failures += 1
    delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(row.sync_failures - 1, 10))
    row.sync_due_at, row.claimed_until = timezone.now() + timedelta(seconds=delay), None
    row.provider_state = {**row.provider_state, UNKNOWN: unknown}
    row.save(update_fields=["sync_failures", "sync_due_at", "claimed_until", "provider_state", "updated_at"])
    if row.sync_failures == 1:
        say(row, f"away:{timezone.now().isoformat()}", why, level="warn")


@transaction.atomic
def _refused(job: TuningJob, error: Refused) -> None:
    """What the backend will not start has failed; one that it does not know any more fails after a while."""
    row = locked(job)
    if row.status in OVER:
        return
    unknown = row.provider_state.get(UNKNOWN, 0) + 1 if error.code == NOT_FOUND else 0
    if row.provider_job_id and unknown < LOST_AFTER:
        _put_off(row, error.message, unknown=unknown)
        return
    told: dict[str, Any] = {"code": error.code, "message": error.message, "param": error.param}
    say(row, "refused", error.message, level="error")
    said = LOST if row.provider_job_id else "refused"
    finishing.finish_job(row, Seen(said, TuningStatus.FAILED, error=told))
