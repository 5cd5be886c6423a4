"""Celery tasks of fine-tuning: thin, idempotent, safe to run many at once."""

from celery import shared_task

from finetuning.services import evaluations


@shared_task(name="finetuning.evaluations", soft_time_limit=6 * 3600, time_limit=6 * 3600 + 60)
def run_evaluations() -> int:
    """Run evaluations that wait; returns how many ended."""
    return evaluations.run_waiting()
