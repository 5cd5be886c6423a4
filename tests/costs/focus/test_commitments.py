"""Commitments in the FOCUS export: fees are recognised in the calls that they cover, to the last digit."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.focus.rows import COLUMNS
from costs.focus.validator import validate
from costs.models import Commitment, ExchangeRate
from costs.services import commitments
from tests.costs.commitments.conftest import agreed
from tests.costs.focus.test_export import charge, rows_of
from tests.factories import Acme, book_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
DAY = datetime(2026, 3, 10, tzinfo=UTC)
NAMES = [column.name for column in COLUMNS]
INPUT, OUTPUT = (f"genai-prices@0.2.3:openai/gpt-4o:{meter}:initial" for meter in ("input", "output"))
"""2.5 and 10 USD for a million tokens, https://platform.openai.com/docs/pricing."""


def committed(company: Acme, **changes: Any) -> Commitment:
    """100 PTU at 1 USD an hour on 10 March 2026, booked: 2,400; three covered charges worth 400, 200 and 200 by the
    list, and a web search beside them that nothing covers."""
    type(company.provider).objects.update(price_list="openai")
    row = agreed(company, **({"starts_on": date(2026, 3, 10), "ends_on": date(2026, 3, 11)} | changes))
    commitments.book_days(row.pk, date(2026, 3, 11))
    made = charge("input", "160000000", "0", "0", f"commitment:{row.pk}:input:{INPUT}")
    told = charge("output", "20000000", "0", "0", f"commitment:{row.pk}:output:{OUTPUT}")
    seen = charge("input", "80000000", "0", "0", f"commitment:{row.pk}:input:{INPUT}")
    found = charge("web_search", "2", "0.01", "0.02")
    book_lines(
        line(company, at=DAY + timedelta(hours=1), charges=[made, told], cost=Decimal(0), list_cost=Decimal(600)),
        line(company, at=DAY + timedelta(hours=5), charges=[seen, found], cost=Decimal("0.02"), project=company.banner,
             list_cost=Decimal("200.02")),
    )  # fmt: skip
    return row


def figures(row: dict[str, str], *names: str) -> list[Any]:
    return [Decimal(row[name]) if row[name] else None for name in names]


def by_status(rows: list[dict[str, str]]) -> list[tuple[str, str, Decimal, Decimal, Decimal]]:
    """(category, status, billed, effective, quantity of the commitment) of the commitment's rows."""
    return sorted(
        (row["ChargeCategory"], row["CommitmentDiscountStatus"],
         *figures(row, "BilledCost", "EffectiveCost", "CommitmentDiscountQuantity"))
        for row in rows if row["CommitmentDiscountId"]
    )  # type: ignore[return-value]  # fmt: skip


def test_a_day_is_bought_used_and_unused(company: Acme) -> None:
    row = committed(company)

    rows = rows_of(company)

    # 2,400 − 400 − 200 − 200 = 1,600; 2,400 unit hours likewise
    assert by_status(rows) == [
        ("Purchase", "", 2400, 0, 2400), ("Usage", "Unused", 0, 1600, 1600), ("Usage", "Used", 0, 200, 200),
        ("Usage", "Used", 0, 200, 200), ("Usage", "Used", 0, 400, 400),
    ]  # fmt: skip
    assert validate(NAMES, rows, is_whole=True).violations == []
    bought = next(one for one in rows if one["ChargeCategory"] == "Purchase")
    about = ("CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountType", "CommitmentDiscountCategory",
             "CommitmentDiscountUnit", "ChargeFrequency", "PricingUnit", "ChargePeriodStart",
             "ChargePeriodEnd")  # fmt: skip
    assert [bought[name] for name in about] == [
        str(row.pk), "PTU", "Provisioned throughput", "Usage", "PTU-Hours", "Recurring", "PTU-Hours",
        "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z",
    ]  # fmt: skip


def test_covered_calls_keep_their_list_price(company: Acme) -> None:
    committed(company)

    rows = [row for row in rows_of(company) if row["CommitmentDiscountStatus"] == "Used"]

    output = next(row for row in rows if row["SkuMeter"] == "Output Tokens")
    assert figures(output, "ListUnitPrice", "ContractedUnitPrice", "ListCost", "ContractedCost", "BilledCost") == [
        10, 10, 200, 200, 0
    ]  # fmt: skip
    assert {row["PricingCategory"] for row in rows} == {"Committed"}
    assert sum(Decimal(row["ListCost"]) for row in rows) == 800


def test_calls_worth_more_than_the_fee_share_it(company: Acme) -> None:
    committed(company, amount=Decimal("0.01"))  # 24 a day

    rows = rows_of(company)

    assert [one[1:4] for one in by_status(rows)] == [("", 24, 0), ("Used", 0, 6), ("Used", 0, 6), ("Used", 0, 12)]
    assert validate(NAMES, rows, is_whole=True).violations == []


def test_shares_that_do_not_come_out_even_sum_to_the_fee(company: Acme) -> None:
    committed(company, kind="fixed_monthly", per="month", amount=Decimal("217e-10"), units=Decimal(1))  # 7e-10 a day

    rows = [row for row in rows_of(company) if row["CommitmentDiscountStatus"]]

    # 3.5, 1.75 and 1.75: whole units of 1e-10 that sum to seven of them
    parts = sorted(int(Decimal(row["EffectiveCost"]).scaleb(10)) for row in rows)
    assert (sum(parts), len(parts)) == (7, 3)
    assert parts[0] in (1, 2)
    assert parts[2] in (3, 4)


def test_billed_cost_stays_the_ledgers(company: Acme) -> None:
    committed(company)

    rows = rows_of(company)

    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("2400.02")
    assert sum(Decimal(row["EffectiveCost"]) for row in rows) == Decimal("2400.02")


def test_who_sees_a_team_sees_what_its_calls_carry(company: Acme) -> None:
    committed(company)

    rows = rows_of(company, "dave")  # Search, where the commitment is booked too

    assert by_status(rows) == [
        ("Purchase", "", 2400, 0, 2400), ("Usage", "Unused", 0, 1600, 1600), ("Usage", "Used", 0, 200, 200),
        ("Usage", "Used", 0, 400, 400),
    ]  # fmt: skip


def test_a_window_that_cuts_the_day_has_the_same_rows(company: Acme) -> None:
    committed(company)

    rows = rows_of(company, start="2026-03-10T04:00:00Z", end="2026-03-10T06:00:00Z")

    assert by_status(rows) == [("Usage", "Used", 0, 200, 200)]


def test_without_cover_it_is_a_purchase_of_its_own(company: Acme) -> None:
    type(company.provider).objects.update(price_list="openai")
    row = agreed(company, starts_on=date(2026, 3, 10), ends_on=date(2026, 3, 11), covers_calls=False,
                 kind="fixed_monthly", per="month", amount=Decimal(310), units=Decimal(1), unit_name="")  # fmt: skip
    commitments.book_days(row.pk, date(2026, 3, 11))

    (bought,) = rows_of(company)

    assert (bought["ChargeCategory"], bought["CommitmentDiscountId"], bought["PricingUnit"]) == ("Purchase", "", "Days")
    assert figures(bought, "BilledCost", "EffectiveCost", "ListCost") == [10, 10, 10]
    assert validate(NAMES, [bought], is_whole=True).violations == []


def test_a_fixed_amount_is_a_commitment_to_spend(company: Acme) -> None:
    committed(company, kind="fixed_monthly", per="month", amount=Decimal(31000), units=Decimal(1), unit_name="")

    rows = rows_of(company)

    assert by_status(rows)[:2] == [("Purchase", "", 1000, 0, 1000), ("Usage", "Unused", 0, 200, 200)]
    assert {row["CommitmentDiscountUnit"] for row in rows if row["CommitmentDiscountId"]} == {"USD"}
    assert validate(NAMES, rows, is_whole=True).violations == []


def test_calls_listed_in_another_currency_are_billed_in_the_commitments(company: Acme) -> None:
    committed(company, currency="EUR")
    ExchangeRate.objects.create(
        organization=None, base="EUR", quote="USD", source="Central bank", rate=Decimal("1.25"),
        valid_from=date(2026, 3, 1),
    )  # fmt: skip

    rows = rows_of(company)

    output = next(row for row in rows if row["SkuMeter"] == "Output Tokens")
    # 200 USD ÷ 1.25 = 160 EUR; 10 ÷ 1.25 = 8
    assert [output[name] for name in ("BillingCurrency", "PricingCurrency")] == ["EUR", "USD"]
    names = (
        "EffectiveCost",
        "PricingCurrencyEffectiveCost",
        "ListUnitPrice",
        "PricingCurrencyListUnitPrice",
        "ListCost",
    )
    assert figures(output, *names) == [160, 200, 8, 10, 160]
    assert by_status(rows)[1] == ("Usage", "Unused", 0, 1760, 1760)  # 2,400 − 640
    assert validate(NAMES, rows, is_whole=True).violations == []


def test_without_a_rate_the_fee_is_unused_and_the_file_says_so(company: Acme) -> None:
    committed(company, currency="EUR")

    rows = rows_of(company)

    assert by_status(rows)[:2] == [("Purchase", "", 2400, 0, 2400), ("Usage", "Unused", 0, 2400, 2400)]
    used = [row for row in rows if row["CommitmentDiscountStatus"] == "Used"]
    assert {(row["BillingCurrency"], row["EffectiveCost"]) for row in used} == {("USD", "0.0000000000")}
    assert validate(NAMES, rows, is_whole=True).violations == []


def test_every_row_billed_in_one_currency(company: Acme) -> None:
    euro = charge("image", "2", "0.04", "0.08", currency="EUR")
    book_lines(
        line(company, at=DAY, currency="EUR", charges=[euro], cost=Decimal("0.08"), list_cost=Decimal("0.08")),
        line(company, at=DAY, charges=[charge("image", "1", "0.04", "0.04")], cost=Decimal("0.04")),
    )
    ExchangeRate.objects.create(
        organization=company.organization, base="EUR", quote="USD", source="Contract", rate=Decimal("1.5"),
        valid_from=date(2026, 3, 1),
    )  # fmt: skip

    rows = rows_of(company, currency="usd")

    names = ("BilledCost", "EffectiveCost", "ListUnitPrice", "ListCost", "PricingCurrencyEffectiveCost")
    foreign = next(row for row in rows if row["PricingCurrency"] == "EUR")
    assert figures(foreign, *names) == [
        Decimal("0.12"),
        Decimal("0.12"),
        Decimal("0.06"),
        Decimal("0.12"),
        Decimal("0.08"),
    ]
    assert {row["BillingCurrency"] for row in rows} == {"USD"}
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("0.16")
    assert validate(NAMES, rows, is_whole=True).violations == []
