"""Celery tasks of fine-tuning: thin, idempotent, safe to run many at once."""

from celery import shared_task

from finetuning.services import jobs


@shared_task(name="finetuning.sync_jobs", soft_time_limit=1_200, time_limit=1_260)
def sync_jobs() -> int:
    """Start and follow jobs whose time has come, book those that are over; returns how many rounds were made."""
    return jobs.sync_due()


@shared_task(name="finetuning.book_hosting", soft_time_limit=600, time_limit=660)
def book_hosting() -> int:
    """Book the days that tuned models were hosted; returns how many lines were new."""
    return jobs.book_hosting()
