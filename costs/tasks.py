"""Celery tasks of costs: thin, idempotent, safe to run many at once."""

from celery import shared_task

from costs.services import snapshots


@shared_task(name="costs.refresh_prices", soft_time_limit=600, time_limit=660)
def refresh_prices() -> int:
    """Import price files that are due; returns how many."""
    return snapshots.refresh_when_due()
