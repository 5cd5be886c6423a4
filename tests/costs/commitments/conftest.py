"""A company with a commitment of 100 units at 1 USD an hour: 2,400 a day."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from costs.models import Commitment
from costs.services.commitments import create_commitment
from tests import factories

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def acme() -> factories.Acme:
    company = factories.acme()
    type(company.provider).objects.update(price_list="openai")
    return company


def agreed(acme: factories.Acme, **changes: Any) -> Commitment:
    fields: dict[str, Any] = {
        "name": "PTU", "kind": "provisioned_throughput", "provider": "upstream", "model": "gpt-4o*",
        "project": acme.assistant, "amount": Decimal(1), "per": "hour", "units": Decimal(100), "unit_name": "PTU",
        "currency": "USD", "starts_on": date(2026, 11, 1),
    }  # fmt: skip
    return create_commitment(organization=acme.organization, actor=None, **(fields | changes))
