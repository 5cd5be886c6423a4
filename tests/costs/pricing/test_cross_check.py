"""Our totals against ``genai_prices.calc_price``, the engine whose data we import, over a spread of models and usages.

Where the two may differ, and why ours is right:

* an audio count on a model without an audio rate: the engine bills it as text, we have no price (Google excepted);
* 1-hour cache writes on a model without a 1-hour rate: the engine bills them at the 5-minute rate, we have no price;
* any cache write on a model without a cache-write rate: the engine bills it as input, we have no price.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from costs.pricing import price

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini-2024-07-18"),
    ("openai", "gpt-4.1"),
    ("openai", "gpt-5"),
    ("openai", "o3"),
    ("openai", "o3-mini"),
    ("openai", "text-embedding-3-small"),
    ("openai", "ft:gpt-4o-2024-08-06:acme::1"),
    ("azure", "gpt-4o"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("anthropic", "claude-3-5-haiku-20241022"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash"),
    ("google", "claude-sonnet-4-5"),
    ("mistral", "mistral-large-latest"),
    ("groq", "llama-3.3-70b-versatile"),
    ("deepseek", "deepseek-chat"),
    ("deepseek", "deepseek-reasoner"),
    ("cohere", "command-r-plus"),
    ("x-ai", "grok-4"),
    ("openrouter", "openai/gpt-4o"),
    ("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("perplexity", "sonar-pro"),
]
INPUTS = [
    {"input_tokens": 1},
    {"input_tokens": 12_345, "cache_read_tokens": 2_048},
    {"input_tokens": 200_000, "cache_read_tokens": 100_000},
    {"input_tokens": 272_001},
    {"input_tokens": 1_048_576, "cache_read_tokens": 1},
]
OUTPUTS = {"text-embedding-3-small": 0}
TIMES = [NOW, datetime(2025, 3, 1, 18, tzinfo=UTC), datetime(2024, 6, 1, 3, 15, tzinfo=UTC)]


def engine_total(usage: dict[str, int], provider: str, model: str, at: datetime, **context: str) -> Decimal:
    listed = calc_price(
        Usage(**usage), model, provider_id=provider, genai_request_timestamp=at, price_context=context or None
    )
    return listed.total_price


def assert_same(usage: dict[str, int], theirs: dict[str, int], provider: str, model: str, at: datetime, **context: str):
    priced = price(usage, provider=provider, model=model, at=at, context=context)
    expected = engine_total(theirs, provider, model, at, **context)
    # The total is a sum of rounded charges, so it may lie half a quantum per charge from the unrounded one.
    assert priced.total is not None, priced.flags
    assert abs(priced.total - expected) <= len(priced.lines) * Decimal("5e-11")


@pytest.mark.parametrize(("provider", "model"), MODELS)
@pytest.mark.parametrize("at", TIMES, ids=str)
def test_plain_and_cached_usage_agrees_at_every_date(provider, model, at):
    for given in INPUTS:
        usage = {**given, "output_tokens": OUTPUTS.get(model, 777)}
        assert_same(usage, usage, provider, model, at)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("anthropic", "claude-sonnet-4-5"), ("anthropic", "claude-haiku-4-5"), ("google", "claude-sonnet-4-5")],
)
@pytest.mark.parametrize("input_tokens", [9_000, 200_000, 200_001])
def test_cache_writes_agree(provider, model, input_tokens):
    usage = {
        "input_tokens": input_tokens,
        "cache_read_tokens": 1_000,
        "cache_write_5m_tokens": 3_000,
        "cache_write_1h_tokens": 500,
        "output_tokens": 50,
    }

    assert_same(usage, {**usage, "cache_write_tokens": 3_500}, provider, model, NOW)


@pytest.mark.parametrize(
    ("provider", "model", "context"),
    [
        ("openai", "gpt-4o", {"processing": "batch"}),
        ("openai", "gpt-4o", {"service_tier": "priority"}),
        ("openai", "gpt-5", {"service_tier": "flex"}),
        ("openai", "o3", {"service_tier": "priority", "processing": "batch"}),
        ("anthropic", "claude-sonnet-4-5", {"processing": "batch"}),
        ("google", "gemini-2.5-pro", {"processing": "batch"}),
    ],
)
@pytest.mark.parametrize("input_tokens", [5_000, 250_000])
def test_variants_agree(provider, model, context, input_tokens):
    usage = {"input_tokens": input_tokens, "cache_read_tokens": 1_024, "output_tokens": 321}

    assert_same(usage, usage, provider, model, NOW, **context)


@pytest.mark.parametrize("model", ["gpt-audio", "gpt-4o-realtime-preview"])
def test_audio_agrees_where_it_has_a_rate(model):
    usage = {"input_tokens": 900, "audio_input_tokens": 400, "output_tokens": 300, "audio_output_tokens": 200}
    theirs = {"input_tokens": 900, "input_audio_tokens": 400, "output_tokens": 300, "output_audio_tokens": 200}

    assert_same(usage, theirs, "openai", model, NOW)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "theirs"),
    [
        ("openai", "gpt-4o-audio-preview", {"audio_input_tokens": 90}, {"input_audio_tokens": 90}),
        ("openai", "gpt-4o", {"cache_write_1h_tokens": 90}, {"cache_write_tokens": 90, "cache_write_1h_tokens": 90}),
    ],
)
def test_where_the_engine_is_silently_cheap_we_have_no_price(provider, model, usage, theirs):
    cheap = engine_total({"input_tokens": 100, **theirs}, provider, model, NOW)
    text = engine_total({"input_tokens": 100}, provider, model, NOW)

    assert cheap == text
    assert price({"input_tokens": 100, **usage}, provider=provider, model=model, at=NOW).total is None
