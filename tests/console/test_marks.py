"""Prices that begin or end, as marks on charts, and who sees them."""

from datetime import UTC, datetime, timedelta

from costs.console.marks import price_changes
from costs.services import set_price_override
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
