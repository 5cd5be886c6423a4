"""The rules of FOCUS 1.4 Cost and Usage that a file alone can prove or break. Pure.

Each rule quotes one requirement of the specification and names its section. Those about documents, deliveries,
invoices and intent ("MUST reflect negotiated pricing terms") are not decidable from rows and are not here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from costs.focus import columns as spec
from costs.focus import values as v
from costs.focus.columns import FocusColumn
from costs.focus.values import Row

Check = Callable[[Row], bool]
TOLERANCE = Decimal("0.5e-10")
"""Half of the last decimal place that costs are kept with: a product may be rounded to it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`holds(row)` is true when the row keeps it. `columns`: the rule is asked only where the file has all of them."""

    id: str
    section: str
    text: str
    columns: tuple[str, ...]
    holds: Check


# ---- one column ----------------------------------------------------------------------------------------------------
def _of_column(column: FocusColumn) -> Iterator[Rule]:
    name, only = column.name, (column.name,)
    if not column.is_nullable:
        yield Rule(f"{name}.NotNull", name, f"{name} MUST NOT be null.", only, lambda row: row[name] is not None)
    if form := _FORMS.get(column.type):
        attribute, test = form
        yield Rule(
            f"{name}.{attribute}", f"{name}, {attribute}", f"{name} MUST conform to {attribute} requirements.", only,
            lambda row: row[name] is None or test(row[name]),
        )  # fmt: skip
    if column.type == "String" and not column.values and name != "HostProviderName":
        yield Rule(
            f"{name}.NoPlaceholder", f"{name}, NullHandling",
            f"{name} MUST NOT contain empty strings or placeholder strings for absent values.", only,
            lambda row: row[name] is None or _says_something(row[name]),
        )  # fmt: skip
    if column.values:
        yield Rule(
            f"{name}.AllowedValues", name, f"{name} MUST be one of the allowed values.", only,
            lambda row: row[name] is None or row[name] in column.values,
        )  # fmt: skip
    if column.is_unit_price:
        yield Rule(
            f"{name}.NonNegative", name, f"{name} MUST be a non-negative decimal value.", only,
            lambda row: not (row[name] or "").startswith("-"),
        )  # fmt: skip


def _says_something(text: str | None) -> bool:
    return bool(text) and str(text).strip().lower() not in v.PLACEHOLDERS | {""}


_FORMS: dict[str, tuple[str, Callable[[str | None], bool]]] = {
    "Decimal": ("NumericFormat", lambda text: v.is_number(text or "")),
    "Date/Time": ("DateTimeFormat", lambda text: v.is_time(text or "")),
    "JSON": ("KeyValueFormat", lambda text: v.is_key_values(text or "")),
    "Object": ("JsonObjectFormat", lambda text: v.is_object(text or "")),
}


# ---- between columns -----------------------------------------------------------------------------------------------
def _null_with(name: str, other: str) -> Rule:
    return Rule(
        f"{name}.NullWithout{other}", name, f"{name} MUST be null when {other} is null.", (name, other),
        lambda row: row[other] is not None or row[name] is None,
    )  # fmt: skip


def _set_with(name: str, other: str) -> Rule:
    return Rule(
        f"{name}.With{other}", name, f"{name} MUST NOT be null when {other} is not null.", (name, other),
        lambda row: row[other] is None or row[name] is not None,
    )  # fmt: skip


def _null_for_tax(name: str) -> Rule:
    return Rule(
        f"{name}.NullForTax", name, f'{name} MUST be null when ChargeCategory is "Tax".', (name, "ChargeCategory"),
        lambda row: row["ChargeCategory"] != "Tax" or row[name] is None,
    )  # fmt: skip


def _set_for_usage(name: str) -> Rule:
    return Rule(
        f"{name}.SetForUsage", name,
        f'{name} MUST NOT be null when ChargeCategory is "Usage" or "Purchase" and ChargeClass is not "Correction".',
        (name, "ChargeCategory", "ChargeClass"),
        lambda row: not _is_regular(row) or row[name] is not None,
    )  # fmt: skip


def _is_regular(row: Row) -> bool:
    return row["ChargeCategory"] in ("Usage", "Purchase") and row["ChargeClass"] != "Correction"


def _product(cost: str, price: str) -> Rule:
    return Rule(
        f"{cost}.Product", cost,
        f"{cost} MUST equal the product of {price} and PricingQuantity when {price} is not null and PricingQuantity "
        "is not null.",
        (cost, price, "PricingQuantity"),
        lambda row: _is_product(row[cost], row[price], row["PricingQuantity"]),
    )  # fmt: skip


def _is_product(cost: str | None, price: str | None, quantity: str | None) -> bool:
    found = v.number(cost), v.number(price), v.number(quantity)
    if None in found:
        return True
    total, one, amount = (value for value in found if value is not None)
    return abs(total - one * amount) <= TOLERANCE


def _before(start: str, end: str, section: str) -> Rule:
    return Rule(
        f"{end}.AfterStart", section, f"{end} MUST be the exclusive end bound: later than {start}.", (start, end),
        lambda row: _is_before(row[start], row[end]),
    )  # fmt: skip


def _is_before(start: str | None, end: str | None) -> bool:
    first, last = v.moment(start), v.moment(end)
    return first is None or last is None or first < last


def _same(left: str | None, right: str | None) -> bool:
    first, second = v.number(left), v.number(right)
    return first is None or second is None or first == second


def _currency(name: str) -> Rule:
    return Rule(
        f"{name}.CurrencyFormat", f"{name}, CurrencyFormat",
        f"{name} MUST be a three-letter alphabetic code of ISO 4217 for a national currency.", (name,),
        lambda row: row[name] is None or v.is_currency(row[name] or ""),
    )  # fmt: skip


def _unit(name: str) -> Rule:
    return Rule(
        f"{name}.UnitFormat", f"{name}, UnitFormat", f"{name} SHOULD conform to UnitFormat requirements.", (name,),
        lambda row: row[name] is None or v.is_unit(row[name] or ""),
    )  # fmt: skip


def _set_for_used(name: str, other: str) -> Rule:
    return Rule(
        f"{name}.SetForUsage", name,
        f'{name} MUST NOT be null when {other} is not null and ChargeCategory is "Usage".',
        (name, other, "ChargeCategory"),
        lambda row: row[other] is None or row["ChargeCategory"] != "Usage" or row[name] is not None,
    )  # fmt: skip


def _same_currency(name: str, other: str) -> Rule:
    return Rule(
        f"{name}.SameCurrency", name,
        f"{name} MUST be denominated in the PricingCurrency (judged where that is the BillingCurrency: it is {other}).",
        (name, other, "PricingCurrency", "BillingCurrency"),
        lambda row: row["PricingCurrency"] != row["BillingCurrency"] or _same(row[name], row[other]),
    )  # fmt: skip


def _equals_for_credit(name: str) -> Rule:
    return Rule(
        f"{name}.Credit", name, f'{name} MUST equal BilledCost when ChargeCategory is "Credit".',
        (name, "BilledCost", "ChargeCategory"),
        lambda row: row["ChargeCategory"] != "Credit" or _same(row[name], row["BilledCost"]),
    )  # fmt: skip


_PRICES = (
    "ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice",
)  # fmt: skip
_PRICED = (*_PRICES, "PricingQuantity")
_COMMITTED = ("CommitmentDiscountCategory", "CommitmentDiscountType")
_COMMITTED_MAYBE = ("CommitmentDiscountName", "CommitmentDiscountStatus")
_BETWEEN = (
    _currency("BillingCurrency"),
    _currency("PricingCurrency"),
    _unit("ConsumedUnit"),
    _unit("PricingUnit"),
    _unit("CommitmentDiscountUnit"),
    _before("BillingPeriodStart", "BillingPeriodEnd", "BillingPeriodEnd"),
    _before("ChargePeriodStart", "ChargePeriodEnd", "ChargePeriodEnd"),
    Rule(
        "ChargeFrequency.NotUsageBasedPurchase", "ChargeFrequency",
        'ChargeFrequency MUST NOT be "Usage-Based" when ChargeCategory is "Purchase".',
        ("ChargeFrequency", "ChargeCategory"),
        lambda row: (row["ChargeCategory"], row["ChargeFrequency"]) != ("Purchase", "Usage-Based"),
    ),
    *(_null_with(name, "SkuPriceId") for name in (*_PRICED, "PricingCategory", "ConsumedQuantity", "SkuPriceDetails")),
    *(_null_for_tax(name) for name in (*_PRICED, "PricingCategory", "SkuId", "SkuPriceId")),
    *(_set_for_usage(name) for name in (*_PRICED, "PricingCategory", "SkuId", "SkuPriceId")),
    *(_set_with(name, "SkuPriceId") for name in _PRICES),
    _null_with("SkuMeter", "SkuId"),
    _null_with("PricingUnit", "PricingQuantity"),
    _set_with("PricingUnit", "PricingQuantity"),
    _null_with("ConsumedUnit", "ConsumedQuantity"),
    _set_with("ConsumedUnit", "ConsumedQuantity"),
    Rule(
        "ConsumedQuantity.UsageOnly", "ConsumedQuantity",
        'ConsumedQuantity MUST be null when ChargeCategory is not "Usage".', ("ConsumedQuantity", "ChargeCategory"),
        lambda row: row["ChargeCategory"] == "Usage" or row["ConsumedQuantity"] is None,
    ),
    Rule(
        "ConsumedQuantity.SetForUsage", "ConsumedQuantity",
        'ConsumedQuantity MUST NOT be null when ChargeCategory is "Usage", CommitmentDiscountStatus is not "Unused" '
        'and ChargeClass is not "Correction".', ("ConsumedQuantity", "ChargeCategory", "ChargeClass"),
        lambda row: row["ChargeCategory"] != "Usage" or row["ChargeClass"] == "Correction"
        or row.get("CommitmentDiscountStatus") == "Unused" or row["ConsumedQuantity"] is not None,
    ),
    _null_with("SubAccountName", "SubAccountId"),
    _set_with("SubAccountName", "SubAccountId"),
    _null_with("SubAccountType", "SubAccountId"),
    _set_with("SubAccountType", "SubAccountId"),
    _null_with("AllocatedResourceName", "AllocatedResourceId"),
    _set_with("AllocatedResourceName", "AllocatedResourceId"),
    _null_with("ResourceName", "ResourceId"),
    _null_with("ResourceType", "ResourceId"),
    _set_with("ResourceType", "ResourceId"),
    _null_with("RegionName", "RegionId"),
    _set_with("RegionName", "RegionId"),
    *(_null_with(name, "CommitmentDiscountId") for name in (*_COMMITTED, *_COMMITTED_MAYBE)),
    *(_set_with(name, "CommitmentDiscountId") for name in _COMMITTED),
    _set_for_used("CommitmentDiscountStatus", "CommitmentDiscountId"),
    _null_with("CommitmentDiscountQuantity", "SkuPriceId"),
    _null_with("CommitmentDiscountQuantity", "CommitmentDiscountId"),
    Rule(
        "CommitmentDiscountQuantity.SetForUsage", "CommitmentDiscountQuantity",
        'CommitmentDiscountQuantity MUST NOT be null when ChargeCategory is "Usage" or "Purchase", '
        'CommitmentDiscountId is not null and ChargeClass is not "Correction".',
        ("CommitmentDiscountQuantity", "CommitmentDiscountId", "ChargeCategory", "ChargeClass"),
        lambda row: not _is_regular(row) or row["CommitmentDiscountId"] is None
        or row["CommitmentDiscountQuantity"] is not None,
    ),
    Rule(
        "CommitmentDiscountQuantity.UsageOrPurchase", "CommitmentDiscountQuantity",
        'CommitmentDiscountQuantity MUST be null when ChargeCategory is neither "Usage" nor "Purchase".',
        ("CommitmentDiscountQuantity", "ChargeCategory"),
        lambda row: row["ChargeCategory"] in ("Usage", "Purchase") or row["CommitmentDiscountQuantity"] is None,
    ),
    _null_with("CommitmentDiscountUnit", "CommitmentDiscountQuantity"),
    _set_with("CommitmentDiscountUnit", "CommitmentDiscountQuantity"),
    _null_with("CapacityReservationStatus", "CapacityReservationId"),
    _set_for_used("CapacityReservationStatus", "CapacityReservationId"),
    _product("ListCost", "ListUnitPrice"),
    _product("ContractedCost", "ContractedUnitPrice"),
    _equals_for_credit("ListCost"),
    _equals_for_credit("ContractedCost"),
    Rule(
        "EffectiveCost.Uncovered", "EffectiveCost",
        "EffectiveCost MUST match the BilledCost in scenarios where this charge is not covering other eligible charges "
        'or is not covered by other eligible charges (judged where ChargeCategory is "Usage" and no commitment is '
        "applied).", ("EffectiveCost", "BilledCost", "ChargeCategory"),
        lambda row: row["ChargeCategory"] != "Usage" or row.get("CommitmentDiscountId") is not None
        or row.get("ContractApplied") is not None or _same(row["EffectiveCost"], row["BilledCost"]),
    ),
    Rule(
        "EffectiveCost.CoveringPurchase", "EffectiveCost",
        'EffectiveCost MUST be 0 when ChargeCategory is "Purchase" and the purchase is intended to cover related '
        "eligible charges (judged where CommitmentDiscountId is not null).",
        ("EffectiveCost", "ChargeCategory", "CommitmentDiscountId"),
        lambda row: row["ChargeCategory"] != "Purchase" or row["CommitmentDiscountId"] is None
        or _same(row["EffectiveCost"], "0"),
    ),
    Rule(
        "BilledCost.Covered", "BilledCost",
        "BilledCost MUST NOT include any portion covered by related purchase charges (judged where "
        "CommitmentDiscountStatus is not null: it is 0).", ("BilledCost", "CommitmentDiscountStatus"),
        lambda row: row["CommitmentDiscountStatus"] is None or _same(row["BilledCost"], "0"),
    ),
    Rule(
        "PricingCategory.Committed", "PricingCategory",
        'PricingCategory MUST be "Committed" when the charge is subject to an existing commitment discount and is not '
        'the purchase of the commitment discount (judged where ChargeCategory is "Usage").',
        ("PricingCategory", "ChargeCategory", "CommitmentDiscountId"),
        lambda row: row["ChargeCategory"] != "Usage" or row["CommitmentDiscountId"] is None
        or row["PricingCategory"] in (None, "Committed"),
    ),
    Rule(
        "ConsumedQuantity.NullForUnused", "ConsumedQuantity (1.5 draft)",
        'ConsumedQuantity MUST be null when ChargeCategory is "Usage" and CommitmentDiscountStatus is "Unused".',
        ("ConsumedQuantity", "ChargeCategory", "CommitmentDiscountStatus"),
        lambda row: (row["ChargeCategory"], row["CommitmentDiscountStatus"]) != ("Usage", "Unused")
        or row["ConsumedQuantity"] is None,
    ),
    _same_currency("PricingCurrencyEffectiveCost", "EffectiveCost"),
    _same_currency("PricingCurrencyListUnitPrice", "ListUnitPrice"),
    _same_currency("PricingCurrencyContractedUnitPrice", "ContractedUnitPrice"),
    Rule(
        "ServiceSubcategory.Parent", "ServiceSubcategory",
        "ServiceSubcategory MUST have one and only one parent ServiceCategory as specified in the allowed values.",
        ("ServiceSubcategory", "ServiceCategory"),
        lambda row: spec.PARENTS.get(row["ServiceSubcategory"] or "", row["ServiceCategory"]) == row["ServiceCategory"],
    ),
    Rule(
        "SkuPriceDetails.Keys", "SkuPriceDetails",
        'Property key MUST begin with the string "x_" unless it is a FOCUS-defined property (those of the 1.5 draft '
        "count as defined).", ("SkuPriceDetails",),
        lambda row: all(map(_is_known_detail, v.key_values(row["SkuPriceDetails"]))),
    ),
    Rule(
        "SkuPriceDetails.TokenDirection", "SkuPriceDetails (1.5 draft)",
        'TokenDirection MUST be "Input" or "Output", and MUST NOT be included when the SKU Price is not metered in '
        "tokens.", ("SkuPriceDetails", "PricingUnit"),
        lambda row: _is_token_property(row, "TokenDirection", spec.DIRECTIONS),
    ),
    Rule(
        "SkuPriceDetails.TokenCacheAction", "SkuPriceDetails (1.5 draft)",
        'TokenCacheAction MUST be "Uncached", "Read", "Write" or "Other", and MUST NOT be included when the SKU Price '
        "does not meter tokens consumed from a request.", ("SkuPriceDetails", "PricingUnit"),
        lambda row: _is_token_property(row, "TokenCacheAction", spec.CACHE_ACTIONS)
        and not {"TokenCacheAction", ("TokenDirection", "Output")} <= _said(row),
    ),
)  # fmt: skip


def _is_known_detail(key: str) -> bool:
    return key.startswith("x_") or key in spec.DETAILS or key in spec.AI_DETAILS


def _is_token_property(row: Row, name: str, allowed: frozenset[str]) -> bool:
    found = v.key_values(row["SkuPriceDetails"])
    return name not in found or (found[name] in allowed and (row["PricingUnit"] or "").endswith("Tokens"))


def _said(row: Row) -> set[object]:
    """The keys and the pairs of SkuPriceDetails."""
    found = v.key_values(row["SkuPriceDetails"])
    return {*found, *((key, value) for key, value in found.items() if isinstance(value, str))}


RULES: tuple[Rule, ...] = (*(rule for column in spec.COLUMNS for rule in _of_column(column)), *_BETWEEN)
