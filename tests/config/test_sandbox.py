"""The sandbox of an installation with a simulated provider."""

from decimal import Decimal

from config.sandbox import MODELS, PROVIDER, ensure_sandbox
from costs.models import PriceOverride
from gateway.models import Model
from gateway.simulator.faults import MODEL_PREFIX, parse_fault
from sdkgen.playground.offers import offers
from tests.factories import Acme
from tests.gateway.api.conftest import company  # noqa: F401  (fixture)

URL = "http://127.0.0.1:9100/v1"


def test_it_is_made_once_costs_nothing_and_keeps_changes(company: Acme) -> None:  # noqa: F811
    ensure_sandbox(company.organization, URL, "sk-simulated")
    changed = Model.objects.get(provider__slug=PROVIDER, name="sandbox")
    Model.objects.filter(pk=changed.pk).update(is_enabled=False)

    ensure_sandbox(company.organization, URL, "sk-simulated")

    rows = PriceOverride.objects.filter(organization=company.organization, provider=PROVIDER)
    assert {row.model for row in rows} == set(MODELS.values())
    assert {Decimal(price) for row in rows for price in row.prices.values()} == {Decimal(0)}
    assert set(Model.objects.filter(provider__slug=PROVIDER).values_list("name", flat=True)) == set(MODELS)
    changed.refresh_from_db()
    assert not changed.is_enabled
    offered = {offer.name for offer in offers(company.organization) if offer.is_sandbox}
    assert offered == set(MODELS) - {"sandbox"}


def test_every_fault_exists() -> None:
    for upstream in MODELS.values():
        if upstream.startswith(MODEL_PREFIX):
            parse_fault(upstream.removeprefix(MODEL_PREFIX))
