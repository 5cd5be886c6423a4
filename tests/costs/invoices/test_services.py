"""Invoices against a real ledger: what is stored, compared, refused, told."""

import io
import json
import threading
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alerts.models import AlertRule
from costs.invoices import answers
from costs.invoices.alerts import InvoiceSource
from costs.models import Invoice, InvoiceChunk, InvoiceLine, InvoiceState
from costs.services import invoices
from costs.services.currencies import NewRate, state_rate
from gateway.models import AuditEvent
from gateway.services import jobs
from gateway.services.errors import Conflict, Invalid, TooLarge
from tests.costs.invoices import ledgers
from tests.factories import Acme, book_lines

pytestmark = pytest.mark.django_db
MIB = 1 << 20
PROVIDERS = ["openai", "shared", "upstream"]  # all of OpenAI's kind: Acme's, the platform's


@pytest.fixture
def company(db: None) -> Acme:
    return ledgers.company()


def upload(company: Acme, data: bytes, name: str = "costs.json", **more: Any) -> Invoice:
    row, _ = invoices.upload_invoice(
        organization=company.organization, actor=company.people["adam"], limit_bytes=MIB,
        upload=invoices.Upload(io.BytesIO(data), name, **more),
    )  # fmt: skip
    return row


def causes(row: Invoice) -> list[tuple[str, Decimal]]:
    return [(one["kind"], Decimal(one["amount"])) for one in row.causes]


def test_a_bill_that_agrees_has_no_drift(company: Acme) -> None:
    row = upload(company, ledgers.costs())

    assert (row.format, row.vendor, row.providers, row.state) == ("openai", "openai", PROVIDERS, "ready")
    assert (row.start, row.end, row.currency) == (date(2026, 6, 1), date(2026, 6, 5), "USD")
    assert (row.billed, row.ledger, row.drift) == (Decimal(12), Decimal(12), Decimal(0))
    assert (row.causes, row.notes, row.ledger_models) == ([], [], {"gpt-4.1": ["big"]})
    cells = answers.cells(row, by="meter", day=date(2026, 6, 2))
    assert [(one.meter, one.billed_quantity, one.ledger_quantity, one.drift) for one in cells] == [
        ("cache_read", 400_000, 400_000, 0), ("input", 1_000_000, 1_000_000, 0), ("output", 100_000, 100_000, 0),
    ]  # fmt: skip


def test_calls_outside_and_a_credit_are_told_apart(company: Acme) -> None:
    row = upload(company, ledgers.costs(extra={2: {"output": 250_000}}, more=[ledgers.credit(0.5)]))

    assert row.drift == Decimal("1.5")
    assert causes(row) == [("outside", Decimal(2)), ("credit", Decimal("-0.5"))]
    assert row.causes[0]["parts"][0]["arithmetic"] == "2026-06-03: 250,000 tokens × 8 per 1M = +2.000000"
    found = {one.day: (one.drift, one.cause) for one in answers.cells(row)}
    assert found[date(2026, 6, 3)] == (Decimal(2), "outside")
    assert [one.day for one in answers.cells(row, cause="outside")] == [date(2026, 6, 3)]


def test_lost_cached_detail_is_found(db: None) -> None:
    charges = [
        {"meter": "input", "rate_id": "book:input", "quantity": "1400000", "unit_price": "0.000002", "cost": "2.8",
         "currency": "USD"},
        {"meter": "output", "rate_id": "book:output", "quantity": "100000", "unit_price": "0.000008", "cost": "0.8",
         "currency": "USD"},
    ]  # fmt: skip
    company = ledgers.company(cache_read_tokens=0, charges=charges, cost=Decimal("3.6"))

    row = upload(company, ledgers.costs())

    assert causes(row) == [("cached_detail", Decimal("-2.4"))]  # 4 days × 400,000 × (0.5 − 2) per 1M


def test_usage_without_a_price_is_named(db: None) -> None:
    company = ledgers.company(charges=[], cost=None, list_cost=None, price_status="unpriced")

    row = upload(company, ledgers.costs())

    assert causes(row) == [("unpriced", Decimal(12))]
    assert row.unpriced_share == 1.0


def test_another_tier_is_found(db: None) -> None:
    company = ledgers.company()
    data = ledgers.costs().replace(b"gpt-4.1-2025-04-14, output", b"batch | gpt-4.1-2025-04-14, output")
    halved = data.replace(b'"value": 0.8', b'"value": 0.4')

    row = upload(company, halved)

    assert causes(row) == [("tier", Decimal("-1.6"))]


def test_a_day_that_the_ledger_lacks_and_one_that_the_export_lacks(company: Acme) -> None:
    book_lines(ledgers.call(company, date(2026, 6, 6)))

    row = upload(company, ledgers.costs(days=5), end=date(2026, 6, 7))

    assert causes(row) == [("missing_in_export", Decimal(-3)), ("missing_in_ledger", Decimal(3))]
    assert row.drift == 0


def test_usage_without_money_is_valued_here(company: Acme) -> None:
    result = {"input_tokens": 2_400_000, "input_cached_tokens": 400_000, "output_tokens": 100_000, "model": "gpt-4.1"}
    bucket = {"start_time": 1780272000, "end_time": 1780358400, "results": [{**result, "num_model_requests": 3}]}

    row = upload(company, json.dumps({"data": [bucket]}).encode())

    assert (row.has_costs, row.billed, row.drift) == (False, Decimal(5), Decimal(2))
    assert causes(row) == [("outside", Decimal(2))]
    assert [note["code"] for note in row.notes] == ["no_costs"]
    assert {one.billed_cost for one in answers.cells(row)} == {None}


def test_the_same_file_is_the_same_invoice(company: Acme) -> None:
    first = upload(company, ledgers.costs())
    row, is_new = invoices.upload_invoice(
        organization=company.organization, actor=None, limit_bytes=MIB,
        upload=invoices.Upload(io.BytesIO(ledgers.costs()), "again.json"),
    )  # fmt: skip

    assert (row.pk, is_new, Invoice.objects.count(), InvoiceLine.objects.count()) == (first.pk, False, 1, 12)


def test_the_same_file_in_another_organization_is_another_invoice(company: Acme) -> None:
    upload(company, ledgers.costs())
    row, is_new = invoices.upload_invoice(
        organization=company.globex, actor=None, limit_bytes=MIB,
        upload=invoices.Upload(io.BytesIO(ledgers.costs()), "theirs.json"),
    )  # fmt: skip

    assert (is_new, row.ledger) == (True, Decimal(0))  # nothing of Acme's ledger


def test_a_bad_file_leaves_nothing(company: Acme) -> None:
    with pytest.raises(Invalid, match="Line 2: cost: 'x' is not a number"):
        upload(company, b"day,cost,currency\n2026-06-01,x,USD\n", "bad.csv")
    with pytest.raises(Invalid, match="The file is empty"):
        upload(company, b"")
    with pytest.raises(TooLarge):
        upload(company, b"x" * (MIB + 1))

    assert Invoice.objects.count() == 0
    assert not AuditEvent.objects.filter(verb__startswith="invoice").exists()


@pytest.mark.parametrize(
    "period", [{"start": date(2026, 6, 5)}, {"end": date(2026, 6, 1)}, {"start": date(1990, 1, 1)}]
)
def test_a_period_that_the_file_does_not_reach_is_refused(company: Acme, period: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"days; it may have 1 to 400\.") as refused:
        upload(company, ledgers.costs(), **period)

    assert (refused.value.code, Invoice.objects.count()) == ("period", 0)


def test_days_outside_the_stated_period_are_said(company: Acme) -> None:
    row = upload(company, ledgers.costs(), start=date(2026, 6, 2), end=date(2026, 6, 4))

    assert (row.billed, row.ledger, row.drift) == (Decimal(6), Decimal(6), Decimal(0))
    assert row.notes == [
        {
            "code": "outside_period",
            "message": "6 records of the export are of days outside the period and are left out, 6.00 USD in all: it "
            "was stated as 2026-06-02 to before 2026-06-04.",
        }
    ]


def test_a_bill_that_credits_nearly_cancel_has_no_percentage(company: Acme) -> None:
    row = upload(company, ledgers.costs(extra={2: {"output": 250_000}}, more=[ledgers.credit(13.9999999999)]))

    assert (row.billed, row.drift) == (Decimal("1E-10"), Decimal("-11.9999999999"))
    assert row.drift_percent is None
    assert causes(row) == [("credit", Decimal("-13.9999999999")), ("outside", Decimal(2))]


def test_days_of_another_zone_are_a_matter_of_time(db: None) -> None:
    company = ledgers.company(days=0)
    sizes = (2, 5, 3, 6, 1, 4, 2, 7, 3, 5)
    days = [date(2026, 6, 1) + timedelta(days=index) for index in range(len(sizes))]
    for day, size in zip(days, sizes, strict=True):  # mornings in UTC are still the day before in UTC-8
        book_lines(*(ledgers.call(company, day, hour=3) for _ in range(size)))
        book_lines(ledgers.call(company, day, hour=12))
    extra = [{meter: count * later for meter, count in ledgers.TOKENS.items()} for later in (*sizes[1:], 0)]

    row = upload(company, ledgers.costs(days=len(days), extra=dict(enumerate(extra))))

    assert (row.drift, causes(row)) == (Decimal(-6), [("timing", Decimal(-6))])  # the first morning: 2 calls, 3 each
    assert [note["code"] for note in row.notes] == ["vendor_zone"]
    assert [one.ledger_cost for one in answers.cells(row)] == [Decimal(3 * (size + 1)) for size in sizes]


def test_long_words_of_a_vendor_are_shortened(company: Acme) -> None:
    long = "a" * 150
    head = "ChargePeriodStart,BilledCost,BillingCurrency,SkuMeter,ServiceProviderName,SkuPriceDetails"
    data = f'{head}\n2026-06-01T00:00:00Z,1,USD,{long},{long},"{{""ServiceTier"": ""{long}""}}"\n'

    row = upload(company, data.encode(), "focus.csv")

    line = InvoiceLine.objects.get()
    assert (row.vendor, line.meter, line.tier) == (long[:60], long[:60], long[:60])


def test_a_large_file_is_read_in_the_background(company: Acme) -> None:
    row, _ = invoices.upload_invoice(
        organization=company.organization, actor=None, limit_bytes=MIB, at_once_bytes=10,
        upload=invoices.Upload(io.BytesIO(ledgers.costs()), "costs.json"),
    )  # fmt: skip
    assert (row.state, InvoiceChunk.objects.count()) == ("queued", 1)
    with pytest.raises(Conflict):
        invoices.reconcile_invoice(invoice=row)

    assert invoices.run_waiting() == 1

    row.refresh_from_db()
    assert (row.state, row.drift, InvoiceChunk.objects.count()) == ("ready", Decimal(0), 0)


def test_a_large_file_that_is_bad_says_why_and_may_come_again(company: Acme) -> None:
    data = b"day,cost,currency\n2026-06-01,x,USD\n"
    for _ in range(2):
        row, is_new = invoices.upload_invoice(
            organization=company.organization, actor=None, limit_bytes=MIB, at_once_bytes=10,
            upload=invoices.Upload(io.BytesIO(data), "bad.csv"),
        )  # fmt: skip
        assert is_new
        invoices.run_waiting()

    row.refresh_from_db()
    assert (row.state, InvoiceLine.objects.count(), InvoiceChunk.objects.count()) == ("failed", 0, 0)
    assert row.error == "Line 2: cost: 'x' is not a number. Nothing was stored."


def test_a_bad_file_that_another_process_reads_by_now_is_left_to_it(company: Acme) -> None:
    row, _ = invoices.upload_invoice(
        organization=company.organization, actor=None, limit_bytes=MIB, at_once_bytes=10,
        upload=invoices.Upload(io.BytesIO(b"day,cost,currency\n2026-06-01,x,USD\n"), "bad.csv"),
    )  # fmt: skip
    job = jobs.claim(invoices.KIND, str(row.pk), lease_s=-1)
    assert job is not None
    assert jobs.claim(invoices.KIND, str(row.pk), lease_s=60) is not None

    invoices._run(job)

    row.refresh_from_db()
    assert (row.state, InvoiceChunk.objects.count()) == ("queued", 1)


def test_late_usage_changes_the_comparison(company: Acme) -> None:
    row = upload(company, ledgers.costs(extra={1: TOKENS_OF_A_CALL}))
    assert causes(row) == [("outside", Decimal(3))]

    book_lines(ledgers.call(company, date(2026, 6, 2), hour=3))
    row = invoices.reconcile_invoice(invoice=row)

    assert (row.drift, row.causes) == (Decimal(0), [])


TOKENS_OF_A_CALL = dict(ledgers.TOKENS)


def test_recent_invoices_are_compared_again_once_a_day(company: Acme) -> None:
    row = upload(company, ledgers.costs())
    at = row.computed_at
    assert at is not None
    Invoice.objects.update(end=at.date(), start=at.date() - timedelta(days=1))

    assert invoices.refresh_recent(at + timedelta(hours=23)) == 0
    assert invoices.refresh_recent(at + timedelta(hours=25)) == 1
    assert invoices.refresh_recent(at + timedelta(days=60)) == 0


def test_an_invoice_that_cannot_be_compared_does_not_keep_the_others_from_it(company: Acme) -> None:
    bad, good = upload(company, ledgers.costs(days=3), "bad.json"), upload(company, ledgers.costs(), "good.json")
    at = good.computed_at
    assert at is not None
    Invoice.objects.update(end=at.date(), start=at.date() - timedelta(days=1))
    Invoice.objects.filter(pk=bad.pk).update(start=None)

    assert invoices.refresh_recent(at + timedelta(hours=25)) == 1
    good.refresh_from_db()
    assert good.computed_at is not None
    assert good.computed_at > at


def test_other_currencies_are_left_out_and_said(company: Acme) -> None:
    book_lines(ledgers.call(company, date(2026, 6, 2), currency="EUR"))

    row = upload(company, ledgers.costs())

    assert (row.drift, row.ledger) == (Decimal(0), Decimal(12))
    assert row.notes == [
        {"code": "rate_missing", "message": "3.00 EUR in the ledger are left out: no rate to USD is known."}
    ]


def test_a_dated_rate_brings_them_in(company: Acme) -> None:
    book_lines(ledgers.call(company, date(2026, 6, 2), currency="EUR"))
    row = upload(company, ledgers.costs())
    stated = NewRate("EUR", "USD", Decimal("1.25"), date(2026, 6, 2), "European Central Bank")
    state_rate(organization=company.organization, actor=None, stated=stated)

    row = invoices.reconcile_invoice(invoice=row)

    assert (row.ledger, row.notes) == (Decimal("15.75"), [])


def test_an_alert_is_one_reading_for_each_invoice(company: Acme) -> None:
    upload(company, ledgers.costs(), "fine.json")
    drifting = upload(company, ledgers.costs(extra={2: {"output": 250_000}}), "drift.json")
    upload(company, ledgers.costs(more=[ledgers.credit(6)]), "credit.json")
    rule = AlertRule(organization=company.organization, source="invoices")

    readings = {one.label: one for one in InvoiceSource().readings(rule, timezone.now())}

    assert {label: one.is_breached for label, one in readings.items()} == {
        "Invoice fine.json": False, "Invoice drift.json": True, "Invoice credit.json": False,
    }  # fmt: skip
    assert readings["Invoice drift.json"].subject == str(drifting.pk)
    assert readings["Invoice drift.json"].text == (
        "drift.json: 14.00 USD were billed and 12.00 are in the ledger, +2.00 (14.3 %). "
        "Mostly: calls outside of the gateway (+2.00)."
    )


def test_the_threshold_is_the_organizations(company: Acme) -> None:
    row = upload(company, ledgers.costs(extra={2: {"output": 250_000}}))
    assert invoices.exceeds(row, invoices.drift_policy_of(company.organization))

    policy = invoices.set_drift_policy(
        organization=company.organization, actor=None, percent=Decimal(5), minimum=Decimal(2)
    )

    assert not invoices.exceeds(row, policy)  # 2.00 is not above 2.00
    with pytest.raises(Invalid):
        invoices.set_drift_policy(
            organization=company.organization, actor=None, percent=Decimal(101), minimum=Decimal(0)
        )


def test_deleting_leaves_the_ledger(company: Acme) -> None:
    row = upload(company, ledgers.costs())

    invoices.delete_invoice(invoice=row, actor=company.people["adam"])

    assert (Invoice.objects.count(), InvoiceLine.objects.count()) == (0, 0)
    verbs = AuditEvent.objects.filter(verb__startswith="invoice").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["invoice.uploaded", "invoice.deleted"]


def test_comparing_takes_a_bounded_number_of_queries(company: Acme) -> None:
    row = upload(company, ledgers.costs())

    with CaptureQueriesContext(connection) as few:
        invoices.reconcile_invoice(invoice=row)

    book_lines(*(ledgers.call(company, date(2026, 6, 2), hour=hour) for hour in range(12)))
    with CaptureQueriesContext(connection) as many:
        invoices.reconcile_invoice(invoice=row)
    assert len(many) == len(few)


def test_comparing_does_not_lock_the_organization(company: Acme) -> None:
    row = upload(company, ledgers.costs())
    invoices.upload_invoice(
        organization=company.organization, actor=None, limit_bytes=MIB, at_once_bytes=10,
        upload=invoices.Upload(io.BytesIO(ledgers.costs(days=3)), "large.json"),
    )  # fmt: skip

    with CaptureQueriesContext(connection) as queries:
        invoices.reconcile_invoice(invoice=row)
        invoices.run_waiting()

    locks = [one["sql"] for one in queries if "FOR UPDATE" in one["sql"] and '"costs_invoice"' in one["sql"]]
    assert [sql.partition("FOR UPDATE")[2] for sql in locks] == [' OF "costs_invoice"'] * 2


def test_the_command_says_it_in_json(company: Acme, tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    path.write_bytes(ledgers.costs(extra={2: {"output": 250_000}}))
    out = StringIO()

    for _ in range(2):
        out = StringIO()
        call_command("reconcile_invoice", str(path), organization=company.organization.slug, json=True, stdout=out)

    told = json.loads(out.getvalue())
    assert (told["drift"], told["causes"][0]["kind"], len(told["cells"])) == ("2.0000000000", "outside", 4)
    with pytest.raises(CommandError, match="--map: 'day' is not FIELD=COLUMN"):
        call_command("reconcile_invoice", str(path), organization=company.organization.slug, map=["day"])
    path.write_text("day,cost,currency\n2026-06-01,x,USD\n")
    with pytest.raises(CommandError, match="Line 2"):
        call_command("reconcile_invoice", str(path), organization=company.organization.slug)


@pytest.mark.django_db(transaction=True)
def test_the_same_upload_twice_at_once_is_one_invoice() -> None:
    company = ledgers.company()
    found: list[Invoice] = []
    barrier = threading.Barrier(2)

    def send() -> None:
        barrier.wait()
        try:
            found.append(upload(company, ledgers.costs()))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({row.pk for row in found}) == 1
    assert (Invoice.objects.count(), Invoice.objects.get().state) == (1, InvoiceState.READY)
