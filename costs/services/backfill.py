"""Back-fill: when a price arrives, calls without one are priced by adjusting entries, by themselves.

What states a price offers a job in its own transaction; the background looks whose calls have a price now and begins
one re-pricing for each organization. Its id derives from the job, so a job that is killed and done again begins the
same one, and entries derive from the re-pricing, so nothing is booked twice.
"""

import hashlib
from datetime import timedelta
from uuid import uuid5

import structlog
from django.db import transaction
from django.utils import timezone

from costs.models import PriceSetting, RepricingRun
from costs.services import repricing
from gateway.models import Job, Organization
from gateway.services import audit, jobs
from gateway.services.audit import Actor

KIND = "costs.backfill"
DAYS = 90
"""How far back calls are looked for; older ones are re-priced by hand."""
LEASE_S = 600.0
EVERYBODY = "*"
log = structlog.get_logger(__name__)


def offer(organization: Organization | None, cause: str) -> None:
    """A price has arrived, for everybody without an organization. `cause` is its unique name; in the transaction that
    stores it."""
    whose = EVERYBODY if organization is None else str(organization.pk)
    name = hashlib.sha256(cause.encode()).hexdigest()[:32]
    jobs.enqueue(KIND, f"{whose}:{name}", organization=organization, parameters={"cause": cause})


def is_wanted(organization: Organization) -> bool:
    """Whether the organization has it; by default it has."""
    setting = PriceSetting.objects.filter(organization=organization).first()
    return setting is None or setting.backfills_unpriced


@transaction.atomic
def set_backfill(*, organization: Organization, actor: Actor, backfills_unpriced: bool) -> bool:
    """Have it, or not. Turned on, it looks at once."""
    PriceSetting.objects.get_or_create(organization=organization)
    row = PriceSetting.objects.select_for_update().get(organization=organization)
    if row.backfills_unpriced != backfills_unpriced:
        before, row.backfills_unpriced = row.backfills_unpriced, backfills_unpriced
        row.save(update_fields=["backfills_unpriced", "updated_at"])
        audit.record(
            organization=organization, actor=actor, verb="price_setting.update", target=row,
            before={"backfills_unpriced": before}, after={"backfills_unpriced": backfills_unpriced},
        )  # fmt: skip
        if backfills_unpriced:
            offer(organization, f"setting:{row.updated_at.isoformat()}")
    return backfills_unpriced


# ---- background ------------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Look for calls that have a price now; returns how many re-pricings were begun."""
    begun = 0
    for period in jobs.waiting(KIND):
        job = jobs.claim(KIND, period, LEASE_S)
        if job is not None:
            begun += _run(job)
    return begun


def _run(job: Job) -> int:
    whose, cause = job.period.partition(":")[0], str(job.parameters.get("cause", job.period))
    rows = Organization.objects.filter(archived_at=None).order_by("pk")
    begun = 0
    try:
        for organization in rows if whose == EVERYBODY else rows.filter(pk=whose):
            begun += begin(organization, cause)
            jobs.extend(job, LEASE_S, 0)
        jobs.finish(job, {"begun": begun})
    except jobs.ClaimLost:
        log.warning("backfill_taken_over", period=job.period)
    except Exception:
        log.exception("backfill_failed", period=job.period, tries=job.fence)
        if job.fence >= repricing.MAX_TRIES:
            jobs.fail(job, f"given up after {job.fence} tries; the log has the reason")
    return begun


def begin(organization: Organization, cause: str) -> int:
    """Have the calls of the last `DAYS` days that have a price now counted, then applied; 1 when there are any."""
    if not is_wanted(organization):
        return 0
    end = timezone.now()
    queue = repricing.unpriced(organization=organization, start=end - timedelta(days=DAYS), end=end)
    known = [one for one in queue if one.has_price_now]
    if not known:
        return 0
    identity = uuid5(organization.pk, cause)
    window = {
        "start": min(one.first_at for one in known),
        "end": max(one.last_at for one in known) + timedelta(milliseconds=1),
    }
    with transaction.atomic():
        run, is_new = RepricingRun.objects.get_or_create(
            pk=identity, defaults={"organization": organization, "only_unpriced": True, "is_automatic": True, **window}
        )
        if not is_new:
            return 0
        jobs.enqueue(repricing.KIND, f"count:{run.pk}", organization=organization)
        audit.record(
            organization=organization, actor=None, verb="repricing.backfill", target=run,
            after={**window, "because": cause, "lines": sum(one.lines for one in known)},
        )  # fmt: skip
    return 1
