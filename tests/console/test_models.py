"""Models in the console: prices with their source, who sees which, discovery against the simulated provider."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from costs.models import PriceOverride
from costs.services import set_price_override
from gateway.models import AuditEvent, Model, Organization, Provider
from gateway.services import catalog
from gateway.simulator.process import SimulatorProcess
from tests.console.company import Company
from tests.console.conftest import SignIn

LIST = "/admin/models/"
DISCOVER = "/admin/models/discover/"


@pytest.fixture
def priced(company: Company) -> Company:
    """Providers that the price list knows."""
    for slug in ("openai", "anthropic", "google"):
        Provider.objects.filter(organization=company.organization, slug=slug).update(price_list=slug)
    return company


def contract(company: Company, **fields: object) -> PriceOverride:
    values = {
        "organization": company.organization, "provider": "openai", "model": "gpt-4o", "actor": None,
        "valid_from": datetime(2026, 3, 1, tzinfo=UTC), "prices": {"input": Decimal("2.10"), "output": Decimal("8.40")},
        "source": "Volume contract", **fields,
    }  # fmt: skip
    return set_price_override(**values)  # type: ignore[arg-type]


def row_of(page: str, name: str) -> str:
    return next(part.partition("</tr>")[0] for part in page.split("<tr>") if f">{name}<" in part)


def test_members_read_and_administrators_write(company: Company, sign_in: SignIn) -> None:
    provider = company.organization.providers.first()
    people = ("alice", "adam", "dave", "carol", "bob", "mallory")

    opened = {name: sign_in(name).get(LIST).status_code for name in people}
    asked = {name: sign_in(name).post(DISCOVER, {"provider": str(provider.pk)}).status_code for name in people[:5]}

    assert opened == {"alice": 200, "adam": 200, "dave": 200, "carol": 200, "bob": 200, "mallory": 403}
    assert asked == {"alice": 200, "adam": 200, "dave": 403, "carol": 403, "bob": 403}
    assert sign_in("alice").get(DISCOVER).status_code == 405


def test_prices_by_class_with_their_source(priced: Company, sign_in: SignIn) -> None:
    Model.objects.filter(name="claude-haiku-4-5").update(max_output_tokens=64_000, capabilities=["chat", "tools"])
    page = sign_in("alice").get(LIST).content.decode()

    row = row_of(page, "claude-haiku-4-5")
    assert '<td class="num">$1.00</td><td class="num">$0.10</td><td class="num">$5.00</td>' in row
    assert "cache write, 5 min $1.25" in row
    assert "genai-prices " in row
    assert ("chat, tools" in row, "128,000 in, 64,000 out" in row) == (True, True)
    assert "Unpriced" not in row


def test_a_model_that_no_list_names_is_unpriced_and_never_zero(priced: Company, sign_in: SignIn) -> None:
    Model.objects.filter(name="gpt-4o").update(upstream_name="house-blend")

    bobs, alices, roots = (
        row_of(sign_in(who).get(LIST).content.decode(), "gpt-4o") for who in ("bob", "alice", "root")
    )

    assert ("Unpriced" in bobs, "no list names it" in bobs, "$0" in bobs) == (True, True, False)
    assert "as house-blend" in bobs
    query = f"organization={priced.organization.pk}&amp;provider=openai&amp;model=house-blend"
    assert [f"{reverse('admin:costs_priceoverride_add')}?{query}" in page for page in (alices, roots)] == [True, True]


def test_an_own_price_stands_before_the_list_for_those_who_may_see_it(priced: Company, sign_in: SignIn) -> None:
    contract(priced)

    seen = {who: row_of(sign_in(who).get(LIST).content.decode(), "gpt-4o") for who in ("alice", "carol", "bob", "dave")}

    assert {who: "$2.10" in row for who, row in seen.items()} == {
        "alice": True, "carol": True, "bob": False, "dave": False,
    }  # fmt: skip
    assert 'your own price<br><span class="quiet">Volume contract</span>' in seen["alice"]
    assert '<time datetime="2026-03-01T00:00:00+00:00">2026-03-01</time>' in seen["alice"]
    assert ("$2.50" in seen["bob"], "genai-prices" in seen["bob"]) == (True, True)


def test_ended_and_other_organizations_prices_do_not_count(priced: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="other-one", name="Other")
    contract(priced, organization=other)
    contract(priced, valid_to=datetime.now(UTC) - timedelta(days=1))

    assert "$2.50" in row_of(sign_in("alice").get(LIST).content.decode(), "gpt-4o")


def test_a_discount_is_told(priced: Company, sign_in: SignIn) -> None:
    contract(priced, prices=None, discount_percent=Decimal("20.00"), organization=None)

    row = row_of(sign_in("bob").get(LIST).content.decode(), "gpt-4o")

    assert ("$2.00" in row, "the platform&#x27;s price, 20 % off" in row) == (True, True)


def test_others_models_are_not_listed_and_filters_narrow(priced: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="other-one", name="Other")
    provider = Provider.objects.create(
        organization=other, slug="secret", name="Secret", base_url="https://x.example/v1"
    )
    Model.objects.create(organization=other, provider=provider, name="theirs", upstream_name="theirs")
    alice = sign_in("alice")

    assert "theirs" not in alice.get(LIST).content.decode()
    found = alice.get(f"{LIST}?q=CLAUDE").content.decode()
    assert ("claude-haiku-4-5" in found, ">gpt-4o<" in found) == (True, False)
    assert "No model matches" in alice.get(f"{LIST}?q=%25%00nothing").content.decode()
    assert ">gpt-4o<" not in alice.get(f"{LIST}?provider=google").content.decode()
    assert alice.post(DISCOVER, {"provider": str(provider.pk)}).status_code == 404
    assert alice.post(DISCOVER, {"provider": "nonsense"}).status_code == 404


def test_the_list_costs_the_same_for_many(
    priced: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    provider = Provider.objects.get(slug="openai")
    for number in range(120):
        Model.objects.create(
            organization=priced.organization, provider=provider, name=f"m{number:03}", upstream_name="gpt-4o"
        )
    alice = sign_in("alice")

    with django_assert_max_num_queries(11):
        first = alice.get(LIST).content.decode()
    last = alice.get(f"{LIST}?page=3").content.decode()

    assert ("1–50 of 126" in first, "101–126 of 126" in last) == (True, True)


def test_an_empty_catalogue_says_what_comes_first(company: Company, sign_in: SignIn) -> None:
    company.organization.routes.all().delete()
    Model.objects.all().delete()
    with_providers = sign_in("alice").get(LIST).content.decode()
    Provider.objects.all().delete()

    assert "Ask a provider below" in with_providers
    assert reverse("admin:gateway_provider_add") in sign_in("alice").get(LIST).content.decode()
    assert "An administrator can add one." in sign_in("bob").get(LIST).content.decode()


def test_a_provider_is_asked_and_models_are_added_once(
    company: Company, sign_in: SignIn, simulator: SimulatorProcess, settings: Settings
) -> None:
    provider = catalog.set_provider(
        organization=company.organization, actor=None, slug="sim", name="Simulated", base_url=simulator.base_url,
        credential="sk-test",
    ).row  # fmt: skip
    alice, fields = sign_in("alice"), {"provider": str(provider.pk)}

    asked = alice.post(DISCOVER, fields, headers={"HX-Request": "true"}).content.decode()
    added = alice.post(DISCOVER, {**fields, "add": ["gpt-4o", "gpt-4o-mini"]}).content.decode()
    again = alice.post(DISCOVER, {**fields, "add": ["gpt-4o"]}).content.decode()
    unknown = alice.post(DISCOVER, {**fields, "add": ["no-such-model"]}).content.decode()

    assert ("<html" in asked, 'name="add" value="gpt-4o"' in asked) == (False, True)
    assert "Added 2 models." in added
    assert 'name="add" value="gpt-4o"' not in added
    assert "Added" not in again
    assert "The upstream does not offer no-such-model." in unknown
    assert set(Model.objects.filter(provider=provider).values_list("name", flat=True)) == {"gpt-4o", "gpt-4o-mini"}
    events = AuditEvent.objects.filter(verb="model.create", actor=company.people["alice"])
    assert events.count() == 2


def test_a_provider_that_does_not_answer_is_told(company: Company, sign_in: SignIn) -> None:
    provider = Provider.objects.get(slug="openai")
    Provider.objects.filter(pk=provider.pk).update(base_url="http://127.0.0.1:9/v1")

    text = sign_in("alice").post(DISCOVER, {"provider": str(provider.pk)}).content.decode()

    assert ("Nothing was added." in text, "banner-bad" in text) == (True, True)
