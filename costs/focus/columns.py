"""Columns of the FOCUS 1.4 Cost and Usage dataset: level, null, type, allowed values. Pure data.

Source: FOCUS_Spec, `specification/datasets/cost_and_usage/columns/<column>.md`, "Content Constraints".
"""

from dataclasses import dataclass
from typing import Literal

Type = Literal["String", "Decimal", "Date/Time", "JSON", "Object"]
"""`Object`: JSON whose values may be objects and arrays; `JSON`: flat key-value pairs."""


@dataclass(frozen=True, slots=True)
class FocusColumn:
    """One column. `is_mandatory`: it is in every file; others depend on what the provider offers."""

    name: str
    type: Type = "String"
    is_mandatory: bool = False
    is_nullable: bool = True
    values: tuple[str, ...] = ()
    is_unit_price: bool = False


def _must(name: str, type: Type = "String", *, null: bool = False, values: tuple[str, ...] = ()) -> FocusColumn:
    return FocusColumn(name, type, is_mandatory=True, is_nullable=null, values=values)


def _price(name: str) -> FocusColumn:
    return FocusColumn(name, "Decimal", is_unit_price=True)


SUBCATEGORIES = {
    "AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing",
    "Other (AI and Machine Learning)",
}  # fmt: skip
"""Those whose one parent is `AI and Machine Learning`."""
AI = "AI and Machine Learning"
CATEGORIES = (
    AI, "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools", "Identity", "Integration",
    "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile", "Multicloud", "Networking",
    "Other", "Security", "Storage", "Web",
)  # fmt: skip
COLUMNS = (
    FocusColumn("AllocatedMethodDetails", "Object"),
    FocusColumn("AllocatedMethodId"),
    FocusColumn("AllocatedResourceId"),
    FocusColumn("AllocatedResourceName"),
    FocusColumn("AllocatedTags", "JSON"),
    FocusColumn("AvailabilityZone"),
    _must("BilledCost", "Decimal"),
    _must("BillingAccountId"),
    _must("BillingAccountName", null=True),
    FocusColumn("BillingAccountType"),
    _must("BillingCurrency"),
    _must("BillingPeriodEnd", "Date/Time"),
    _must("BillingPeriodStart", "Date/Time"),
    FocusColumn("CapacityReservationId"),
    FocusColumn("CapacityReservationStatus", values=("Used", "Unused")),
    _must("ChargeCategory", values=("Usage", "Purchase", "Tax", "Credit", "Adjustment")),
    _must("ChargeClass", null=True, values=("Correction",)),
    _must("ChargeDescription", null=True),
    FocusColumn("ChargeFrequency", is_nullable=False, values=("One-Time", "Recurring", "Usage-Based")),
    _must("ChargePeriodEnd", "Date/Time"),
    _must("ChargePeriodStart", "Date/Time"),
    FocusColumn("CommitmentDiscountCategory", values=("Spend", "Usage")),
    FocusColumn("CommitmentDiscountId"),
    FocusColumn("CommitmentDiscountName"),
    FocusColumn("CommitmentDiscountQuantity", "Decimal"),
    FocusColumn("CommitmentDiscountStatus", values=("Used", "Unused")),
    FocusColumn("CommitmentDiscountType"),
    FocusColumn("CommitmentDiscountUnit"),
    FocusColumn("CommitmentProgramEligibilityDetails", "Object"),
    FocusColumn("ConsumedQuantity", "Decimal"),
    FocusColumn("ConsumedUnit"),
    FocusColumn("ContractApplied", "Object"),
    _must("ContractedCost", "Decimal"),
    _price("ContractedUnitPrice"),
    _must("EffectiveCost", "Decimal"),
    _must("HostProviderName"),
    FocusColumn("InvoiceDetailId"),
    FocusColumn("InvoiceId"),
    _must("InvoiceIssuerName"),
    _must("ListCost", "Decimal"),
    _price("ListUnitPrice"),
    FocusColumn("PricingCategory", values=("Standard", "Dynamic", "Committed", "Other")),
    FocusColumn("PricingCurrency", is_nullable=False),
    _price("PricingCurrencyContractedUnitPrice"),
    FocusColumn("PricingCurrencyEffectiveCost", "Decimal", is_nullable=False),
    _price("PricingCurrencyListUnitPrice"),
    _must("PricingQuantity", "Decimal", null=True),
    _must("PricingUnit", null=True),
    FocusColumn("RegionId"),
    FocusColumn("RegionName"),
    FocusColumn("ResourceId"),
    FocusColumn("ResourceName"),
    FocusColumn("ResourceType"),
    _must("ServiceCategory", values=CATEGORIES),
    _must("ServiceName"),
    _must("ServiceProviderName"),
    FocusColumn("ServiceSubcategory", is_nullable=False),
    FocusColumn("SkuId"),
    FocusColumn("SkuMeter"),
    FocusColumn("SkuPriceDetails", "JSON"),
    FocusColumn("SkuPriceId"),
    FocusColumn("SubAccountId"),
    FocusColumn("SubAccountName"),
    FocusColumn("SubAccountType"),
    FocusColumn("Tags", "JSON"),
)
BY_NAME = {column.name: column for column in COLUMNS}
MANDATORY = tuple(column.name for column in COLUMNS if column.is_mandatory)
REMOVED = ("ProviderName", "PublisherName")
"""Deprecated in 1.3, gone in 1.4."""
DETAILS = frozenset({
    "CoreCount", "DiskMaxIops", "DiskSpace", "DiskType", "GpuCount", "InstanceType", "InstanceSeries", "MemorySize",
    "NetworkMaxIops", "NetworkMaxThroughput", "OperatingSystem", "Redundancy", "StorageClass",
})  # fmt: skip
"""Keys of SkuPriceDetails that 1.4 defines."""
AI_DETAILS = frozenset({
    "ModelDeveloper", "ModelFamily", "ModelId", "ModelVersion", "TokenCacheAction", "TokenDirection",
})  # fmt: skip
"""Keys that the draft of 1.5 defines."""
CACHE_ACTIONS = frozenset({"Uncached", "Read", "Write", "Other"})
DIRECTIONS = frozenset({"Input", "Output"})
