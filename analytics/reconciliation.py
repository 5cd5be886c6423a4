"""The nightly comparison of ledger and rollups: claimed once a day, its result kept for people to see."""

from datetime import UTC, datetime
from decimal import Decimal

import structlog
from django.db import connection, transaction

from analytics.models import Reconciliation
from analytics.verify import compare_rollups
from gateway.ledger.schema import TABLE as LEDGER
from gateway.services import jobs

log = structlog.get_logger(__name__)
KIND = "analytics.reconcile"
LEASE_S = 3_600
SAMPLE = 20


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


def _booked_before(at: datetime) -> tuple[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), coalesce(sum(cost), 0) FROM {LEDGER} WHERE booked_at <= %s", [at])
        lines, cost = cursor.fetchone()
    return int(lines), Decimal(cost)
