"""Commitments are booked by the day, once, whoever does it and whenever it is killed; terms never change."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import InternalError, ProgrammingError, transaction

from analytics.rollups.marks import process_marks
from costs.models import Commitment
from costs.services import commitments
from gateway.models import AuditEvent, Job, LedgerLine
from gateway.services.errors import Conflict, Invalid
from tests import factories
from tests.costs.commitments.conftest import agreed

pytestmark = pytest.mark.django_db(transaction=True)
UNTIL = date(2026, 11, 4)


def lines() -> list[LedgerLine]:
    return list(LedgerLine.objects.filter(kind="commitment").order_by("started_at"))


def test_each_day_that_is_over_is_one_line(acme: factories.Acme) -> None:
    row = agreed(acme)

    assert commitments.book_days(row.pk, UNTIL) == 3

    first, *others = lines()
    assert [line.started_at for line in (first, *others)] == [
        datetime(2026, 11, day, 12, tzinfo=UTC) for day in (1, 2, 3)
    ]
    assert (first.cost, first.list_cost, first.currency, first.price_status, first.is_final, first.request_count) == (
        Decimal(2400), Decimal(0), "USD", "priced", False, 0
    )  # fmt: skip
    assert (first.project, first.team, first.provider, first.model_requested, first.model_served) == (
        acme.assistant.pk, acme.search.pk, "upstream", "gpt-4o*", None
    )  # fmt: skip
    assert first.charges == [
        {"meter": "commitment", "rate_id": f"commitment:{row.pk}", "quantity": "2400", "unit_price": "1.0000000000",
         "cost": "2400.0000000000", "currency": "USD"},
    ]  # fmt: skip
    row.refresh_from_db()
    assert row.booked_until == UNTIL


@pytest.mark.slow
def test_a_day_is_booked_once_also_by_two_and_after_a_kill(acme: factories.Acme) -> None:
    row = agreed(acme)
    commitments.book_days(row.pk, UNTIL)

    assert commitments.book_days(row.pk, UNTIL) == 0
    Commitment.objects.update(booked_until=date(2026, 11, 2))  # as if the ledger had it and the row did not
    assert commitments.book_days(row.pk, UNTIL) == 0

    assert len(lines()) == 3


def test_the_background_books_what_is_due_by_a_claimed_job(
    acme: factories.Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = agreed(acme, starts_on=date(2026, 11, 20), ends_on=date(2026, 11, 22))

    assert (commitments.run_waiting(), commitments.run_waiting()) == (2, 0)

    job = Job.objects.get(kind="costs.commitment")
    assert (job.period, job.status, job.result) == (f"{row.pk}:2026-11-20", "succeeded", {"lines": 2})


def test_work_that_fails_is_taken_up_again(acme: factories.Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    agreed(acme, starts_on=date(2026, 11, 20), ends_on=date(2026, 11, 22))

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(commitments, "book", refuse)
        assert commitments.run_waiting() == 0
    Job.objects.update(claimed_until=datetime(2026, 1, 1, tzinfo=UTC))

    assert commitments.run_waiting() == 2


def test_the_ledger_and_its_sums_agree(acme: factories.Acme) -> None:
    factories.book_lines(factories.line(acme, at=datetime(2026, 11, 2, 12, tzinfo=UTC)))
    commitments.book_days(agreed(acme).pk, UNTIL)
    while process_marks().quarter_hours:
        pass

    call_command("verify_ledger", "--organization", acme.organization.slug)


def test_ending_leaves_booked_days_and_books_no_later_ones(acme: factories.Acme) -> None:
    row = agreed(acme)
    commitments.book_days(row.pk, UNTIL)

    with pytest.raises(Conflict, match="before 2026-11-04 are booked"):
        commitments.end_commitment(commitment=row, actor=None, ends_on=date(2026, 11, 3))
    commitments.end_commitment(commitment=row, actor=acme.people["adam"], ends_on=date(2026, 11, 5))
    with pytest.raises(Conflict, match="ends on 2026-11-05 already"):
        commitments.end_commitment(commitment=row, actor=None, ends_on=date(2026, 11, 6))

    assert commitments.book_days(row.pk, date(2026, 11, 10)) == 1
    assert sum(line.cost or 0 for line in lines()) == Decimal(9600)
    assert list(AuditEvent.objects.filter(object_id=str(row.pk)).order_by("id").values_list("verb", flat=True)) == [
        "commitment.create", "commitment.end"
    ]  # fmt: skip


def test_terms_cannot_be_changed_behind_the_services(acme: factories.Acme) -> None:
    row = agreed(acme)

    with pytest.raises((InternalError, ProgrammingError), match="append-only"), transaction.atomic():
        Commitment.objects.filter(pk=row.pk).update(amount=Decimal(2))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"provider": "nowhere"}, "provider"), ({"currency": "12"}, "currency"), ({"units": Decimal(0)}, "units"),
        ({"kind": "fixed_monthly"}, "per"), ({"ends_on": date(2026, 11, 1)}, "ends_on"),
        ({"amount": Decimal(-1)}, "amount"), ({"starts_on": date(2020, 1, 1)}, "starts_on"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_field(
    acme: factories.Acme, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        agreed(acme, **changes)

    assert refused.value.field == field
    assert not Commitment.objects.exists()
