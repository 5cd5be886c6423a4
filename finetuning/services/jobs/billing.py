"""Jobs and hosting in the ledger: one line a job that reached its backend and one for each model that graded its
answers, one a day that a tuned model was hosted.

Ids derive from the job, or from the tuned model and the day, so a repeat, or a second process, books nothing new.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db.models import F, Q
from django.utils import timezone

from costs.pricer import columns_of
from costs.pricing import Priced
from finetuning.choices import OVER
from finetuning.estimates import Confidence, Method, Rate, rate_of
from finetuning.models import HostedTime, TunedModel, TuningJob
from finetuning.services.jobs import graders
from finetuning.services.jobs.pricing import QUANTUM, Bill, bill_of, rate_id
from gateway.choices import LineKind, LineStatus, PriceStatus, UsageSource
from gateway.ledger.booking import book
from gateway.ledger.connect import connect
from gateway.ledger.ids import ms_of, uuid7
from gateway.ledger.partitions import ensure_partitions

TRAINING, HOSTING, GRADER = "training", "hosting", "grader"
METERS = {"tokens": TRAINING, "hours": "training_hour"}
ENDPOINT = "/v1/fine_tuning/jobs"
DAY = timedelta(days=1)
STATUSES = {
    "succeeded": LineStatus.OK, "failed": LineStatus.UPSTREAM_ERROR, "cancelled": LineStatus.CANCELLED,
}  # fmt: skip
log = structlog.get_logger(__name__)


def owner_of(job: TuningJob) -> str:
    """Who holds room in budgets for it, and the source of its line."""
    return f"tuning:{job.pk}"


# ---- training --------------------------------------------------------------------------------------------------------
def unbooked() -> list[UUID]:
    """Jobs that are over and have no line yet; those that never reached their backend need none."""
    rows = TuningJob.objects.filter(status__in=OVER, line_id=None).exclude(provider_job_id="").exclude(finished_at=None)
    return list(rows.order_by("finished_at").values_list("pk", flat=True)[:100])


def book_training(job: TuningJob, *, bill: Bill | None = None) -> bool:
    """Book what a job that is over cost, with what its graders cost, and give back what budgets held for it; True when
    the line was new.

    `bill`: instead of what the job itself says. The lines, the sums that move with them and the job's `line_id` are one
    transaction of a connection of its own: the job must be committed.
    """
    found = bill or bill_of(job)
    assert job.finished_at is not None
    identity = _line_id(f"{TRAINING}/{job.pk}", job.finished_at)
    graded = list(graders.lines_of(job))
    lines = [_training_line(job, found, identity), *(_grader_line(job, *one) for one in graded)]
    grader_cost = _grader_cost(job, graded)
    with connect() as connection:
        ensure_partitions(connection, [job.finished_at])
        with connection.transaction():
            locked = connection.execute(
                "SELECT line_id FROM finetuning_tuningjob WHERE id = %s FOR UPDATE", [job.pk]
            ).fetchone()
            if locked is None or locked[0] is not None:
                return False
            result = book(connection, lines, source=owner_of(job))
            connection.execute("SELECT costs_release(%s)", [owner_of(job)])
            connection.execute(
                "UPDATE finetuning_tuningjob SET line_id = %s, cost_actual = %s, grader_cost = %s, holds = '[]', "
                "updated_at = now() WHERE id = %s",
                [identity, found.cost, grader_cost, job.pk],
            )
    job.line_id, job.cost_actual, job.grader_cost, job.holds = identity, found.cost, grader_cost, []
    return bool(result.new)


def _training_line(job: TuningJob, bill: Bill, identity: UUID) -> dict[str, Any]:
    line = _line(
        job.project, identity, kind=LineKind.TRAINING, request_id=job.public_id, cost=bill.cost, currency=job.currency,
        charges=[_charge(METERS[bill.unit], bill.rate, bill.quantity, bill.unit_price, bill.cost)] if bill.cost else [],
    )  # fmt: skip
    started = job.started_at or job.created_at
    return {
        **line, "provider": _provider(job), "model_requested": job.base_model,
        "model_served": job.tuned_model[:200] or job.base_model, "status": STATUSES[job.status].value,
        "error_type": (job.error or {}).get("code") or None, "usage_source": bill.source.value,
        "duration_ms": _milliseconds(started, job.finished_at), "leases": job.holds,
        "api_key": job.api_key_id, "user": job.created_by_id, "tag_set": tag_set(job.tags),
    }  # fmt: skip


def _grader_line(job: TuningJob, graded: graders.Graded, priced: Priced) -> dict[str, Any]:
    """One for each model that graded: its tokens at its own price, in the project of the job."""
    assert job.finished_at is not None
    line = _line(
        job.project, _line_id(f"{GRADER}/{job.pk}/{graded.model}", job.finished_at), kind=LineKind.GRADER,
        request_id=job.public_id, cost=priced.total,
    )  # fmt: skip
    return {
        **line, **columns_of(priced), "provider": _provider(job), "model_requested": graded.model,
        "model_served": graded.model, "usage_source": UsageSource.REPORTED.value, "api_key": job.api_key_id,
        "user": job.created_by_id, "tag_set": tag_set(job.tags),
    }  # fmt: skip


def _grader_cost(job: TuningJob, graded: Sequence[tuple[graders.Graded, Priced]]) -> Decimal | None:
    """In the job's currency; None where nothing was stated, a price is unknown or is in another currency."""
    if not graded or any(priced.total is None or priced.currency != job.currency for _, priced in graded):
        return None
    return sum((priced.total or Decimal(0) for _, priced in graded), Decimal(0))


def tag_set(tags: list[str]) -> dict[str, str]:
    """`name=value` of a job's tags; one without a value is its own."""
    return {name: value or name for name, _, value in (tag.partition("=") for tag in tags)}


def _milliseconds(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else max(0, round((end - start).total_seconds() * 1000))


# ---- hosting ---------------------------------------------------------------------------------------------------------
def book_hosting(until: date | None = None) -> int:
    """Book each day before `until` (UTC; None: today) that a tuned model was hosted; returns how many lines were new.
    A day's hours are those of `HostedTime` in it, each in one line."""
    last = until or timezone.now().astimezone(UTC).date()
    due = HostedTime.objects.filter(
        Q(booked_until=None) | Q(booked_until__lt=last), since__date__lt=last
    ).exclude(until__date__lt=F("booked_until"))  # fmt: skip
    booked = 0
    for identity in due.values_list("pk", flat=True):
        try:
            booked += _book_days(identity, last)
        except Exception:
            log.exception("hosting_not_booked", time=str(identity))  # again at the next run
    return booked


def _book_days(identity: UUID, last: date) -> int:
    hosted = HostedTime.objects.select_related("tuned__project", "tuned__provider", "tuned__job").get(pk=identity)
    rate = None if hosted.is_free else _rate_of(hosted)
    with connect() as connection:
        first_day = hosted.since.astimezone(UTC).date()
        ensure_partitions(connection, (_noon(day) for day in _days(first_day, last)))
        with connection.transaction():
            locked = connection.execute(
                "SELECT booked_until, until FROM finetuning_hostedtime WHERE id = %s FOR UPDATE", [identity]
            ).fetchone()
            assert locked is not None
            first, hosted.until = locked[0] or first_day, locked[1]
            lines = [line for day in _days(first, last) if (line := _hosting_line(hosted, rate, day)) is not None]
            result = book(connection, lines, source=f"hosting:{identity}")
            connection.execute(
                "UPDATE finetuning_hostedtime SET booked_until = %s, updated_at = now() WHERE id = %s", [last, identity]
            )
    return result.new


def _rate_of(hosted: HostedTime) -> Rate | None:
    """What its vendor, or its provider's row, said when it was deployed; else the dated price of its backend."""
    if hosted.per_hour is None:
        return hosting_rate(hosted.tuned, hosted.since.date())
    return Rate(
        hosted.tuned.backend, hosted.tuned.base_model, Method.SUPERVISED, Decimal(0), hosted.priced_by,
        hosted.since.date(), Confidence.HIGH, hosting_per_hour=hosted.per_hour.normalize(),
    )  # fmt: skip


def hosting_rate(model: TunedModel, at: date) -> Rate | None:
    """The price row whose hours it is hosted at; None when no price is known."""
    method = Method(model.job.method) if model.job is not None else Method.SUPERVISED
    rate = rate_of(model.backend, model.base_model, method, at=at)
    return rate if rate is not None and rate.hosting_per_hour else None


def _hosting_line(hosted: HostedTime, rate: Rate | None, day: date) -> dict[str, Any] | None:
    hours, model = hours_on(day, hosted.since, hosted.until), hosted.tuned
    if not hours:
        return None
    cost = Decimal(0) if hosted.is_free else None
    charges = []
    if rate is not None:
        cost = (hours * rate.hosting_per_hour).quantize(QUANTUM, ROUND_HALF_EVEN)
        charges = [_charge(HOSTING, rate, hours, rate.hosting_per_hour, cost)]
    line = _line(
        model.project, _line_id(f"{HOSTING}/{hosted.pk}", _noon(day)), kind=LineKind.HOSTING,
        request_id=f"hosting-{hosted.pk.hex}-{day}", cost=cost, currency=rate.currency if rate else "USD",
        charges=charges,
    )  # fmt: skip
    return {
        **line, "provider": model.provider.slug if model.provider else model.backend,
        "model_requested": model.name[:200], "model_served": model.name[:200],
        "user": model.job.created_by_id if model.job else None, "tag_set": tag_set(model.job.tags if model.job else []),
    }  # fmt: skip


def hours_on(day: date, since: datetime | None, until: datetime | None) -> Decimal:
    """Hours of `[since, until)` that lie on a day in UTC; `until` None: it goes on."""
    start = datetime.combine(day, datetime.min.time(), UTC)
    end = start + DAY
    begin, stop = max(start, since or end), min(end, until or end)
    return (Decimal(max(0, (stop - begin) // timedelta(seconds=1))) / 3600).quantize(Decimal("1e-6"))


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days))


# ---- both ------------------------------------------------------------------------------------------------------------
def _line(project: Any, identity: UUID, *, kind: LineKind, cost: Decimal | None, **fields: Any) -> dict[str, Any]:
    status = PriceStatus.UNPRICED if cost is None else PriceStatus.PRICED if cost else PriceStatus.FREE
    return {
        "id": identity, "organization": project.organization_id, "project": project.pk, "team": project.team_id,
        "kind": kind.value, "is_final": False, "request_count": 0, "endpoint": ENDPOINT, "status": LineStatus.OK.value,
        "usage_source": UsageSource.COUNTED.value, "cost": cost, "list_cost": cost, "price_status": status.value,
        **fields,
    }  # fmt: skip


def _charge(
    meter: str, rate: Rate | None, quantity: Decimal, unit_price: Decimal | None, cost: Decimal
) -> dict[str, str]:
    assert rate is not None
    return {
        "meter": meter, "rate_id": rate_id(rate, meter), "quantity": f"{quantity:f}", "unit_price": f"{unit_price:f}",
        "cost": f"{cost:f}", "currency": rate.currency,
    }  # fmt: skip


def _provider(job: TuningJob) -> str:
    return job.provider.slug if job.provider is not None else job.backend


def _noon(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC) + DAY / 2


def _line_id(name: str, at: datetime) -> UUID:
    """The same for the same name and time, whoever books it."""
    bits = int.from_bytes(hashlib.sha256(f"{name}/{at.isoformat()}".encode()).digest()[:10], "big")
    return uuid7(ms_of(at), bits & ((1 << 74) - 1))
