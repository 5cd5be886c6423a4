"""Celery tasks of analytics: thin, idempotent, safe to run many at once."""

from celery import shared_task
from django.utils import timezone

from analytics import archivework, reconciliation, retention
from analytics.alerts import evaluation
from analytics.anomalies import scan
from analytics.exports import service as exports
from analytics.outlook import runs
from analytics.reports import running
from analytics.reports import service as reports
from analytics.rollups import marks, zones
from gateway import queues
from gateway.services import archives


@shared_task(name="analytics.rollup_marks")
def rollup_marks(shard: int | None = None) -> int:
    """Refresh what dirty marks name; returns how many buckets."""
    if queues.hand_out(rollup_marks, shard):
        return 0
    done = marks.process_marks(shard=queues.shard_of(shard))
    return done.minutes + done.quarter_hours


@shared_task(name="analytics.prune_minutes")
def prune_minutes() -> int:
    """Delete minute rows past their 48 hours; returns how many."""
    return marks.prune_minutes()


@shared_task(name="analytics.follow_reporting_zones", time_limit=3_300)
def follow_reporting_zones() -> int:
    """Build local days where the reporting time zone is another than theirs; returns for how many organizations."""
    return zones.follow_zones()


@shared_task(name="analytics.reconcile", time_limit=3_300)
def reconcile() -> int | None:
    """Today's comparison of ledger and rollups, once a day; returns the differences, None when it is done already."""
    result = reconciliation.reconcile_once_a_day()
    return None if result is None else result.differences


@shared_task(name="analytics.retire_ledger", time_limit=3_300)
def retire_ledger() -> int:
    """Detach months of the ledger past their retention; returns how many."""
    return len(retention.retire().tables)


@shared_task(name="analytics.archive_ledger", time_limit=21_600)
def archive_ledger() -> int:
    """Archive what was detached, where there is an archive; returns how many tables."""
    return len(archives.archive_detached().written) if archives.is_configured() else 0


@shared_task(name="analytics.archive_work", time_limit=21_600)
def archive_work() -> int:
    """Archive, compare and bring back months, as the console asked for; returns how many jobs."""
    return archivework.run_waiting()


@shared_task(name="analytics.prune_quarter_hours", time_limit=3_300)
def prune_quarter_hours() -> int:
    """Delete quarter-hours past their 400 days; returns how many rows."""
    return retention.prune_quarter_hours()


@shared_task(name="analytics.scan_anomalies", time_limit=7_200)
def scan_anomalies(shard: int | None = None) -> int:
    """Judge the last whole hour of every organization, once; returns of how many."""
    return 0 if queues.hand_out(scan_anomalies, shard) else scan.scan_once_an_hour(shard=queues.shard_of(shard))


@shared_task(name="analytics.exports", time_limit=6_300)
def export_files() -> int:
    """Make the exports that wait; returns how many."""
    return exports.run_waiting()


@shared_task(name="analytics.purge_exports")
def purge_exports() -> int:
    """Delete files that are past their time; returns how many."""
    return exports.purge_expired()


@shared_task(name="analytics.schedule_reports")
def schedule_reports() -> int:
    """Queue a run for every report that is due; returns how many."""
    return reports.enqueue_due(timezone.now())


@shared_task(name="analytics.report_runs", time_limit=3_300)
def report_runs() -> int:
    """Make the runs that wait; returns how many."""
    return running.run_waiting()


@shared_task(name="analytics.forecast", time_limit=7_200)
def forecast(shard: int | None = None) -> int:
    """Forecasts of organizations whose data changed, at most once an hour each; returns how many were stored."""
    return 0 if queues.hand_out(forecast, shard) else runs.forecast_all(shard=queues.shard_of(shard))


@shared_task(name="analytics.alerts")
def alerts() -> int:
    """Look at every rule that was not looked at in this minute; returns how many."""
    return evaluation.evaluate_due()
