"""What beat offers and how often. Each task is idempotent and finds its own work, so a missed tick costs seconds."""

from typing import Any

from celery.schedules import crontab

SCHEDULES: dict[str, dict[str, Any]] = {
    "audit-seal": {"task": "gateway.audit_seal", "schedule": 2.0},
    "usage-imports": {"task": "gateway.usage_imports", "schedule": 3.0},
    "purge-bodies": {"task": "gateway.purge_bodies", "schedule": 3600.0},
    "purge-idempotent-calls": {"task": "gateway.purge_idempotent_calls", "schedule": 900.0},
    "erasures": {"task": "gateway.erasures", "schedule": 5.0},
    "erase-in-archives": {"task": "gateway.erase_in_archives", "schedule": 60.0},
    "look-again": {"task": "gateway.look_again", "schedule": 3600.0},
    "erase-unseen": {"task": "gateway.erase_unseen", "schedule": 24 * 3600.0},
    "outbox-relay": {"task": "gateway.outbox_relay", "schedule": 5.0},
    "analytics-rollup-marks": {"task": "analytics.rollup_marks", "schedule": 2.0},
    "analytics-prune-minutes": {"task": "analytics.prune_minutes", "schedule": 900.0},
    "analytics-follow-reporting-zones": {"task": "analytics.follow_reporting_zones", "schedule": 30.0},
    "analytics-retire-ledger": {"task": "analytics.retire_ledger", "schedule": 3600.0},
    "analytics-archive-ledger": {"task": "analytics.archive_ledger", "schedule": 3600.0},
    "analytics-archive-work": {"task": "analytics.archive_work", "schedule": 5.0},
    "analytics-prune-quarter-hours": {"task": "analytics.prune_quarter_hours", "schedule": 3600.0},
    "analytics-exports": {"task": "analytics.exports", "schedule": 3.0},
    "analytics-purge-exports": {"task": "analytics.purge_exports", "schedule": 3600.0},
    "analytics-schedule-reports": {"task": "analytics.schedule_reports", "schedule": 15.0},
    "analytics-report-runs": {"task": "analytics.report_runs", "schedule": 5.0},
    # offered often, claimed at most once an hour for each organization whose data changed
    "analytics-forecast": {"task": "analytics.forecast", "schedule": 300.0},
    "analytics-alerts": {"task": "analytics.alerts", "schedule": 20.0},  # each rule is looked at once a minute
    # what a release brings, once; `PRICES_URL` once a day
    "costs-refresh-prices": {"task": "costs.refresh_prices", "schedule": 60.0},
    # of each budget once an hour; a new one soon
    "costs-budget-forecasts": {"task": "costs.budget_forecasts", "schedule": 60.0},
    "finetuning-train-heads": {"task": "finetuning.train_heads", "schedule": 2.0},
    "costs-repricing": {"task": "costs.repricing", "schedule": 3.0},
    "costs-commitments": {"task": "costs.commitments", "schedule": 300.0},  # each day is booked once
    "finetuning-recordings": {"task": "finetuning.recordings", "schedule": 5.0},
    "finetuning-evaluations": {"task": "finetuning.evaluations", "schedule": 5.0},
    "costs-invoices": {"task": "costs.invoices", "schedule": 5.0},
    # offered often for those who ask, claimed once a day for each organization
    "costs-find-savings": {"task": "costs.find_savings", "schedule": 15.0},
    "finetuning-file-work": {"task": "finetuning.file_work", "schedule": 3.0},
    "finetuning-expire-uploads": {"task": "finetuning.expire_uploads", "schedule": 900.0},
    "finetuning-sync-jobs": {"task": "finetuning.sync_jobs", "schedule": 2.0},  # each job when its time has come
    "finetuning-sync-hosting": {"task": "finetuning.sync_hosting", "schedule": 5.0},  # each when its time has come
    "finetuning-canaries": {"task": "finetuning.look_at_canaries", "schedule": 15.0},  # each when its time has come
    "finetuning-book-hosting": {"task": "finetuning.book_hosting", "schedule": 900.0},  # each day is booked once
    "sdk-builds": {"task": "sdkgen.builds", "schedule": 3.0},
    "sdk-first-release": {"task": "sdkgen.first_release", "schedule": 20.0},  # once in an installation's life
    # offered hourly, claimed once a day: a machine that slept through the night does it in the morning
    "analytics-reconcile": {"task": "analytics.reconcile", "schedule": 3600.0},
    # ten minutes after the hour, when late lines have come; a missed hour is made good by the next scan
    "analytics-scan-anomalies": {"task": "analytics.scan_anomalies", "schedule": crontab(minute="10")},
}
