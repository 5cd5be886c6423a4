"""`GET /metrics/ledger`: what concerns the whole installation and not one process, in Prometheus' text format.

Read from the database at each scrape, with a handful of indexed queries.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from gateway import queues, replica
from gateway.dataplane.exposition import CONTENT_TYPE, REFUSAL, gauge, head, labels, may_scrape
from gateway.models import AuditEvent, ConfigVersion, DirtyMark, Heartbeat, Job, OutboxMessage, QuarantinedLine
from gateway.services import archives, spools


@require_safe
def ledger_metrics(request: HttpRequest) -> HttpResponse:
    """403 without the token, or from another host when there is none."""
    if not may_scrape(request.headers.get("Authorization", ""), request.META.get("REMOTE_ADDR", "")):
        return HttpResponse(REFUSAL, status=403, content_type="text/plain; charset=utf-8")
    return HttpResponse("".join(f"{line}\n" for line in lines()), content_type=CONTENT_TYPE.decode())


def lines() -> list[str]:
    """Nine queries, one more while a spool is silent."""
    now = timezone.now()
    return [
        *_processes(now),
        *_spools(now),
        *_rollups(now),
        *_replica(),
        *_queues(),
        *_outbox(now),
        *_jobs(),
        *_records(),
    ]


def _processes(now: datetime) -> Iterable[str]:
    """Heartbeats, of processes that were killed too; the ledger is as late as its latest writer."""
    beats = list(Heartbeat.objects.order_by("name"))
    yield from head("gateway_heartbeat_age_seconds", "gauge", "Since the last sign of life of a process.")
    for beat in beats:
        kind, _, name = beat.name.partition(":")
        yield f"gateway_heartbeat_age_seconds{{{labels(kind=kind, name=name)}}} {_seconds(now, beat.at):.3f}"
    lags = [lag for beat in beats if beat.kind == "writer" and (lag := beat.lag_s(now)) is not None]
    if lags:
        text = "Since every writer last had booked its spools to their end: the latest of them."
        yield from gauge("gateway_ledger_lag_seconds", max(lags), text)


def _spools(now: datetime) -> Iterable[str]:
    silent = spools.silent_spools(now)
    yield from gauge("gateway_spools_silent", len(silent), "Spools that are not closed and whose owner is silent.")
    yield from head("gateway_spools_silent_leased", "gauge", "Budget money that the leases of their owners hold.")
    for currency, amount in spools.leased(silent).items():
        yield f"gateway_spools_silent_leased{{{labels(currency=currency)}}} {amount:f}"


def _rollups(now: datetime) -> Iterable[str]:
    marks = DirtyMark.objects.aggregate(count=Count("id"), oldest=Min("created_at"))
    yield from gauge("gateway_rollup_marks", marks["count"], "Changed buckets that wait for the rollups.")
    yield from gauge("gateway_rollup_lag_seconds", _seconds(now, marks["oldest"]), "Age of the oldest of them.")


def _queues() -> Iterable[str]:
    """Of the broker; nothing while it does not answer."""
    found = list(queues.waiting())
    if found:
        yield from head("gateway_queue_length", "gauge", "Messages that wait in a queue.")
        yield from (f"gateway_queue_length{{{labels(queue=one.queue)}}} {one.length}" for one in found)
        yield from head("gateway_queue_lag_seconds", "gauge", "How long the oldest of them has waited.")
        yield from (f"gateway_queue_lag_seconds{{{labels(queue=one.queue)}}} {one.lag_s:.3f}" for one in found)


def _replica() -> Iterable[str]:
    found = replica.state()
    if found is None:
        return
    yield from gauge("gateway_replica_used", int(not found.reason), "Whether figures are read from the replica.")
    if found.lag_s is not None:
        yield from gauge("gateway_replica_lag_seconds", found.lag_s, "How far the replica is behind the primary.")


def _outbox(now: datetime) -> Iterable[str]:
    open_ones = OutboxMessage.objects.filter(delivered_at=None)
    found = open_ones.aggregate(
        waiting=Count("id", filter=Q(dead_at=None)), dead=Count("id", filter=Q(dead_at__isnull=False)),
        oldest=Min("due_at", filter=Q(dead_at=None)),
    )  # fmt: skip
    yield from gauge("gateway_outbox_waiting", found["waiting"], "Mails and webhooks that wait for delivery.")
    yield from gauge("gateway_outbox_dead", found["dead"], "Those that were given up.")
    yield from gauge("gateway_outbox_lag_seconds", _seconds(now, found["oldest"]), "How long the oldest is due.")


def _jobs() -> Iterable[str]:
    yield from head("gateway_jobs", "gauge", "Background jobs that are not finished, and failed ones.")
    rows = Job.objects.filter(status__in=["queued", "running", "failed"]).order_by("kind", "status")
    for row in rows.values("kind", "status").annotate(count=Count("id")):
        yield f"gateway_jobs{{{labels(kind=row['kind'], status=row['status'])}}} {row['count']}"


def _records() -> Iterable[str]:
    open_lines = QuarantinedLine.objects.filter(resolved_at=None).count()
    unsealed = AuditEvent.objects.filter(sequence=None).count()
    version = ConfigVersion.objects.values_list("version", flat=True).first() or 0
    yield from gauge("gateway_quarantined_lines", open_lines, "Lines the database refused; each is an alarm.")
    yield from gauge("gateway_audit_unsealed", unsealed, "Audit events that wait for their place in the chain.")
    yield from gauge("gateway_config_version", version, "Version of the configuration in the database.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database()), (SELECT count(*) FROM pg_class WHERE relkind = 'r' "
            r"AND relname LIKE 'gateway\_ledgerline\_%\_detached%'), (SELECT count(*) FROM gateway_ledgerarchive "
            "WHERE state = 'complete' AND fault <> '')"
        )
        size, detached, broken = cursor.fetchone()
    yield from gauge("gateway_database_bytes", size, "Size of the database.")
    if archives.is_configured():  # without an archive detached tables stay, for whoever operates to decide
        yield from gauge("gateway_ledger_detached_tables", detached, "Months that left the ledger, not archived yet.")
    yield from gauge("gateway_ledger_archives_broken", broken, "Archives that are not what was written.")


def _seconds(now: datetime, then: datetime | None) -> float:
    return max(0.0, (now - then).total_seconds()) if then is not None else 0.0
