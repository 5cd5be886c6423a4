"""Checks of what waits: mails and webhooks, background jobs, messages in queues."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone

from config.doctor.data import SILENT_DATABASE, unreachable
from config.doctor.finding import Finding, off, ok, skipped, warning
from gateway import queues
from gateway.choices import JobStatus
from gateway.models import Job, OutboxMessage

RECENT = timedelta(days=1)
"""What failed before is known, and stays in the tables."""
OUTBOX_LAG_S = 600.0
QUEUE_LAG_S = 300.0


def outbox() -> Finding:
    """Mails and webhooks leave when they are due, and none was given up lately."""
    name = "Mails and webhooks"
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    now = timezone.now()
    found = OutboxMessage.objects.filter(delivered_at=None).aggregate(
        waiting=Count("id", filter=Q(dead_at=None)), oldest=Min("due_at", filter=Q(dead_at=None)),
        dead=Count("id", filter=Q(dead_at__gt=now - RECENT)),
    )  # fmt: skip
    remedy = "See docs/operations/runbooks.md, mails and webhooks wait."
    if found["dead"]:
        return warning(name, f"{found['dead']} were given up within a day", remedy)
    lag = (now - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    if lag > OUTBOX_LAG_S:
        return warning(name, f"{found['waiting']} wait; the oldest is due for {lag:.0f} s", remedy)
    return ok(name, f"{found['waiting']} wait")


def failed_jobs() -> Finding:
    """No background job failed lately."""
    name = "Jobs"
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    failed = Job.objects.filter(status=JobStatus.FAILED, updated_at__gt=timezone.now() - RECENT)
    kinds = sorted(set(failed.values_list("kind", flat=True)))
    if kinds:
        detail = f"{failed.count()} failed within a day: {', '.join(kinds)}"
        return warning(name, detail, "Read the errors under Settings → Jobs (docs/operations/runbooks.md, jobs fail).")
    return ok(name, "none failed within a day")


def queue_lag() -> Finding:
    """Each queue of the broker has somebody who empties it."""
    name = "Queues"
    if not settings.REDIS_URL:
        return off(name, "REDIS_URL is not set; one background process does all work")
    found = list(queues.waiting())
    if not found:
        return skipped(name, "Redis does not answer")
    late = [f"{one.queue}: {one.length}, {one.lag_s:.0f} s" for one in found if one.lag_s > QUEUE_LAG_S]
    if late:
        return warning(name, f"messages wait ({'; '.join(late)})", "Start workers for these queues (docs/scaling.md).")
    return ok(name, f"{sum(one.length for one in found)} messages in {len(found)} queues")
