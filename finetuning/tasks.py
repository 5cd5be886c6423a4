"""Celery tasks of fine-tuning: thin, idempotent, safe to run many at once."""

from celery import shared_task

from finetuning.services import heads


@shared_task(name="finetuning.train_heads", soft_time_limit=6 * 3600, time_limit=6 * 3600 + 60)
def train_heads() -> int:
    """Train local heads that wait, one at a time; returns how many runs were worked on."""
    return heads.run_waiting()
