"""The second list: models, tiers and regions that the first one does not know; dated rows; a reviewer's choice."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from costs.pricing import PriceBook, price
from costs.pricing.catalogue import Catalogue, DatedRate, read_bundle
from costs.pricing.litellm import convert

AT = datetime(2026, 11, 20, tzinfo=UTC)
MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def rate(meter, amount, context="", above=-1, start=None, end=None):
    return DatedRate(context, meter, above, Decimal(amount), "1", start, end)


def book_of(*rates, provider="acme-ai", model="big-1", preferred=()):
    return PriceBook(catalogue=Catalogue({(provider, model): tuple(rates)}, frozenset(preferred)))


def total(book, usage, context=None, at=AT, provider="acme-ai", model="big-1"):
    return book.price(usage, provider=provider, model=model, at=at, context=context or {})


def test_the_bundle_says_what_it_is_and_is_not_empty():
    bundle = read_bundle()

    assert (bundle.version, bundle.read_on) == ("1.106.2", "2026-11-27")
    assert sum(map(len, bundle.facts.values())) == 3_046
    assert bundle.facts["voyage"]["voyage-3.5"] == {"": {"input": Decimal("6E-8")}}


def test_a_model_that_only_the_second_list_knows_is_named_by_it():
    lines = price({"input_tokens": 1_000}, provider="voyage", model="voyage-3.5", at=AT).lines

    assert [line.rate_id for line in lines] == ["litellm@1.106.2:voyage/voyage-3.5:input:initial"]


def test_the_first_list_stands_first():
    lines = price({"input_tokens": 1_000}, provider="openai", model="gpt-4o", at=AT).lines

    assert lines[0].rate_id == "genai-prices@0.2.3:openai/gpt-4o:input:initial"


def test_a_region_that_the_first_list_does_not_know_comes_from_the_second():
    usage, context = {"input_tokens": 1_000_000}, {"region": "eu"}

    priced = price(usage, provider="openai", model="gpt-5.4", at=AT, context=context)

    assert priced.lines[0].rate_id == "litellm@1.106.2:openai/gpt-5.4:input:initial:region=eu:gt272000"
    assert (priced.lines[0].unit_price, priced.flags) == (Decimal("0.0000055"), ())


def test_an_unknown_region_stays_flagged():
    priced = price({"input_tokens": 1}, provider="openai", model="gpt-5.4", at=AT, context={"region": "mars"})

    assert priced.flags == ("unknown_context:region",)


@pytest.mark.parametrize("value", ["global", "not_available"])
def test_the_standard_region_needs_no_answer(value):
    assert price({"input_tokens": 1}, provider="openai", model="gpt-4o", at=AT, context={"region": value}).flags == ()


def test_rows_change_at_their_instant_and_not_before():
    book = book_of(rate("input", "2", end=JUNE), rate("input", "3", start=JUNE))

    assert total(book, {"input_tokens": 1}, at=datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)).total == 2
    later = total(book, {"input_tokens": 1}, at=JUNE)
    assert (later.total, later.lines[0].rate_id) == (3, "litellm@1:acme-ai/big-1:input:2026-06-01")


def test_a_variant_replaces_what_it_states_and_leaves_the_rest():
    book = book_of(
        rate("input", "2"), rate("input", "4", above=100), rate("output", "9"), rate("input", "1", "processing=batch")
    )
    batch = {"processing": "batch"}

    assert total(book, {"input_tokens": 10, "output_tokens": 1}, batch).total == 10 * 1 + 9
    # No price of a long prompt in a batch is known: the standard one of a long prompt stands, not half of nothing.
    assert total(book, {"input_tokens": 101}, batch).total == 101 * 4


def test_a_multiplier_raises_tokens_but_no_fees():
    book = book_of(rate("input", "2"), rate("web_search", "5"), rate("multiplier", "1.5", "region=*"))

    priced = total(book, {"input_tokens": 10, "web_searches": 1}, {"region": "anywhere"})

    assert [(line.meter, line.unit_price) for line in priced.lines] == [("input", 3), ("web_search", 5)]


def test_a_reviewers_choice_stands_before_the_first_list():
    rates = (rate("input", "7"), rate("output", "8"))
    usage = {"input_tokens": 1}

    plain = book_of(*rates, provider="openai", model="gpt-4o")
    chosen = book_of(*rates, provider="openai", model="gpt-4o", preferred={("openai", "gpt-4o")})

    assert total(plain, usage, provider="openai", model="gpt-4o").total == Decimal("0.0000025")
    assert total(chosen, usage, provider="OpenAI", model="GPT-4o").total == 7


def test_a_zero_is_no_price():
    facts = convert({"x": {"litellm_provider": "acme", "input_cost_per_token": 0, "output_cost_per_token": Decimal(0)}})

    assert facts == {}


def test_a_price_per_thousand_taken_for_one_per_token_is_no_price():
    entry = {
        "litellm_provider": "acme",
        "input_cost_per_token": Decimal("0.0032"),
        "output_cost_per_token": Decimal("0.002"),
    }

    assert convert({"x": entry}) == {"acme": {"x": {"": {"output": Decimal("0.002")}}}}


def test_regions_tiers_and_bounds_are_read_from_names_and_keys():
    facts = convert(
        {
            "sample_spec": {"litellm_provider": "openai", "input_cost_per_token": Decimal("0.001")},
            "azure/eu/gpt-x": {"litellm_provider": "azure", "input_cost_per_token": Decimal("0.0002")},
            "xai/grok-x": {
                "litellm_provider": "xai",
                "input_cost_per_token_above_200k_tokens": Decimal("0.0003"),
                "output_cost_per_token_priority": Decimal("0.0004"),
            },
            "google-x": {
                "litellm_provider": "gemini",
                "input_cost_per_token_above_200k_tokens_batches": Decimal("0.0005"),
            },
            "standard/1024-x-1024/dall-e-3": {"litellm_provider": "openai", "input_cost_per_token": Decimal("0.0006")},
            "broken": ["not an entry"],
        }
    )

    assert facts == {
        "azure": {"gpt-x": {"region=eu": {"input": Decimal("0.0002")}}},
        "x-ai": {
            "grok-x": {"": {"input>199999": Decimal("0.0003")}, "service_tier=priority": {"output": Decimal("0.0004")}}
        },
        "google": {"google-x": {"processing=batch": {"input>200000": Decimal("0.0005")}}},
    }
