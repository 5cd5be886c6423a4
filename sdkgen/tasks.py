"""Celery tasks of sdkgen: thin, idempotent, safe to run many at once."""

from celery import shared_task

from sdkgen import builds


@shared_task(name="sdkgen.builds", soft_time_limit=240, time_limit=300)
def make_builds() -> int:
    """Make the packages that wait; returns how many."""
    return builds.run_waiting()
