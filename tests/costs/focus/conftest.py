from typing import Any

import pytest

from tests.factories import Acme, acme


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


@pytest.fixture
def row() -> dict[str, Any]:
    """A row that keeps every rule, with every column that a rule is about."""
    return {
        "BilledCost": "0.0025", "BillingAccountId": "o1", "BillingAccountName": "Acme",
        "BillingAccountType": "Contract",
        "BillingCurrency": "USD", "BillingPeriodEnd": "2026-04-01T00:00:00Z",
        "BillingPeriodStart": "2026-03-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeClass": "",
        "ChargeDescription": "Input Tokens of gpt-4o", "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": "2026-03-10T02:00:00Z", "ChargePeriodStart": "2026-03-10T01:00:00Z",
        "ConsumedQuantity": "1000", "ConsumedUnit": "Tokens", "ContractedCost": "0.0025", "ContractedUnitPrice": "2.5",
        "EffectiveCost": "0.0025", "HostProviderName": "Not Applicable", "InvoiceIssuerName": "OpenAI",
        "ListCost": "0.0025", "ListUnitPrice": "2.5", "PricingCategory": "Standard", "PricingCurrency": "USD",
        "PricingCurrencyEffectiveCost": "0.0025", "PricingCurrencyListUnitPrice": "2.5",
        "PricingCurrencyContractedUnitPrice": "2.5", "PricingQuantity": "0.001", "PricingUnit": "1000000 Tokens",
        "RegionId": "eu", "RegionName": "EU", "ResourceId": "k1", "ResourceName": "bob", "ResourceType": "API Key",
        "ServiceCategory": "AI and Machine Learning", "ServiceName": "OpenAI", "ServiceProviderName": "OpenAI",
        "ServiceSubcategory": "Generative AI", "SkuId": "s", "SkuMeter": "Input Tokens",
        "SkuPriceDetails": '{"ModelId": "gpt-4o", "TokenCacheAction": "Uncached", "TokenDirection": "Input"}',
        "SkuPriceId": "s/p", "SubAccountId": "t1", "SubAccountName": "Search", "SubAccountType": "Team",
        "Tags": '{"feature": "chat"}', "AllocatedMethodDetails": '{"Elements": [{"AllocatedRatio": 1}]}',
        "AllocatedMethodId": "", "AllocatedResourceId": "", "AllocatedResourceName": "", "AllocatedTags": "",
        "AvailabilityZone": "", "CapacityReservationId": "", "CapacityReservationStatus": "",
        "CommitmentDiscountCategory": "", "CommitmentDiscountId": "", "CommitmentDiscountName": "",
        "CommitmentDiscountQuantity": "", "CommitmentDiscountStatus": "", "CommitmentDiscountType": "",
        "CommitmentDiscountUnit": "", "CommitmentProgramEligibilityDetails": "", "ContractApplied": "",
        "InvoiceDetailId": "", "InvoiceId": "", "x_ProjectId": "p1",
    }  # fmt: skip
