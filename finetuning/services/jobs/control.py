"""Steering a job: cancel, pause, resume, delete. Each with its audit row; what the backend must do follows at once, and
again by the sync where it did not answer."""

from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from finetuning.backends import Refused, Seen, TuningBackend, Unreachable, backend_of
from finetuning.choices import OVER, TuningStatus
from finetuning.models import TuningJob
from finetuning.services.jobs import finishing, syncing
from finetuning.services.jobs.telling import say
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, ServiceError


class BackendFailed(ServiceError):
    """The backend did not answer, or will not do it."""

    status = 502


def cancel_job(*, job: TuningJob, actor: Actor, reason: str = "") -> TuningJob:
    """Ask for its end. The wish is kept first, so that a backend that is away is asked again until it answers; a job
    that never reached its backend ends here. Raises `Conflict` when it is over."""
    with transaction.atomic():
        locked = _open(job)
        if locked.cancel_requested_at is None:
            locked.cancel_requested_at = timezone.now()
            locked.sync_due_at = timezone.now()
            locked.save(update_fields=["cancel_requested_at", "sync_due_at", "updated_at"])
            say(locked, "cancel", reason or "Cancel was asked for.")
            after = {"reason": reason} if reason else None
            _audit(locked, actor, "tuning_job.cancel", after)
        if not locked.provider_job_id and not locked.provider_state.get(syncing.BEGUN):
            return finishing.finish_job(locked, Seen("cancelled", TuningStatus.CANCELLED))
    return syncing.sync_job(locked)


def pause_job(*, job: TuningJob, actor: Actor) -> TuningJob:
    """Where the backend offers it. Raises `Conflict` when it is not running, `BackendFailed`."""
    return _steer(job, actor, "tuning_job.pause", lambda backend, row: backend.pause(row))


def resume_job(*, job: TuningJob, actor: Actor) -> TuningJob:
    """Where the backend offers it. Raises `Conflict` when it is not paused, `BackendFailed`."""
    return _steer(job, actor, "tuning_job.resume", lambda backend, row: backend.resume(row))


def _steer(job: TuningJob, actor: Actor, verb: str, ask: Callable[[TuningBackend, TuningJob], Seen]) -> TuningJob:
    with transaction.atomic():
        locked = _open(job)
        is_resume, is_paused = verb.endswith("resume"), locked.status == TuningStatus.PAUSED
        if is_resume != is_paused or not locked.provider_job_id:
            wanted = "paused" if is_resume else "running"
            raise Conflict("job_state", f"The job is {locked.status}, not {wanted}.", field="status")
    try:
        seen = ask(backend_of(locked.backend), locked)
    except Refused as error:
        raise Conflict(error.code, error.message) from error
    except Unreachable as error:
        raise BackendFailed("backend_unreachable", str(error)) from error
    with transaction.atomic():
        current = syncing.locked(job)
        _audit(current, actor, verb, None)
        return current if current.status in OVER else syncing.take_over(current, seen)


@transaction.atomic
def delete_job(*, job: TuningJob, actor: Actor) -> None:
    """Remove a job that is over with what it told; its ledger line and its tuned model stay. Raises `Conflict`."""
    locked = TuningJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if locked.status not in OVER:
        raise Conflict("job_running", "The job is not over; cancel it first.", field="status")
    if locked.provider_job_id and locked.line_id is None:
        raise Conflict("job_unbooked", "Its cost is not in the ledger yet; try again in a minute.", field="status")
    _audit(locked, actor, "tuning_job.delete", {"name": locked.name, "status": locked.status})
    locked.delete()


def _open(job: TuningJob) -> TuningJob:
    locked = TuningJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if locked.status in OVER:
        raise Conflict("job_over", f"The job is over: it {_past(locked.status)}.", field="status")
    return locked


def _past(status: str) -> str:
    return "was cancelled" if status == TuningStatus.CANCELLED else status


def _audit(job: TuningJob, actor: Actor, verb: str, after: dict[str, str] | None) -> None:
    audit.record(organization=job.organization, actor=actor, verb=verb, target=job, after=after)
