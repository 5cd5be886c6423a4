"""Celery tasks of analytics: thin, idempotent, safe to run many at once."""

from celery import shared_task

from analytics import reconciliation
from analytics.rollups import marks


@shared_task(name="analytics.rollup_marks")
def rollup_marks() -> int:
    """Refresh what dirty marks name; returns how many buckets."""
    done = marks.process_marks()
    return done.minutes + done.quarter_hours


@shared_task(name="analytics.prune_minutes")
def prune_minutes() -> int:
    """Delete minute rows past their 48 hours; returns how many."""
    return marks.prune_minutes()


@shared_task(name="analytics.reconcile", soft_time_limit=3_000, time_limit=3_300)
def reconcile() -> int | None:
    """Today's comparison of ledger and rollups, once a day; returns the differences, None when it is done already."""
    result = reconciliation.reconcile_once_a_day()
    return None if result is None else result.differences
