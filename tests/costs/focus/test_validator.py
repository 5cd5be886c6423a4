"""Every rule of the validator: kept by a good row, broken by a row made for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from costs.focus import columns as spec
from costs.focus.rules import RULES
from costs.focus.validator import EXAMPLES, FILE_RULES, validate

TAX: Mapping[str, str | None] = {"ChargeCategory": "Tax"}
BROKEN_BY_ATTRIBUTE: Mapping[str, str | None] = {
    "NotNull": "", "NumericFormat": "1,000", "DateTimeFormat": "2026-03-10 01:00:00", "KeyValueFormat": '{"a": [1]}',
    "JsonObjectFormat": "[1]", "NoPlaceholder": "N/A", "AllowedValues": "Something", "NonNegative": "-1",
    "NullForTax": None, "SetForUsage": "", "CurrencyFormat": "dollars", "UnitFormat": "tokens per call",
}  # fmt: skip
BROKEN: Mapping[str, Mapping[str, str | None]] = {
    "BillingPeriodEnd.AfterStart": {"BillingPeriodEnd": "2026-03-01T00:00:00Z"},
    "ChargePeriodEnd.AfterStart": {"ChargePeriodEnd": "2026-03-10T00:00:00Z"},
    "ChargeFrequency.NotUsageBasedPurchase": {"ChargeCategory": "Purchase"},
    "ConsumedQuantity.UsageOnly": {"ChargeCategory": "Adjustment"},
    "ListCost.Product": {"ListCost": "0.0026"},
    "ContractedCost.Product": {"ContractedCost": "0.0025000001"},
    "ContractedCost.Credit": {"ChargeCategory": "Credit", "BilledCost": "1"},
    "ListCost.Credit": {"ChargeCategory": "Credit", "BilledCost": "1"},
    "CommitmentDiscountStatus.SetForUsage": {"CommitmentDiscountId": "c"},
    "CommitmentDiscountQuantity.SetForUsage": {"CommitmentDiscountId": "c"},
    "CommitmentDiscountQuantity.UsageOrPurchase": {
        "CommitmentDiscountId": "c", "CommitmentDiscountQuantity": "1", "ChargeCategory": "Adjustment",
    },
    "EffectiveCost.CoveringPurchase": {"CommitmentDiscountId": "c", "ChargeCategory": "Purchase"},
    "BilledCost.Covered": {"CommitmentDiscountStatus": "Used"},
    "PricingCategory.Committed": {"CommitmentDiscountId": "c"},
    "ConsumedQuantity.NullForUnused": {"CommitmentDiscountStatus": "Unused"},
    "PricingCurrencyEffectiveCost.SameCurrency": {"PricingCurrencyEffectiveCost": "1"},
    "PricingCurrencyListUnitPrice.SameCurrency": {"PricingCurrencyListUnitPrice": "1"},
    "PricingCurrencyContractedUnitPrice.SameCurrency": {"PricingCurrencyContractedUnitPrice": "1"},
    "CapacityReservationStatus.SetForUsage": {"CapacityReservationId": "c"},
    "EffectiveCost.Uncovered": {"EffectiveCost": "0"},
    "ServiceSubcategory.Parent": {"ServiceCategory": "Compute"},
    "SkuPriceDetails.Keys": {"SkuPriceDetails": '{"Flavor": "x"}'},
    "SkuPriceDetails.TokenDirection": {"SkuPriceDetails": '{"TokenDirection": "Sideways"}'},
    "SkuPriceDetails.TokenCacheAction": {
        "SkuPriceDetails": '{"TokenCacheAction": "Read", "TokenDirection": "Output"}'
    },
}  # fmt: skip


def broken(rule_id: str) -> Mapping[str, str | None]:
    """What to change in the good row so that the rule is broken."""
    name, _, attribute = rule_id.partition(".")
    if rule_id in BROKEN:
        return BROKEN[rule_id]
    if attribute == "NullForTax":
        return TAX
    if attribute.startswith("NullWithout"):
        return {attribute.removeprefix("NullWithout"): "", name: "1"}
    if attribute.startswith("With"):
        return {attribute.removeprefix("With"): "1", name: ""}
    return {name: BROKEN_BY_ATTRIBUTE[attribute]}


def test_the_good_row_keeps_every_rule_and_has_every_column(row: dict[str, Any]) -> None:
    report = validate(list(row), [row, row])

    assert (report.violations, report.rows) == ([], 2)
    assert set(spec.BY_NAME) <= set(row)
    assert len({rule.id for rule in RULES} | set(FILE_RULES)) == len(RULES) + len(FILE_RULES)


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_a_row_that_breaks_the_rule_is_found(row: dict[str, Any], rule: str) -> None:
    report = validate(list(row), [row, {**row, **broken(rule)}])

    assert [one.row for one in report.violations if one.rule == rule] == [2]


@pytest.mark.parametrize("name", spec.MANDATORY)
def test_a_mandatory_column_that_is_missing_is_found(row: dict[str, Any], name: str) -> None:
    row.pop(name)

    report = validate(list(row), [row])

    assert [(one.rule, one.row) for one in report.violations] == [(f"{name}.Present", 0)]


@pytest.mark.parametrize(
    ("name", "rule"),
    [("ProviderName", "ProviderName.Removed"), ("PublisherName", "PublisherName.Removed"),
     ("CostCenter", "ColumnHandling.CustomPrefix"), ("BilledCost", "ColumnHandling.Unique")],
)  # fmt: skip
def test_columns_that_are_not_of_1_4_are_found(row: dict[str, Any], name: str, rule: str) -> None:
    report = validate([*row, name], [row])

    assert [one.rule for one in report.violations] == [rule]


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"SkuId": "other"}, "SkuPriceId.OneSkuId"),
     ({"SkuPriceDetails": '{"ModelId": "gpt-5"}'}, "SkuPriceDetails.Consistent")],
)  # fmt: skip
def test_rows_that_contradict_each_other_are_found(row: dict[str, Any], change: dict[str, str], rule: str) -> None:
    report = validate(list(row), [row, row | change])

    assert [(one.rule, one.row) for one in report.violations] == [(rule, 2)]


COMMITTED = {
    "CommitmentDiscountId": "c", "CommitmentDiscountCategory": "Usage", "CommitmentDiscountType": "Provisioned",
    "CommitmentDiscountQuantity": "1", "CommitmentDiscountUnit": "PTU-Hours", "BilledCost": "0",
}  # fmt: skip


@pytest.fixture
def day(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A commitment of 3: 2 of it used, 1 not; the list cost of what it covered is 0.0025."""
    bought = row | COMMITTED | {
        "ChargeCategory": "Purchase", "ChargeFrequency": "Recurring", "BilledCost": "3", "EffectiveCost": "0",
        "PricingCurrencyEffectiveCost": "0", "ConsumedQuantity": "", "ConsumedUnit": "",
    }  # fmt: skip
    used = row | COMMITTED | {
        "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed", "EffectiveCost": "2",
        "PricingCurrencyEffectiveCost": "2",
    }  # fmt: skip
    unused = used | {
        "CommitmentDiscountStatus": "Unused", "ConsumedQuantity": "", "ConsumedUnit": "", "EffectiveCost": "1",
        "PricingCurrencyEffectiveCost": "1",
    }  # fmt: skip
    return [bought, used, unused]


def test_a_whole_day_of_a_commitment_keeps_every_rule(day: list[dict[str, Any]]) -> None:
    assert validate(list(day[0]), day, is_whole=True).violations == []


def test_fees_that_are_not_recognised_are_found_in_a_whole_file_alone(day: list[dict[str, Any]]) -> None:
    part = day[:2]

    report = validate(list(part[0]), part, is_whole=True)

    assert [(one.rule, one.value) for one in report.violations] == [
        ("EffectiveCost.OfCommitment", "c: billed 3, effective 2"),
        ("EffectiveCost.OfFile", "USD: billed 3, effective 2"),
    ]  # fmt: skip
    assert validate(list(part[0]), part).violations == []


def test_a_commitment_is_counted_in_one_unit(day: list[dict[str, Any]]) -> None:
    day[1]["CommitmentDiscountUnit"] = "PTU-Months"

    report = validate(list(day[0]), day)

    assert [(one.rule, one.row) for one in report.violations] == [("CommitmentDiscountUnit.Consistent", 2)]


@pytest.mark.parametrize("value", ["+1", "1e3", "$1", "1 000", "1.", ".5", "--1", "NaN", "1/2"])
def test_numbers_are_plain_decimals(row: dict[str, Any], value: str) -> None:
    report = validate(list(row), [row | {"BilledCost": value}])

    assert report.counts["BilledCost.NumericFormat"] == 1


@pytest.mark.parametrize("value", ["2026-03-10T01:00:00+00:00", "2026-03-10", "2026-02-30T00:00:00Z", "10.03.2026"])
def test_times_are_utc_with_a_z(row: dict[str, Any], value: str) -> None:
    report = validate(list(row), [row | {"ChargePeriodStart": value}])

    assert report.counts["ChargePeriodStart.DateTimeFormat"] == 1


def test_corrections_may_lack_prices_and_half_a_last_place_is_rounding(row: dict[str, Any]) -> None:
    names = (
        "ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice",
        "PricingQuantity", "PricingUnit", "SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "PricingCategory",
        "ConsumedQuantity", "ConsumedUnit",
    )  # fmt: skip
    bare = dict.fromkeys(names, "")
    correction = row | bare | {"ChargeClass": "Correction"}
    price = dict.fromkeys(("ListUnitPrice", "PricingCurrencyListUnitPrice"), "2.50000005")
    rounded = row | price  # × 0.001 = 0.00250000005, half of the last place off

    assert validate(list(row), [correction, rounded]).violations == []


def test_all_violations_are_counted_and_some_are_told(row: dict[str, Any]) -> None:
    report = validate(list(row), [row | {"BilledCost": "x"}] * (EXAMPLES + 5))

    assert report.counts["BilledCost.NumericFormat"] == EXAMPLES + 5
    assert len([one for one in report.violations if one.rule == "BilledCost.NumericFormat"]) == EXAMPLES


def test_every_rule_is_documented() -> None:
    page = (Path(settings.BASE_DIR) / "docs/reference/focus.md").read_text()

    assert [one for one in (*(rule.id for rule in RULES), *FILE_RULES) if f"| `{one}` |" not in page] == []
