"""The nightly comparison of ledger and rollups: claimed once a day, its result kept for people to see."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import structlog
from django.db import connection, transaction

from analytics.models import Reconciliation
from analytics.verify import compare_rollups
from gateway.choices import JobStatus
from gateway.ledger.schema import TABLE as LEDGER
from gateway.models import Job
from gateway.services import jobs

log = structlog.get_logger(__name__)
KIND = "analytics.reconcile"
LEASE_S = 3_600
SAMPLE = 20
LATE_AFTER = timedelta(days=2)


def reconcile_once_a_day() -> Reconciliation | None:
    """Compare and store, if nobody has done so today (UTC)."""
    job = jobs.claim(KIND, f"{datetime.now(UTC):%Y-%m-%d}", LEASE_S)
    if job is None:
        return None
    started_at = datetime.now(UTC)
    try:
        differences = compare_rollups()
    except Exception as error:
        jobs.fail(job, f"{type(error).__name__}: {error}")
        raise
    lines, cost = _booked_before(started_at)
    with transaction.atomic():
        result = Reconciliation.objects.create(
            started_at=started_at,
            finished_at=datetime.now(UTC),
            lines=lines,
            cost=cost,
            differences=len(differences),
            sample=[str(item) for item in differences[:SAMPLE]],
        )
        jobs.finish(job, {"differences": len(differences)})
    if differences:
        log.error("reconciliation_differs", differences=len(differences), first=str(differences[0]))
    return result


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """What people see of the nightly comparison, newest first. `state`: `ok`, `differs`, `failed` (the newest run broke
    off, `error` says why), `late` (no result for two days) or `never`. A view of the whole installation: `sample`
    names organizations, so it is for superusers alone."""

    state: str
    error: str
    results: tuple[Reconciliation, ...]

    @property
    def last(self) -> Reconciliation | None:
        return self.results[0] if self.results else None


def latest_reconciliations(limit: int = 30, now: datetime | None = None) -> ReconciliationReport:
    """The last comparisons and how things stand. Two queries."""
    at = now or datetime.now(UTC)
    results = tuple(Reconciliation.objects.order_by("-finished_at")[:limit])
    run = Job.objects.filter(kind=KIND).order_by("-created_at").values("status", "error", "finished_at").first()
    failed = run is not None and run["status"] == JobStatus.FAILED
    if failed:
        return ReconciliationReport("failed", run["error"] if run else "", results)
    if not results:
        return ReconciliationReport("never", "", results)
    if at - results[0].finished_at > LATE_AFTER:
        return ReconciliationReport("late", "", results)
    return ReconciliationReport("differs" if results[0].differences else "ok", "", results)


def _booked_before(at: datetime) -> tuple[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), coalesce(sum(cost), 0) FROM {LEDGER} WHERE booked_at <= %s", [at])
        lines, cost = cursor.fetchone()
    return int(lines), Decimal(cost)
