"""The FOCUS export: every cent of the ledger, in rows that keep every rule, of what its reader may see."""

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from analytics.exports import service
from analytics.exports.service import Asked
from costs.focus import reading
from costs.focus.rows import COLUMNS, qualifier
from costs.focus.validator import validate
from gateway.ledger.booking import derived_id
from gateway.models import LedgerLine
from gateway.services.errors import Invalid
from tests.factories import Acme, book_lines, line

DAY = datetime(2026, 3, 10, tzinfo=UTC)
WINDOW = {"start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}
LISTED = "genai-prices:openai/gpt-4o"


def charge(meter: str, quantity: str, price: str, cost: str, rate: str = "", currency: str = "USD") -> dict[str, str]:
    return {"meter": meter, "rate_id": rate or f"{LISTED}:{meter}:base", "quantity": quantity, "unit_price": price,
            "cost": cost, "currency": currency}  # fmt: skip


def at(hour: int, minute: int = 0) -> datetime:
    return DAY + timedelta(hours=hour, minutes=minute)


@pytest.fixture
def charged(company: Acme) -> Acme:
    """Two cached calls of one hour whose charges were rounded, a discounted one, one in euro, one without a price, an
    import whose file says its cost, an adjustment of a closed month, and a line that cost more than its charges."""
    cached: dict[str, Any] = {
        "charges": [
            charge("input", "333", "0.0000025", "0.0008325000"),
            charge("cache_read", "111", "0.00000125", "0.0001387500"),
            charge("cache_write_5m", "10", "0.000003125", "0.0000312500"),
            charge("output", "1", "0.00000000001", "0.0000000000"),
        ],
        "cost": Decimal("0.0010025"), "list_cost": Decimal("0.0010025"),
    }  # fmt: skip
    half = charge("input", "1000", "0.00000125", "0.00125", f"override:7:input:{LISTED}:input:base:gt200000")
    first = line(company, at=at(1, 5), **cached)
    back = line(
        company, at=at(1, 5), kind="adjustment", is_final=False, corrects=first["id"], cost=Decimal("-0.0008325"),
        list_cost=Decimal("-0.0008325"), charges=[charge("input", "-333", "0.0000025", "-0.0008325000")],
    )  # fmt: skip
    back["id"] = derived_id(first["id"], "truth")
    book_lines(
        first, back, line(company, at=at(1, 59), **cached),
        line(company, at=at(2), charges=[half], cost=Decimal("0.00125"), list_cost=Decimal("0.0025")),
        line(company, at=at(13), currency="EUR", charges=[charge("image", "2", "0.04", "0.08", currency="EUR")],
             cost=Decimal("0.08"), list_cost=Decimal("0.08"), project=company.banner),
        line(company, at=at(14), cost=None, list_cost=None, price_status="unpriced", charges=[half]),
        line(company, at=at(15), charges=[charge("stated", "1.5", "1", "1.5", "import:openai")], cost=Decimal("1.5"),
             list_cost=None),
        line(company, at=at(23, 59), cost=Decimal("0.01"), list_cost=Decimal("0.01"),
             charges=[charge("audio_second", "90", "0.0001", "0.009")], model_served="whisper-1"),
        line(company, at=at(24), cost=Decimal("9"), list_cost=Decimal("9"), charges=[charge("image", "9", "1", "9")]),
    )  # fmt: skip
    return company


def export(company: Acme, who: str = "alice", form: str = "csv", **window: str) -> bytes:
    user = company.people[who]
    job = service.request_export(
        organization=company.organization, user=user, asked=Asked("focus", form, WINDOW | window)
    )
    service.run_waiting()
    job.refresh_from_db()
    return b"".join(service.open_export(job=job, user=user)[1])


def rows_of(company: Acme, who: str = "alice", **window: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export(company, who, **window).decode("utf-8-sig"))))


def test_billed_cost_is_the_ledgers_by_currency(charged: Acme) -> None:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of(charged):
        sums[row["BillingCurrency"]] += Decimal(row["BilledCost"])

    lines = LedgerLine.objects.filter(started_at__gte=DAY, started_at__lt=at(24))
    ledger = dict(lines.values_list("currency").annotate(Sum("cost")).order_by())
    assert sums == ledger == {"USD": Decimal("1.5124225000"), "EUR": Decimal("0.0800000000")}


def test_no_row_breaks_a_rule(charged: Acme) -> None:
    rows = rows_of(charged)

    report = validate([column.name for column in COLUMNS], rows)

    assert (report.violations, report.rows) == ([], 10)
    names = [column.name for column in COLUMNS]
    assert names == [*sorted(names[:-4]), *sorted(names[-4:])]


def test_one_row_for_each_hour_key_model_meter_and_price(charged: Acme) -> None:
    rows = rows_of(charged)

    found = [(row["ChargePeriodStart"][11:13], row["SkuMeter"], row["ConsumedQuantity"], row["BilledCost"],
              row["ChargeClass"]) for row in rows]  # fmt: skip
    assert sorted(found) == [
        ("01", "Cache Read Input Tokens", "222", "0.0002775000", ""),
        ("01", "Cache Write Input Tokens, 5 Minutes", "20", "0.0000625000", ""),
        ("01", "Input Tokens", "-333", "-0.0008325000", "Correction"),
        ("01", "Input Tokens", "666", "0.0016650000", ""),
        ("01", "Output Tokens", "2", "0.0000000000", ""),
        ("02", "Input Tokens", "1000", "0.00125", ""),
        ("13", "Images", "2", "0.08", ""),
        ("15", "Stated Cost", "1.5", "1.5", ""),
        ("23", "", "", "0.0010000000", ""),
        ("23", "Audio Duration", "90", "0.009", ""),
    ]


def test_tokens_are_told_apart(charged: Acme) -> None:
    details = {row["SkuMeter"]: json.loads(row["SkuPriceDetails"] or "{}") for row in rows_of(charged)}

    model = {"ModelDeveloper": "OpenAI", "ModelFamily": "GPT", "ModelId": "gpt-4o"}
    assert details["Input Tokens"] == {**model, "TokenDirection": "Input", "TokenCacheAction": "Uncached"}
    assert details["Cache Read Input Tokens"] == {**model, "TokenDirection": "Input", "TokenCacheAction": "Read"}
    assert details["Output Tokens"] == {**model, "TokenDirection": "Output"}
    assert details["Images"] == model
    assert details["Audio Duration"] == {"ModelDeveloper": "OpenAI", "ModelFamily": "Whisper", "ModelId": "whisper-1"}


def test_prices_are_those_of_the_pricing_unit_and_a_contract_keeps_the_list_beside_it(charged: Acme) -> None:
    names = ("PricingUnit", "PricingQuantity", "ListUnitPrice", "ContractedUnitPrice", "ListCost", "ContractedCost")
    rows = rows_of(charged)
    discounted = next(row for row in rows if row["ChargePeriodStart"][11:13] == "02")
    audio = next(row for row in rows if row["SkuMeter"] == "Audio Duration")

    assert [discounted["PricingUnit"], *(Decimal(discounted[name]) for name in names[1:])] == [
        "1000000 Tokens", Decimal("0.001"), Decimal("2.5"), Decimal("1.25"), Decimal("0.0025"), Decimal("0.00125")
    ]  # fmt: skip
    assert discounted["SkuPriceId"] == "upstream/gpt-4o/input/base:gt200000"
    assert [audio["PricingUnit"], audio["ConsumedUnit"], *(Decimal(audio[name]) for name in names[1:4])] == [
        "Minutes", "Seconds", Decimal("1.5"), Decimal("0.006"), Decimal("0.006")
    ]  # fmt: skip


def test_a_correction_of_a_closed_month_is_billed_in_the_month_of_its_booking(charged: Acme) -> None:
    rows = [row for row in rows_of(charged) if row["ChargeClass"]]

    booked = LedgerLine.objects.get(kind="adjustment").booked_at.astimezone(UTC)
    assert [(row["BillingPeriodStart"], row["ChargePeriodStart"]) for row in rows] == [
        (f"{booked:%Y-%m}-01T00:00:00Z", "2026-03-10T01:00:00Z")
    ]


def test_what_charges_do_not_explain_is_an_adjustment(charged: Acme) -> None:
    row = next(row for row in rows_of(charged) if row["ChargeCategory"] == "Adjustment")

    assert (row["BilledCost"], row["ListCost"], row["SkuPriceId"], row["ConsumedQuantity"]) == (
        "0.0010000000", "0.0010000000", "", ""
    )  # fmt: skip


def test_who_sees_what(charged: Acme) -> None:
    teams = {who: {row["SubAccountName"] for row in rows_of(charged, who)} for who in ("carol", "dave", "bob")}

    assert teams == {"carol": {"Search", "Ads"}, "dave": {"Search"}, "bob": {"Search"}}


def test_the_file_names_team_key_and_project(charged: Acme) -> None:
    row = next(row for row in rows_of(charged) if row["SkuMeter"] == "Cache Read Input Tokens")

    names = ("BillingAccountName", "SubAccountId", "ResourceId", "ResourceType", "x_ProjectName", "x_RequestCount")
    assert [row[name] for name in names] == [
        "Acme", str(charged.search.pk), str(charged.keys["bob"].pk), "API Key", charged.assistant.name, "2"
    ]  # fmt: skip
    assert json.loads(row["Tags"]) == {"gateway:project": charged.assistant.name, "gateway:team": "Search"}


def test_the_command_agrees_and_finds_a_broken_cell(charged: Acme, tmp_path: Path, capsys: Any) -> None:
    good, bad, lines = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "good.ndjson"
    good.write_bytes(content := export(charged))
    bad.write_bytes(content.replace(b"Usage-Based", b"Sometimes", 1))
    lines.write_bytes(export(charged, form="ndjson"))

    call_command("validate_focus", str(good))
    call_command("validate_focus", str(lines))

    assert capsys.readouterr().out.count(" 0 violations.") == 2
    with pytest.raises(CommandError, match="1 violations of 1 rules"):
        call_command("validate_focus", str(bad), "--json")
    assert json.loads(capsys.readouterr().out)["counts"] == {"ChargeFrequency.AllowedValues": 1}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("x.csv", b"", "it has no header"), ("x.csv", b"a,b\n1\n", "another number of values"),
     ("x.csv", b"\xff\xfe", "not in UTF-8"), ("x.ndjson", b"[1]\n", "no JSON object"),
     ("x.ndjson", b"{\n", "no JSON"), ("x.xlsx", b"", r"named \*.csv")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(CommandError, match=said):
        call_command("validate_focus", str(path))


@pytest.mark.parametrize(
    ("form", "question", "code"),
    [("csv", {"start": WINDOW["start"]}, "field_invalid"), ("csv", {**WINDOW, "team": "x"}, "filter_unknown"),
     ("csv", {"start": WINDOW["end"], "end": WINDOW["start"]}, "empty_window"), ("xlsx", WINDOW, "unknown_format")],
)  # fmt: skip
def test_a_question_without_an_answer_is_refused(company: Acme, form: str, question: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        service.request_export(
            organization=company.organization, user=company.people["alice"], asked=Asked("focus", form, question)
        )

    assert refused.value.code == code


def test_windows_are_read_in_parts_that_meet() -> None:
    start, end = at(5, 30), at(13)

    assert list(reading.slices(start, end)) == [(start, at(6)), (at(6), at(12)), (at(12), end)]


@pytest.mark.parametrize(
    ("rate", "found"),
    [(f"{LISTED}:input:base", "base"), (f"{LISTED}:input:initial", "standard"),
     (f"{LISTED}:input:2026-06-01:flex:gt200000", "flex:gt200000"), (f"{LISTED}:input:region=eu", "region=eu"),
     ("override:7:input", "standard"), (f"override:7:input:{LISTED}:input:base", "base"), ("import:openai", "standard"),
     ("", "standard")],
)  # fmt: skip
def test_a_price_is_named_without_source_and_contract(rate: str, found: str) -> None:
    assert qualifier(rate, "input") == found
