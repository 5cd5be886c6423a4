"""Expected prices that routing remembers."""

from dataclasses import replace
from decimal import Decimal

from costs.pricer import BookPricer
from gateway.dataplane.signals import Prices, price_of
from tests.gateway.dataplane.routing.world import target

USAGE = {"input_tokens": 1_000_000, "output_tokens": 0}
MODEL = "gpt-5.4"


def test_regions_have_prices_of_their_own() -> None:
    pricer = BookPricer()
    prices = Prices(pricer)
    plain = target("m")
    here, there = (
        replace(
            plain, upstream_name=MODEL, provider=replace(plain.provider, price_list="openai", price_region=region)
        )
        for region in ("", "eu")
    )  # fmt: skip

    found = [prices.of(one, USAGE, "") for one in (here, there, here)]

    assert found == [price_of(pricer, one, USAGE, "") for one in (here, there, here)]
    amounts = [one.amount if one is not None else None for one in found]
    assert amounts[0] != amounts[1]
    assert isinstance(amounts[0], Decimal)
