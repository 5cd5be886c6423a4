"""Batch pricing says of every usage what the price book says, to the last digit."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from costs.pricing import Rate, RateCard, RateTier, default_book, price_with
from costs.savings.lines import TOKENS
from costs.savings.pricing import BatchPricer, Target, price_by
from costs.savings.units import money, total, units_of

METERS = (
    "input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "output", "reasoning", "audio_output",
    "request", "tool_call",
)  # fmt: skip
PRICES = st.decimals(min_value=0, max_value=Decimal("0.01"), places=13, allow_nan=False, allow_infinity=False)
COUNTS = st.integers(min_value=0, max_value=3_000_000)
USAGES = st.lists(st.lists(COUNTS, min_size=9, max_size=9), min_size=1, max_size=4)


@st.composite
def cards(draw: st.DrawFn) -> RateCard:
    tiers = []
    for above in (*draw(st.sets(st.integers(0, 2_000_000), max_size=2).map(lambda s: sorted(s, reverse=True))), -1):
        rates = draw(st.dictionaries(st.sampled_from(METERS), PRICES, min_size=1))
        tiers.append(RateTier(above, {name: Rate(name, f"r:{name}", price, "USD") for name, price in rates.items()}))
    return RateCard("p", "m", "USD", tuple(tiers))


@given(cards(), USAGES)
def test_a_batch_is_priced_as_one_by_one(card: RateCard, usages: list[list[int]]) -> None:
    cost, known = price_by(card, np.asarray(usages, dtype=np.int64).T)

    for usage, units, is_known in zip(usages, cost.tolist(), known.tolist(), strict=True):
        priced = price_with(card, dict(zip(TOKENS, usage, strict=True)))
        assert is_known == (priced.total is not None)
        if is_known:
            assert money(units) == priced.total


def test_a_charge_beyond_64_bits_is_exact() -> None:
    rate = Rate("input", "r", Decimal("0.0000012345678901234567"), "USD")
    card = RateCard("p", "m", "USD", (RateTier(-1, {"input": rate}),))
    tokens = np.zeros((9, 1), dtype=np.int64)
    tokens[0] = 9_000_000_000

    cost, _ = price_by(card, tokens)

    # 9e9 × 0.0000012345678901234567 = 11111.1110111111103, rounded to 1e-10
    assert money(int(cost[0])) == Decimal("11111.1110111111")


def test_a_price_that_changes_counts_from_its_instant_and_a_batch_has_its_own() -> None:
    # o3 cost 10 and 40 USD a million until 2025-06-10, then 2 and 8 (https://openai.com/api/pricing)
    start, end = datetime(2025, 6, 9, tzinfo=UTC), datetime(2025, 6, 12, tzinfo=UTC)
    pricer = BatchPricer(default_book(), start, end)
    target = Target("openai", "o3")
    numbers = np.asarray([pricer.number(target)] * 2 + [-1])
    at = np.asarray([start.timestamp() * 1000, datetime(2025, 6, 11, tzinfo=UTC).timestamp() * 1000, 0]).astype(int)
    tokens = np.zeros((9, 3), dtype=np.int64)
    tokens[0], tokens[5] = 1000, 1000

    cost, known = pricer.price(numbers, at, tokens)

    assert [money(one) for one in cost.tolist()] == [Decimal("0.05"), Decimal("0.01"), Decimal(0)]
    assert known.tolist() == [True, True, True]
    assert len(pricer.cards(target)) == 2
    assert pricer.cards(Target("openai", "no-such-model")) == []
    assert pricer.cards(Target("groq", "llama-3.3-70b-versatile").with_context(processing="batch")) == []


def test_sums_are_exact_beyond_64_bits() -> None:
    assert total(np.asarray([2**62] * 5 + [-1])) == 5 * 2**62 - 1
    assert units_of(Decimal("0.0000000001")) == 1
