"""Prices that begin or end, as marks on charts, and who sees them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from costs.console.marks import list_changes, price_changes
from costs.models import PriceRate, PriceSnapshot
from costs.services import set_price_override
from gateway.models import Model, Provider
from tests.console.company import Company

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_price_is_marked_where_it_begins_and_where_it_ends(company: Company) -> None:
    common = {"organization": company.organization, "provider": "openai", "actor": company.people["alice"]}
    prices = {"input": "1", "output": "2"}
    set_price_override(model="gpt-4o", valid_from=AT - timedelta(days=90), prices=prices, **common)  # type: ignore[arg-type]
    set_price_override(model="gpt-4o", valid_from=AT, prices=prices | {"input": "3"}, **common)  # type: ignore[arg-type]
    set_price_override(
        model="o3", valid_from=AT + timedelta(hours=1), valid_to=AT + timedelta(hours=2), prices=prices, **common
    )  # type: ignore[arg-type]
    window = (AT - timedelta(days=1), AT + timedelta(hours=3))

    def seen(name: str) -> list[tuple[datetime, str]]:
        return [(mark.at, mark.text) for mark in price_changes(company.people[name], company.organization, *window)]

    expected = [
        (AT, "Price of gpt-4o (openai) from here"),
        (AT + timedelta(hours=1), "Price of o3 (openai) from here"),
        (AT + timedelta(hours=2), "Price of o3 (openai) ended"),
    ]
    assert seen("alice") == expected
    assert seen("carol") == expected
    assert seen("bob") == []


def test_a_dated_change_of_the_public_list_is_marked_where_calls_are_priced_by_it(company: Company) -> None:
    """OpenAI made o3 cheaper by 80 % on 10 June 2025; genai-prices dates it so."""
    change = datetime(2025, 6, 10, tzinfo=UTC)
    window = (change - timedelta(days=3), change + timedelta(days=3))
    openai = Provider.objects.get(organization=company.organization, slug="openai")
    Provider.objects.filter(pk=openai.pk).update(price_list="openai")
    alice = company.people["alice"]

    def seen(name: str = "alice") -> list[tuple[datetime, str, str]]:
        found = list_changes(company.people[name], company.organization, *window)
        return [(mark.at, mark.text, mark.url) for mark in found]

    assert seen() == []  # nobody has the model
    Model.objects.create(organization=company.organization, provider=openai, name="thinker", upstream_name="o3")
    expected = [(change, "List price of o3 (openai) from here", "/admin/models/?q=o3")]
    assert seen() == expected
    assert seen("bob") == expected
    assert list_changes(alice, company.organization, window[0], change) == []
    assert seen("mallory") == []
    set_price_override(
        organization=company.organization, provider="openai", model="o3", actor=alice,
        valid_from=change - timedelta(days=90), prices={"input": "1", "output": "2"},
    )  # fmt: skip
    assert seen() == []


def test_a_price_that_an_import_changed_is_marked(company: Company) -> None:
    """The imported list dates a rate of a model that the first list does not know."""
    change, later = datetime(2026, 3, 10, 12, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
    openai = Provider.objects.get(organization=company.organization, slug="openai")
    Provider.objects.filter(pk=openai.pk).update(price_list="openai")
    Model.objects.create(organization=company.organization, provider=openai, name="mine", upstream_name="mine-1")
    snapshot = PriceSnapshot.objects.create(source="litellm", version="2", origin="test", digest="0", state="accepted")
    rate = {"source": "litellm", "provider": "openai", "model": "mine-1", "meter": "input", "snapshot": snapshot}
    PriceRate.objects.create(**rate, amount=Decimal("0.000001"), valid_to=change)

    def seen(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
        found = list_changes(company.people["alice"], company.organization, start, end)
        return [(mark.at, mark.text) for mark in found]

    PriceRate.objects.create(**rate, amount=Decimal("0.000001"), valid_from=change, valid_to=later)
    assert seen(change - timedelta(days=3), later) == []  # the same price
    PriceSnapshot.objects.create(source="litellm", version="3", origin="test", digest="1", state="accepted")
    PriceRate.objects.create(**rate, amount=Decimal("0.000002"), valid_from=later)
    assert seen(change, later + timedelta(days=1)) == [(later, "List price of mine-1 (openai) from here")]
