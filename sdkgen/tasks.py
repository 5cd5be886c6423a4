"""Celery tasks of sdkgen: thin, idempotent, safe to run many at once."""

from celery import shared_task

from sdkgen import builds, releases


@shared_task(name="sdkgen.builds")
def make_builds() -> int:
    """Make the packages that wait; returns how many."""
    return builds.run_waiting()


@shared_task(name="sdkgen.first_release")
def store_first_release() -> int:
    """Keep what a new installation begins with, by which later releases are compared; how many were stored."""
    return int(releases.ensure_first_release() is not None)
