"""Commitments: agree, end, and book each day that is over as one ledger line.

The id of a day's line derives from (commitment, day), so a repeat, or a second process, books nothing new.
"""

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any, TypedDict, Unpack
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from costs.choices import CommitmentKind, CommitmentUnitTime
from costs.commitments.models import Commitment
from costs.commitments.terms import METER, RATE, line_id, noon
from costs.services import backfill
from gateway.choices import LineKind, LineStatus, PriceStatus, UsageSource
from gateway.ledger.booking import book
from gateway.ledger.connect import connect
from gateway.ledger.partitions import ensure_partitions
from gateway.models import Job, Organization, Project, Provider, User
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields

KIND = "costs.commitment"
LEASE_S = 120.0
ENDPOINT = "commitment"
FURTHEST_BACK = timedelta(days=3 * 366)
AUDITED = (
    "name", "kind", "provider", "model", "project_id", "amount", "per", "units", "unit_name", "currency",
    "tokens_per_minute", "covers_calls", "starts_on", "ends_on", "note",
)  # fmt: skip
log = structlog.get_logger(__name__)


class CommitmentFields(TypedDict, total=False):
    """What is agreed; see `Commitment`."""

    name: str
    kind: str
    provider: str
    model: str
    project: Project
    amount: Decimal
    per: str
    units: Decimal
    unit_name: str
    currency: str
    tokens_per_minute: int | None
    covers_calls: bool
    starts_on: date
    ends_on: date | None
    note: str


@transaction.atomic
def create_commitment(*, organization: Organization, actor: Actor, **fields: Unpack[CommitmentFields]) -> Commitment:
    """Agree one from `starts_on` on. Days that are over already are booked within minutes; calls that were made before
    now keep their price until they are re-priced. Raises `Invalid`."""
    row = Commitment(organization=organization, created_by=actor if isinstance(actor, User) else None, **fields)
    row.name, row.model, row.unit_name = row.name.strip(), row.model.strip(), row.unit_name.strip()
    row.currency = (row.currency or organization.currency).strip().upper()
    row.booked_until = row.starts_on
    _check(row)
    row.save(force_insert=True)
    audit.record(organization=organization, actor=actor, verb="commitment.create", target=row, after=_facts(row))
    if row.covers_calls:
        backfill.offer(organization, f"commitment:{row.pk}")
    return row


@transaction.atomic
def end_commitment(*, commitment: Commitment, actor: Actor, ends_on: date) -> Commitment:
    """No longer paid from `ends_on` on. Raises `Conflict` for a day that is booked already, or when it ends before."""
    row = Commitment.objects.select_for_update().get(pk=commitment.pk)
    if row.ends_on is not None and row.ends_on <= ends_on:
        raise Conflict(
            "commitment_ended", f"It ends on {row.ends_on} already; another one can follow.", field="ends_on"
        )
    if ends_on < row.booked_until:
        message = f"Its days before {row.booked_until} are booked; end it on that day at the earliest."
        raise Conflict("commitment_booked", message, field="ends_on")
    before, row.ends_on = row.ends_on, ends_on
    row.save(update_fields=["ends_on", "updated_at"])
    audit.record(
        organization=row.organization, actor=actor, verb="commitment.end", target=row, before={"ends_on": before},
        after={"ends_on": ends_on},
    )  # fmt: skip
    return row


def _check(row: Commitment) -> None:
    check_fields(row, "name", "kind", "provider", "model", "amount", "per", "units", "unit_name", "currency", "note")
    if len(row.currency) != 3 or not (row.currency.isascii() and row.currency.isalpha()):
        raise Invalid("price_currency", "The currency is a three-letter ISO 4217 code.", field="currency")
    if row.kind == CommitmentKind.FIXED_MONTHLY and row.per != CommitmentUnitTime.MONTH:
        raise Invalid("commitment_per", "A fixed monthly amount is per month.", field="per")
    if row.units <= 0:
        raise Invalid("commitment_units", "There must be some of it.", field="units")
    if row.ends_on is not None and row.ends_on <= row.starts_on:
        raise Invalid("commitment_window", "It must end after it begins.", field="ends_on")
    if row.starts_on < timezone.now().date() - FURTHEST_BACK:
        raise Invalid("commitment_window", "It cannot begin more than three years ago.", field="starts_on")
    if row.project.organization_id != row.organization_id:
        raise Invalid("project", "The project is another organization's.", field="project")
    known = Provider.objects.filter(Q(organization=row.organization) | Q(organization=None), slug=row.provider)
    if not known.exists():
        raise Invalid("provider_not_found", f"There is no provider {row.provider}.", field="provider")


def _facts(row: Commitment) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AUDITED}


# ---- booking ---------------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Book every day that is over and has no line yet; returns how many lines were new."""
    today = timezone.now().astimezone(UTC).date()
    open_days = Q(ends_on=None) | Q(booked_until__lt=F("ends_on"))
    due = Commitment.objects.filter(open_days, booked_until__lt=today).values_list("pk", "booked_until")
    booked = 0
    for identity, first in due:
        job = jobs.claim(KIND, f"{identity}:{first}", LEASE_S)
        if job is not None:
            booked += _run(job, identity, today)
    return booked


def _run(job: Job, identity: UUID, today: date) -> int:
    try:
        booked = book_days(identity, today)
        jobs.finish(job, {"lines": booked})
    except jobs.ClaimLost:
        log.warning("commitment_taken_over", commitment=str(identity))
        return 0
    except Exception:
        log.exception(
            "commitment_not_booked", commitment=str(identity), tries=job.fence
        )  # again when the lease is over
        return 0
    return booked


def book_days(identity: UUID, until: date) -> int:
    """Book the days before `until` that have no line yet, all of them or none; returns how many lines were new."""
    with connect() as connection:
        row = Commitment.objects.select_related("project").get(pk=identity)
        ensure_partitions(connection, (noon(day) for day in row.terms.days(row.booked_until, until)))
        with connection.transaction():
            locked = connection.execute(
                "SELECT booked_until, ends_on FROM costs_commitment WHERE id = %s FOR UPDATE", [identity]
            ).fetchone()
            assert locked is not None
            first, end = locked
            last = until if end is None else min(until, end)
            if first >= last:
                return 0
            row.ends_on = end
            result = book(connection, list(_lines(row, first, last)), source=f"commitment:{identity}")
            connection.execute(
                "UPDATE costs_commitment SET booked_until = %s, updated_at = now() WHERE id = %s", [last, identity]
            )
    return result.new


def _lines(row: Commitment, first: date, last: date) -> Iterator[dict[str, Any]]:
    return (line_of(row, day) for day in row.terms.days(first, last))


def line_of(row: Commitment, day: date) -> dict[str, Any]:
    """The ledger line of a day. Its list cost is 0 where it covers calls, whose own list costs say what they are worth;
    else its cost."""
    priced, at = row.terms.cost_of(day), noon(day)
    charge = {
        "meter": METER, "rate_id": f"{RATE}{row.pk}", "quantity": f"{priced.quantity:f}",
        "unit_price": f"{priced.unit_price:f}", "cost": f"{priced.cost:f}", "currency": row.currency,
    }  # fmt: skip
    return {
        "id": line_id(row.pk, at), "request_id": f"commitment-{row.pk}-{day}", "organization": row.organization_id,
        "project": row.project_id, "team": row.project.team_id, "kind": LineKind.COMMITMENT.value, "is_final": False,
        "request_count": 0, "endpoint": ENDPOINT, "provider": row.provider, "model_requested": row.model,
        "model_served": None if row.model.endswith("*") else row.model, "status": LineStatus.OK.value,
        "usage_source": UsageSource.COUNTED.value, "charges": [charge], "cost": priced.cost,
        "list_cost": Decimal(0) if row.covers_calls else priced.cost, "currency": row.currency,
        "price_status": (PriceStatus.PRICED if priced.cost else PriceStatus.FREE).value,
    }  # fmt: skip
