"""Laws that hold for every usage and every card."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from hypothesis import given
from hypothesis import strategies as st

from costs.pricing import Rate, RateCard, RateTier, Usage, default_book, price_with, upper_bound

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUANTUM = Decimal("1e-10")
counts = st.integers(0, 3_000_000)
unit_prices = st.decimals(min_value=0, max_value=Decimal("0.001"), places=14, allow_nan=False)
METERS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "output",
    "reasoning",
    "audio_output",
)


def listed(provider: str, model: str) -> RateCard:
    card = default_book().resolve(provider, model, AT)
    assert card is not None
    return card


@st.composite
def cards(draw: st.DrawFn) -> RateCard:
    """Cards of one or two tiers with every token meter; above the bound every rate is at least the base's."""
    base = {meter: draw(unit_prices) for meter in METERS}
    above = {meter: amount + draw(unit_prices) for meter, amount in base.items()}
    tiers = [RateTier(-1, {meter: Rate(meter, f"t:{meter}", amount, "USD") for meter, amount in base.items()})]
    if draw(st.booleans()):
        start = draw(st.integers(0, 1_000_000))
        rates = {meter: Rate(meter, f"t:{meter}:gt{start}", amount, "USD") for meter, amount in above.items()}
        tiers.insert(0, RateTier(start, rates))
    return RateCard("t", "t", "USD", tuple(tiers))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Usages whose parts add up to no more than their whole."""
    parts = [draw(counts) for _ in range(4)]
    outputs = [draw(counts) for _ in range(2)]
    return {
        "input_tokens": sum(parts) + draw(counts),
        "cache_read_tokens": parts[0],
        "cache_write_5m_tokens": parts[1],
        "cache_write_1h_tokens": parts[2],
        "audio_input_tokens": parts[3],
        "output_tokens": sum(outputs) + draw(counts),
        "reasoning_tokens": outputs[0],
        "audio_output_tokens": outputs[1],
    }


@given(cards(), usages())
def test_charges_are_exact_non_negative_and_add_up(card, usage):
    priced = price_with(card, usage)

    for line in priced.lines:
        exact = (line.unit_price * line.quantity).quantize(QUANTUM, ROUND_HALF_EVEN)
        assert line.cost == exact >= 0
        assert line.cost.as_tuple().exponent == -10
    assert priced.total == sum(line.cost for line in priced.lines)
    assert priced.flags == ()


@given(cards(), usages())
def test_every_token_is_charged_exactly_once(card, usage):
    charged = {line.meter: line.quantity for line in price_with(card, usage).lines}

    inputs = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input")
    assert sum(charged.get(meter, 0) for meter in inputs) == usage["input_tokens"]
    assert sum(charged.get(meter, 0) for meter in ("output", "reasoning", "audio_output")) == usage["output_tokens"]


@given(cards(), usages(), st.sampled_from(["input_tokens", "output_tokens"]), counts)
def test_more_tokens_never_cost_less(card, usage, key, extra):
    less = price_with(card, usage).total
    more = price_with(card, {**usage, key: usage[key] + extra}).total

    assert less is not None
    assert more is not None
    assert more >= less


@given(cards(), usages())
def test_the_upper_bound_holds_for_every_split(card, usage):
    total = price_with(card, usage).total
    bound = upper_bound(card, usage["input_tokens"], usage["output_tokens"])

    assert total is not None
    assert bound is not None
    assert bound >= total


@given(usages())
def test_listed_cards_keep_the_bound_too(usage):
    card = listed("anthropic", "claude-sonnet-4-5")
    usage = {**usage, "input_tokens": usage["input_tokens"] - usage["audio_input_tokens"], "audio_input_tokens": 0}
    usage = {**usage, "output_tokens": usage["output_tokens"] - usage["audio_output_tokens"], "audio_output_tokens": 0}

    total = price_with(card, usage).total
    bound = upper_bound(card, usage["input_tokens"], usage["output_tokens"])

    assert total is not None
    assert bound is not None
    assert bound >= total


def test_the_bound_takes_the_dearest_meter_and_only_tiers_within_reach():
    sonnet = listed("anthropic", "claude-sonnet-4-5")

    # 1-hour cache writes are the dearest input: 6 USD, and 12 USD above 200,000 tokens, per 1 M.
    assert upper_bound(sonnet, 200_000, 1_000) == Decimal("1.215")
    assert upper_bound(sonnet, 200_001, 1_000) == Decimal("2.422512")
    assert upper_bound(sonnet, 0, 0) == 0


def test_the_bound_counts_the_fee_per_request():
    sonar = listed("perplexity", "sonar")
    fee = price_with(sonar, {}).total

    assert fee is not None
    assert fee > 0
    assert upper_bound(sonar, 0, 0) == fee


def test_no_bound_is_stated_without_a_rate():
    embedding = listed("openai", "text-embedding-3-small")

    assert upper_bound(embedding, 1_000_000, 0) == Decimal("0.02")
    assert upper_bound(embedding, 1_000_000, 1) is None
