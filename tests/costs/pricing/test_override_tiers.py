"""Negotiated prices by service tier and by length, with the working written out; nothing of it comes from the code."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from costs.pricing import Override, default_book, parse_tiers
from costs.pricing.overrides import PriceTier

START, AT = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
STORED = [
    {"service_tier": "batch", "above_tokens": None, "prices": {"input": "1", "output": "4"}},
    {"service_tier": "batch", "above_tokens": 272_000, "prices": {"input": "2"}},
    {"service_tier": "flex", "prices": {"input": "1.2", "cache_read": "0.1", "output": "4.8"}},
    {"service_tier": "priority", "above_tokens": None, "prices": {"input": "4", "cache_read": "0.4", "output": "16"}},
    {"service_tier": "", "above_tokens": 272_000, "prices": {"input": "4", "output": "12"}},
    {"above_tokens": 500_000, "prices": {"input": "6"}},
]


def contract(**changes: Any) -> Override:
    """2 in, 0.2 cached, 8 out a million; `STORED` beside it."""
    fields: dict[str, Any] = {
        "prices": {"input": Decimal(2), "cache_read": Decimal("0.2"), "output": Decimal(8)},
        "tiers": parse_tiers(STORED),
    }  # fmt: skip
    return Override("c", "acme", "openai", "gpt-5.4", START, **(fields | changes))


def priced(override: Override, given: int, cached: int, out: int, **context: str) -> Any:
    usage = {"input_tokens": given, "cache_read_tokens": cached, "output_tokens": out}
    book = default_book().with_overrides([override])
    return book.price(usage, provider="openai", model="gpt-5.4", at=AT, organization="acme", context=context)


@pytest.mark.parametrize(
    ("given", "cached", "out", "context", "total"),
    [
        # 600 × 2 + 400 × 0.2 + 100 × 8 = 1,200 + 80 + 800, a million
        (1_000, 400, 100, {}, "0.00208"),
        # batch: 1,000 × 1 + 100 × 4
        (1_000, 0, 100, {"processing": "batch"}, "0.0014"),
        (1_000, 0, 100, {"service_tier": "batch"}, "0.0014"),
        # flex: 600 × 1.2 + 400 × 0.1 + 100 × 4.8 = 720 + 40 + 480
        (1_000, 400, 100, {"service_tier": "flex"}, "0.00124"),
        # priority: 600 × 4 + 400 × 0.4 + 100 × 16 = 2,400 + 160 + 1,600
        (1_000, 400, 100, {"service_tier": "priority"}, "0.00416"),
        # exactly the bound is below it: 272,000 × 2 + 1,000 × 8
        (272_000, 0, 1_000, {}, "0.552"),
        # above it the whole request: 272,001 × 4 + 1,000 × 12
        (272_001, 0, 1_000, {}, "1.100004"),
        # cached prompts stay as below the bound: 172,001 × 4 + 100,000 × 0.2 + 1,000 × 12
        (272_001, 100_000, 1_000, {}, "0.720004"),
        # above the second bound output stays as above the first: 500,001 × 6 + 1,000 × 12
        (500_001, 0, 1_000, {}, "3.012006"),
        # a long batch: 272,001 × 2 + 1,000 × 4
        (272_001, 0, 1_000, {"processing": "batch"}, "0.548002"),
    ],
)
def test_the_negotiated_price(given: int, cached: int, out: int, context: dict[str, str], total: str) -> None:
    found = priced(contract(), given, cached, out, **context)

    assert (found.total, found.flags) == (Decimal(total), ())


def test_a_discount_is_taken_off_the_tiers_too() -> None:
    # 10 % off 272,001 × 4 + 1,000 × 12
    assert priced(contract(discount_percent=Decimal(10)), 272_001, 0, 1_000).total == Decimal("0.9900036")


def test_a_charge_names_its_tier_and_bound() -> None:
    short, long, flex = (
        [line.rate_id for line in priced(contract(), given, 0, 10, **context).lines]
        for given, context in ((1_000, {}), (500_001, {}), (1_000, {"service_tier": "flex"}))
    )

    assert short == ["override:c:input", "override:c:output"]
    assert long == ["override:c:input:own:input:gt500000", "override:c:output:own:output:gt272000"]
    assert flex == ["override:c:input:own:input:service_tier=flex", "override:c:output:own:output:service_tier=flex"]


def test_what_a_service_tier_leaves_out_is_unpriced_there_and_cached_prompts_cost_as_others() -> None:
    batch = contract(tiers=(PriceTier("batch", -1, {"input": Decimal(1)}),))

    found = priced(batch, 1_000, 400, 100, processing="batch")

    assert (found.total, found.flags) == (None, ("unpriced:output",))
    assert [line.cost for line in found.lines] == [Decimal("0.0006"), Decimal("0.0004")]


def test_a_tier_that_the_contract_does_not_name_has_standard_prices_and_a_flag() -> None:
    found = priced(contract(), 1_000, 0, 100, service_tier="turbo")

    # 1,000 × 2 + 100 × 8
    assert (found.total, found.flags) == (Decimal("0.0028"), ("unknown_service_tier",))
    assert priced(contract(), 1_000, 0, 100, service_tier="default").flags == ()


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ([{"above_tokens": 10, "prices": {"words": "1"}}], "unknown meters"),
        ([{"above_tokens": 10, "prices": {"input": "-1"}}], "non-negative"),
        ([{"above_tokens": 10, "prices": {}}], "needs prices"),
        ([{"above_tokens": -5, "prices": {"input": "1"}}], "number of tokens"),
        ([{"above_tokens": True, "prices": {"input": "1"}}], "number of tokens"),
        ([{"prices": {"input": "1"}}], "beside the tiers"),
        ([{"above_tokens": 10, "prices": {"input": "1"}}] * 2, "stated twice"),
        ([{"service_tier": "flex", "above_tokens": 10, "prices": {"input": "1"}}], "needs prices of any length"),
        ([{"service_tier": "default", "prices": {"input": "1"}}], "no service tier"),
        ([{"service_tier": "FLEX!", "prices": {"input": "1"}}], "no service tier"),
        ([{"tier": "flex", "prices": {"input": "1"}}], "has service_tier"),
        ({"flex": "1"}, "must be a list"),
    ],
)
def test_what_cannot_be_billed_is_refused(stored: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        contract(tiers=parse_tiers(stored))


def test_tiers_need_the_standard_prices_beside_them() -> None:
    with pytest.raises(ValueError, match="beside them"):
        contract(prices={}, discount_percent=Decimal(5))
