"""Every model that may stand in for another has a price, and costs less than what it stands in for."""

from datetime import UTC, datetime

import pytest

from costs.pricing import default_book
from costs.savings.equivalents import FACTS, HOSTS, IDENTITY, RESOLD, SMALLER, SOURCES

AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(("vendor", "model"), sorted(SMALLER))
def test_smaller_models_are_known_priced_and_cheaper(vendor: str, model: str) -> None:
    book = default_book()
    cards = [book.resolve(vendor, name, AT) for name in (model, *SMALLER[vendor, model])]

    assert [card and card.model for card in cards] == [model, *SMALLER[vendor, model]]
    prices = [card.tiers[-1].rates["output"].unit_price for card in cards if card]
    assert prices == sorted(prices, reverse=True)
    assert all((vendor, name) in FACTS for name in SMALLER[vendor, model])
    assert vendor in SOURCES


@pytest.mark.parametrize("weights", sorted(HOSTS))
def test_hosts_of_open_weights_are_priced_under_their_own_names(weights: str) -> None:
    for price_list, name in HOSTS[weights].items():
        card = default_book().resolve(price_list, name, AT)
        assert card is not None, (price_list, name)
        assert card.tiers[-1].rates["input"].unit_price > 0
        assert IDENTITY[price_list, name] == weights
        assert "turbo" not in name.lower()


def test_reselling_goes_both_ways() -> None:
    assert all(seller in RESOLD[other] for seller, others in RESOLD.items() for other in others)
