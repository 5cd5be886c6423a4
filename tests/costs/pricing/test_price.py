"""Known prices, line by line. Expected figures are computed by hand from the vendors' published rates (USD per 1 M)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from costs.pricing import default_book, price

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def total(usage, provider, model, at=AT, **context):
    return price(usage, provider=provider, model=model, at=at, context=context).total


def test_cached_input_is_split_from_the_whole_and_each_part_is_its_own_line():
    usage = {"input_tokens": 10_000, "cache_read_tokens": 6_000, "output_tokens": 500, "reasoning_tokens": 200}

    priced = price(usage, provider="openai", model="gpt-4o", at=AT)

    assert [(line.meter, line.quantity, line.unit_price, line.cost) for line in priced.lines] == [
        ("input", 4_000, Decimal("0.0000025"), Decimal("0.0100000000")),
        ("cache_read", 6_000, Decimal("0.00000125"), Decimal("0.0075000000")),
        ("output", 500, Decimal("0.00001"), Decimal("0.0050000000")),
    ]
    assert priced.total == priced.list_total == Decimal("0.0225")
    assert (priced.flags, priced.status, priced.currency) == ((), "priced", "USD")


def test_rate_ids_name_source_version_model_meter_and_start():
    lines = price({"input_tokens": 1}, provider="openai", model="gpt-4o-2024-08-06", at=AT).lines

    assert [line.rate_id for line in lines] == ["genai-prices@0.2.3:openai/gpt-4o:input:initial"]


def test_cache_writes_of_both_lifetimes_have_their_own_rates():
    usage = {
        "input_tokens": 10_000,
        "cache_read_tokens": 1_000,
        "cache_write_5m_tokens": 3_000,
        "cache_write_1h_tokens": 1_000,
        "output_tokens": 500,
    }

    priced = price(usage, provider="anthropic", model="claude-sonnet-4-5", at=AT)

    assert {line.meter: (line.quantity, line.cost) for line in priced.lines} == {
        "input": (5_000, Decimal("0.015")),
        "cache_read": (1_000, Decimal("0.0003")),
        "cache_write_5m": (3_000, Decimal("0.01125")),
        "cache_write_1h": (1_000, Decimal("0.006")),
        "output": (500, Decimal("0.0075")),
    }
    assert priced.total == Decimal("0.04005")


@pytest.mark.parametrize(
    ("input_tokens", "expected"), [(200_000, "0.26"), (200_001, "0.5150025")], ids=["at the bound", "one above"]
)
def test_a_context_tier_reprices_the_whole_request(input_tokens, expected):
    usage = {"input_tokens": input_tokens, "output_tokens": 1_000}

    assert total(usage, "google", "gemini-2.5-pro") == Decimal(expected)


@pytest.mark.parametrize(("input_tokens", "expected"), [(600_000, "0.76"), (600_001, "1.5150025")])
def test_several_requests_are_in_the_tier_of_their_mean(input_tokens, expected):
    usage = {"input_tokens": input_tokens, "output_tokens": 1_000, "requests": 3}

    assert total(usage, "google", "gemini-2.5-pro") == Decimal(expected)


def test_the_tier_is_part_of_the_rate_id():
    lines = price({"input_tokens": 200_001}, provider="google", model="gemini-2.5-pro", at=AT).lines

    assert lines[0].rate_id == "genai-prices@0.2.3:google/gemini-2.5-pro:input:initial:gt200000"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2025, 6, 9, 23, 59, 59, tzinfo=UTC), "0.05"),
        (datetime(2025, 6, 10, tzinfo=UTC), "0.01"),
        (datetime(2025, 6, 10), "0.01"),  # naive: UTC
        (date(2025, 6, 9), "0.05"),
    ],
)
def test_history_follows_the_start_date(at, expected):
    assert total({"input_tokens": 1_000, "output_tokens": 1_000}, "openai", "o3", at) == Decimal(expected)


def test_a_later_price_is_named_by_its_date():
    lines = price({"input_tokens": 1}, provider="openai", model="o3", at=AT).lines

    assert lines[0].rate_id == "genai-prices@0.2.3:openai/o3:input:2025-06-10"


def test_time_of_day_prices_change_at_their_edges_and_not_before():
    usage = {"input_tokens": 1_000, "output_tokens": 1_000}
    day = datetime(2025, 3, 1, tzinfo=UTC)

    totals = [
        total(usage, "deepseek", "deepseek-chat", day + timedelta(minutes=minutes))
        for minutes in (29, 30, 12 * 60, 16 * 60 + 29, 16 * 60 + 30, 18 * 60)
    ]

    off_peak, peak = Decimal("0.000685"), Decimal("0.00137")
    assert totals == [off_peak, peak, peak, peak, off_peak, off_peak]


@pytest.mark.parametrize(
    ("context", "expected", "flags"),
    [
        ({}, "0.0225", ()),
        ({"service_tier": "default"}, "0.0225", ()),
        ({"service_tier": ""}, "0.0225", ()),
        # OpenAI's batch table has no cached-input rate, so that part keeps the standard one.
        ({"processing": "batch"}, "0.015", ()),
        ({"service_tier": "priority"}, "0.03825", ()),
        ({"service_tier": "batch"}, "0.0225", ("unknown_service_tier",)),
        ({"processing": "batches"}, "0.0225", ("unknown_service_tier",)),
        ({"region": "eu"}, "0.0225", ("unknown_context:region",)),
    ],
)
def test_context_selects_the_variant_or_is_flagged(context, expected, flags):
    usage = {"input_tokens": 10_000, "cache_read_tokens": 6_000, "output_tokens": 500}

    priced = price(usage, provider="openai", model="gpt-4o", at=AT, context=context)

    assert (priced.total, priced.flags) == (Decimal(expected), flags)


def test_a_variant_from_before_its_known_history_is_flagged():
    early, context = date(2026, 1, 1), {"service_tier": "flex"}

    priced = price({"input_tokens": 1_000}, provider="openai", model="gpt-4o", at=early, context=context)

    assert priced.flags == ("unknown_service_tier",)


def test_anthropic_reports_batch_as_a_service_tier():
    usage = {"input_tokens": 1_000, "output_tokens": 1_000}

    assert total(usage, "anthropic", "claude-sonnet-4-5", service_tier="batch") == Decimal("0.009")


def test_a_model_priced_by_its_makers_list_has_none_of_the_makers_tiers():
    priced = price(
        {"input_tokens": 1_000_000}, provider="azure", model="gpt-4o", at=AT, context={"service_tier": "priority"}
    )

    assert (priced.total, priced.flags) == (Decimal("2.5"), ("unknown_service_tier",))
    assert priced.lines[0].rate_id.startswith("genai-prices@0.2.3:openai/gpt-4o:")


@pytest.mark.parametrize("alias", ["gemini", "vertex", "Google", " google-vertex "])
def test_provider_aliases(alias):
    assert total({"input_tokens": 1_000_000}, alias, "gemini-2.5-flash") == Decimal("0.3")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "no-such-model"),
        ("openai-compatible", "gpt-4o"),  # somebody's own server is not billed at OpenAI's prices
        ("nobody", "gpt-4o"),
        ("github-copilot", "gpt-4o"),  # listed without rates: part of a subscription, not free
        ("openai", "ft:gpt-4.1-mini-2025-04-14:acme::abc"),  # a tuned model is not its base
    ],
)
def test_an_unknown_price_is_none_never_zero(provider, model):
    priced = price({"input_tokens": 10, "output_tokens": 1}, provider=provider, model=model, at=AT)

    assert priced == ((), None, ("unpriced",), None, "USD")
    assert priced.status == "unpriced"


def test_a_tuned_model_has_its_own_rate():
    assert total({"input_tokens": 1_000_000}, "openai", "ft:gpt-4o-mini-2024-07-18:acme::abc") == Decimal("0.3")


@pytest.mark.parametrize(
    ("provider", "model", "key", "flag"),
    [
        ("openai", "gpt-4o-audio-preview", "audio_input_tokens", "unpriced:audio_input"),
        ("anthropic", "claude-sonnet-4-5", "image_units", "unpriced:image"),
        ("google", "gemini-2.5-pro", "cache_write_5m_tokens", "unpriced:cache_write_5m"),
        ("openai", "gpt-4o", "cache_write_1h_tokens", "unpriced:cache_write_1h"),
        ("openai", "text-embedding-3-small", "output_tokens", "unpriced:output"),
        ("openai", "gpt-4o", "video_seconds", "unpriced:video_seconds"),
    ],
)
def test_a_used_meter_without_a_rate_makes_the_total_unknown(provider, model, key, flag):
    usage = {"input_tokens": 1_000, key: 10}

    priced = price(usage, provider=provider, model=model, at=AT)

    assert (priced.total, priced.flags) == (None, (flag,))
    assert [line.meter for line in priced.lines] == ["input"]


def test_audio_without_its_own_google_rate_is_billed_as_input():
    usage = {"input_tokens": 100_000, "audio_input_tokens": 100_000}

    assert total(usage, "google", "gemini-2.5-pro") == Decimal("0.125")
    assert total(usage, "google", "gemini-2.5-flash") == Decimal("0.1")


def test_audio_has_its_own_lines():
    usage = {"input_tokens": 300, "audio_input_tokens": 200, "output_tokens": 120, "audio_output_tokens": 100}

    priced = price(usage, provider="openai", model="gpt-audio", at=AT)

    assert {line.meter: line.cost for line in priced.lines} == {
        "input": Decimal("0.00025"),
        "audio_input": Decimal("0.0064"),
        "output": Decimal("0.0002"),
        "audio_output": Decimal("0.0064"),
    }


def test_a_cache_read_without_a_discount_is_billed_as_input_under_its_own_meter():
    usage = {"input_tokens": 1_000, "cache_read_tokens": 400}

    lines = price(usage, provider="openai", model="gpt-4o-2024-05-13", at=AT).lines

    assert [(line.meter, line.unit_price) for line in lines] == [
        ("input", Decimal("0.000005")),
        ("cache_read", Decimal("0.000005")),
    ]
    assert lines[0].rate_id == lines[1].rate_id


def test_reasoning_is_a_meter_only_where_it_has_a_rate():
    usage = {"input_tokens": 0, "output_tokens": 1_000, "reasoning_tokens": 600}

    plain = price(usage, provider="openai", model="o3", at=AT)
    own = price(usage, provider="perplexity", model="sonar-deep-research", at=AT)

    assert [(line.meter, line.quantity) for line in plain.lines] == [("output", 1_000)]
    assert [(line.meter, line.quantity) for line in own.lines] == [("output", 400), ("reasoning", 600)]


def test_a_fee_per_request_and_vendor_run_searches_are_lines():
    sonar = price({"input_tokens": 0, "output_tokens": 0}, provider="perplexity", model="sonar", at=AT)
    searched = price({"web_searches": 3}, provider="openai", model="gpt-4o", at=AT)

    assert [(line.meter, line.quantity) for line in sonar.lines] == [("request", 1)]
    assert searched.total == Decimal("0.03")


def test_function_calls_cost_their_tokens_alone():
    assert total({"input_tokens": 1_000_000, "tool_calls": 7}, "openai", "gpt-4o") == Decimal("2.5")


def test_a_documented_free_model_costs_zero_and_says_so():
    priced = price({"input_tokens": 10}, provider="openrouter", model="allenai/molmo-7b-d:free", at=AT)

    assert (priced.total, priced.flags, priced.status) == (Decimal(0), ("free",), "free")


def test_parts_above_their_whole_are_billed_as_reported_and_flagged():
    priced = price({"input_tokens": 10, "cache_read_tokens": 1_000_000}, provider="openai", model="gpt-4o", at=AT)

    assert (priced.total, priced.flags) == (Decimal("1.25"), ("inconsistent_usage",))


def test_odd_counts_are_repaired_or_refused():
    assert total({"input_tokens": 1_000_000.0, "output_tokens": None}, "openai", "gpt-4o") == Decimal("2.5")
    negative = price({"input_tokens": -5, "output_tokens": 1}, provider="openai", model="gpt-4o", at=AT)
    assert (negative.total, negative.flags) == (Decimal("0.00001"), ("inconsistent_usage",))
    for bad in ("10", True, float("nan"), Decimal("inf")):
        with pytest.raises(ValueError, match="input_tokens"):
            total({"input_tokens": bad}, "openai", "gpt-4o")


def test_the_threads_decimal_context_does_not_change_a_price():
    from decimal import localcontext

    usage = {"input_tokens": 123_456_789, "output_tokens": 987_654_321}
    expected = total(usage, "openai", "gpt-4o")

    with localcontext() as context:
        context.prec = 3
        assert total(usage, "openai", "gpt-4o") == expected == Decimal("10185.1851825")


def test_resolved_cards_are_remembered_within_their_span():
    book = default_book()

    first = book.resolve("openai", "o3", datetime(2025, 7, 1, tzinfo=UTC))
    again = book.resolve("openai", "o3", datetime(2026, 7, 1, tzinfo=UTC))
    before = book.resolve("openai", "o3", datetime(2025, 1, 1, tzinfo=UTC))

    assert first is again
    assert before is not first
