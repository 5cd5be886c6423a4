"""Celery tasks of fine-tuning: thin, idempotent, safe to run many at once."""

from celery import shared_task

from finetuning.services import canarylooks, evaluations, heads, hosting, jobs, recording
from finetuning.services.files import runs, uploads


@shared_task(name="finetuning.file_work", time_limit=3_300)
def file_work() -> int:
    """Judge, mend and build files that wait; returns how many."""
    return runs.run_waiting()


@shared_task(name="finetuning.expire_uploads")
def expire_uploads() -> int:
    """Remove uploads that nobody finished, and runs of last month; returns how many."""
    return uploads.expire_uploads() + runs.forget_runs()


@shared_task(name="finetuning.sync_jobs")
def sync_jobs() -> int:
    """Start and follow jobs whose time has come, book those that are over; returns how many rounds were made."""
    return jobs.sync_due()


@shared_task(name="finetuning.sync_hosting")
def sync_hosting() -> int:
    """Deploy tuned models at their vendors, watch and end deployments; returns how many rounds were made."""
    return hosting.sync_due()


@shared_task(name="finetuning.look_at_canaries")
def look_at_canaries() -> int:
    """Look at tuned models on shares of routes; returns how many looks were made."""
    return canarylooks.look_due()


@shared_task(name="finetuning.book_hosting")
def book_hosting() -> int:
    """Book the days that tuned models were hosted; returns how many lines were new."""
    return jobs.book_hosting()


@shared_task(name="finetuning.evaluations", time_limit=6 * 3600 + 60)
def run_evaluations() -> int:
    """Run evaluations that wait; returns how many ended."""
    return evaluations.run_waiting()


@shared_task(name="finetuning.train_heads", time_limit=6 * 3600 + 60)
def train_heads() -> int:
    """Train local heads that wait, one at a time; returns how many runs were worked on."""
    return heads.run_waiting()


@shared_task(name="finetuning.recordings", time_limit=6 * 3600 + 60)
def run_recordings() -> int:
    """Record answers of models that will be switched off; returns how many recordings ended."""
    return recording.run_waiting()
