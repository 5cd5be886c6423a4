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


AI = "AI and Machine Learning"
_SERVICES = {
    AI: "AI Platforms|Bots|Generative AI|Machine Learning|Natural Language Processing",
    "Analytics": "Analytics Platforms|Business Intelligence|Data Processing|Search|Streaming Analytics",
    "Business Applications": "Productivity and Collaboration",
    "Compute": "Containers|End User Computing|Quantum Compute|Serverless Compute|Virtual Machines",
    "Databases": "Caching|Data Warehouses|Ledger Databases|NoSQL Databases|Relational Databases|Time Series Databases",
    "Developer Tools": "Developer Platforms|Continuous Integration and Deployment|Development Environments|"
    "Source Code Management|Quality Assurance",
    "Identity": "Identity and Access Management",
    "Integration": "API Management|Messaging|Workflow Orchestration",
    "Internet of Things": "IoT Analytics|IoT Platforms",
    "Management and Governance": "Architecture|Compliance|Cost Management|Data Governance|Disaster Recovery|"
    "Endpoint Management|Observability|Support",
    "Media": "Content Creation|Gaming|Media Streaming|Mixed Reality",
    "Migration": "Data Migration|Resource Migration",
    "Mobile": "",
    "Multicloud": "Multicloud Integration",
    "Networking": "Application Networking|Content Delivery|Network Connectivity|Network Infrastructure|"
    "Network Routing|Network Security",
    "Other": "",
    "Security": "Secret Management|Security Posture Management|Threat Detection and Response",
    "Storage": "Backup Storage|Block Storage|File Storage|Object Storage|Storage Platforms",
    "Web": "Application Platforms",
}
CATEGORIES = tuple(_SERVICES)
PARENTS = {
    name: category
    for category, names in _SERVICES.items()
    for name in (*filter(None, names.split("|")), f"Other ({category})")
}
"""ServiceSubcategory → its one ServiceCategory."""
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
    FocusColumn("BillingAccountType", is_nullable=False),
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
    FocusColumn("ServiceSubcategory", is_nullable=False, values=tuple(PARENTS)),
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
