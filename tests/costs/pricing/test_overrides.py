from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from costs.pricing import Override, default_book

START = datetime(2026, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 20, tzinfo=UTC)
USAGE = {"input_tokens": 1_000_000, "output_tokens": 100_000}  # gpt-4o list price: 2.50 + 1.00


def override(id="o", organization=None, provider="openai", model="gpt-4o", valid_from=START, **fields) -> Override:
    if "prices" not in fields and "discount_percent" not in fields:
        fields["prices"] = {"input": Decimal(1), "output": Decimal(2)}
    return Override(id=id, organization=organization, provider=provider, model=model, valid_from=valid_from, **fields)


def priced(*overrides: Override, at=AT, organization=None, usage=USAGE, model="gpt-4o", provider="openai", **context):
    book = default_book().with_overrides(overrides)
    return book.price(usage, provider=provider, model=model, at=at, organization=organization, context=context)


def test_own_prices_replace_the_list_and_the_list_total_stays():
    result = priced(override(id="7f"))

    assert (result.total, result.list_total) == (Decimal("1.2"), Decimal("3.5"))
    assert [(line.rate_id, line.unit_price) for line in result.lines] == [
        ("override:7f:input", Decimal("0.000001")),
        ("override:7f:output", Decimal("0.000002")),
    ]


def test_the_organizations_price_goes_before_the_platforms_and_the_lists():
    book = [override(id="platform"), override(id="acme", organization="acme", prices={"input": Decimal(4)})]

    ids = {
        organization: priced(*book, organization=organization, usage={"input_tokens": 1}).lines[0].rate_id
        for organization in ("acme", "other", None)
    }

    assert ids == {"acme": "override:acme:input", "other": "override:platform:input", None: "override:platform:input"}


def test_an_exact_name_goes_before_a_prefix_and_a_longer_prefix_before_a_shorter():
    book = [override(id="star", model="*"), override(id="four", model="gpt-4*"), override(id="exact", model="GPT-4o")]

    ids = {
        model: priced(*book, model=model, usage={"input_tokens": 1}).lines[0].rate_id.split(":")[1]
        for model in ("gpt-4o", "gpt-4o-mini", "o3", "in-house")
    }

    assert ids == {"gpt-4o": "exact", "gpt-4o-mini": "four", "o3": "star", "in-house": "star"}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (START - timedelta(microseconds=1), "3.5"),
        (START, "1.2"),
        (START + timedelta(days=30) - timedelta(microseconds=1), "1.2"),
        (START + timedelta(days=30), "3.5"),
    ],
)
def test_a_window_is_half_open(at, expected):
    assert priced(override(valid_to=START + timedelta(days=30)), at=at).total == Decimal(expected)


def test_one_book_answers_on_both_sides_of_a_window():
    book = default_book().with_overrides([override(valid_to=START + timedelta(days=30))])

    totals = [
        book.price(USAGE, provider="openai", model="gpt-4o", at=START + timedelta(days=days)).total
        for days in (-1, 1, 31, 1, -1)
    ]

    assert totals == [Decimal(text) for text in ("3.5", "1.2", "3.5", "1.2", "3.5")]


def test_a_discount_is_taken_off_every_list_rate_tier_and_variant():
    ten = override(model="*", discount_percent=Decimal("12.5"))
    tiered = override(provider="google", model="*", discount_percent=Decimal(10))
    long = {"input_tokens": 200_001, "output_tokens": 1_000}

    assert priced(ten).total == Decimal("3.0625")
    assert priced(ten, processing="batch").total == Decimal("1.53125")
    gemini = priced(tiered, provider="gemini", model="gemini-2.5-pro", usage=long)
    assert (gemini.total, gemini.list_total) == (Decimal("0.46350225"), Decimal("0.5150025"))
    assert gemini.lines[0].rate_id == "override:o:input:genai-prices@0.2.3:google/gemini-2.5-pro:input:initial:gt200000"


def test_a_discount_off_own_prices():
    half = override(prices={"input": Decimal(1), "output": Decimal(2)}, discount_percent=Decimal(50))

    assert priced(half).total == Decimal("0.6")


def test_a_discount_off_no_price_is_no_price():
    result = priced(override(model="in-house", discount_percent=Decimal(10)), model="in-house")

    assert (result.total, result.flags) == (None, ("unpriced",))


def test_an_override_prices_a_model_and_a_provider_the_list_does_not_know():
    result = priced(
        override(provider="openai-compatible", model="llama*"), provider="OpenAI-compatible", model="llama-7"
    )

    assert (result.total, result.list_total, result.flags) == (Decimal("1.2"), None, ())


def test_meters_left_out_are_unpriced_and_cache_reads_fall_back_to_input():
    read = priced(override(), usage={"input_tokens": 10, "cache_read_tokens": 10})
    written = priced(override(), usage={"input_tokens": 10, "cache_write_5m_tokens": 10})

    assert read.total == Decimal("0.00001")
    assert (written.total, written.flags) == (None, ("unpriced:cache_write_5m",))


def test_unit_meters_are_priced_per_unit():
    units = override(prices={"request": Decimal("0.001"), "image": Decimal("0.04"), "tool_call": Decimal("0.0005")})

    result = priced(units, usage={"requests": 1, "image_units": 2, "tool_calls": 3})

    assert result.total == Decimal("0.0825")


def test_own_prices_say_nothing_of_tiers_so_a_tier_is_flagged():
    result = priced(override(), service_tier="priority")

    assert (result.total, result.flags) == (Decimal("1.2"), ("unknown_service_tier",))


def test_another_currency_has_no_comparable_list_total():
    result = priced(override(currency="EUR"))

    assert (result.total, result.currency, result.list_total) == (Decimal("1.2"), "EUR", None)
    assert {line.currency for line in result.lines} == {"EUR"}


@pytest.mark.parametrize(
    "free", [{"prices": {"input": Decimal(0), "output": Decimal(0)}}, {"discount_percent": Decimal(100)}]
)
def test_zero_rates_are_free(free):
    result = priced(override(**free))

    assert (result.total, result.status, result.list_total) == (Decimal(0), "free", Decimal("3.5"))


@pytest.mark.parametrize(
    "fields",
    [
        {"prices": {"inptu": Decimal(1)}},
        {"prices": {"input": Decimal(-1)}},
        {"prices": {"input": Decimal("nan")}},
        {"prices": {"input": 1.5}},
        {"prices": {}},
        {"discount_percent": Decimal("100.01")},
        {"discount_percent": Decimal(-1)},
        {"valid_from": datetime(2026, 1, 1)},
        {"valid_to": START},
    ],
)
def test_what_cannot_be_billed_is_refused(fields):
    with pytest.raises(ValueError):
        override(**fields)


SPOKEN = {"input_tokens": 5, "output_tokens": 30, "characters": 20}
HEARD = {"input_tokens": 70, "audio_input_tokens": 70, "output_tokens": 9, "audio_ms": 7_500}
DRAWN = {"input_tokens": 3, "output_tokens": 272, "image_output_tokens": 272, "image_units": 2}


@pytest.mark.parametrize(
    ("prices", "usage", "lines", "total"),
    [
        ({"character": "15"}, SPOKEN, [("character", 20, "0.000015")], "0.0003"),  # $15 per 1 M characters
        ({"audio_second": "0.006"}, HEARD, [("audio_second", Decimal("7.5"), "0.0001")], "0.00075"),  # $0.006 a minute
        ({"image": "0.04"}, DRAWN, [("image", 2, "0.04")], "0.08"),
        ({"input": "5", "output": "40"}, DRAWN, [("input", 3, "0.000005"), ("output", 272, "0.000040")], "0.010895"),
        (
            {"input": "5", "image_output": "32", "output": "40"},
            DRAWN,
            [("input", 3, "0.000005"), ("image_output", 272, "0.000032")],
            "0.008719",
        ),
    ],
)
def test_images_speech_and_recordings_are_billed_by_units_or_by_tokens(prices, usage, lines, total):
    own = override(prices={meter: Decimal(amount) for meter, amount in prices.items()})

    result = priced(own, usage=usage)

    assert [(line.meter, line.quantity, line.unit_price) for line in result.lines] == [
        (meter, quantity, Decimal(price)) for meter, quantity, price in lines
    ]
    assert (result.total, result.flags) == (Decimal(total), ())


@pytest.mark.parametrize(
    ("prices", "usage", "flags"),
    [
        ({"request": "1"}, SPOKEN, ("unpriced:input", "unpriced:output", "unpriced:character")),
        ({"input": "1"}, HEARD, ("unpriced:audio_input", "unpriced:output", "unpriced:audio_second")),
        ({"input": "1", "character": "1"}, SPOKEN, ("unpriced:output",)),
        ({"input": "1", "output": "1"}, {"input_tokens": 3, "image_units": 1}, ("unpriced:image",)),
    ],
)
def test_what_neither_units_nor_tokens_cover_is_unpriced(prices, usage, flags):
    own = override(prices={meter: Decimal(amount) for meter, amount in prices.items()})

    result = priced(own, usage=usage)

    assert (result.total, result.flags) == (None, flags)
