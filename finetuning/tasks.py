"""Celery tasks of fine-tuning: thin, idempotent, safe to run many at once."""

from celery import shared_task

from finetuning.services.files import runs, uploads


@shared_task(name="finetuning.file_work", soft_time_limit=3_000, time_limit=3_300)
def file_work() -> int:
    """Judge, mend and build files that wait; returns how many."""
    return runs.run_waiting()


@shared_task(name="finetuning.expire_uploads")
def expire_uploads() -> int:
    """Remove uploads that nobody finished, and runs of last month; returns how many."""
    return uploads.expire_uploads() + runs.forget_runs()
