from collections.abc import Callable
from datetime import timedelta

import pytest

from costs.models import Recommendation
from costs.recommendations.store import store
from costs.savings.proposals import Proposal
from gateway.models import Provider
from tests.costs.recommendations.findings import END, findings
from tests.factories import Acme, ModelFactory, acme

Kept = Callable[[Proposal], Recommendation]


@pytest.fixture
def company(db: None) -> Acme:
    """Acme, whose provider has OpenAI's prices and gpt-4o-mini beside gpt-4o."""
    made = acme()
    Provider.objects.update(price_list="openai")
    ModelFactory(organization=made.organization, provider=made.provider, name="gpt-4o-mini")
    return made


@pytest.fixture
def kept(company: Acme) -> Kept:
    """Stores a proposal beside those of before; gives its row."""
    found: list[Proposal] = []

    def keep(proposal: Proposal) -> Recommendation:
        found.append(proposal)
        store(company.organization, findings(*found), now=END + timedelta(hours=3))
        return Recommendation.objects.get(key=proposal.key)

    return keep
