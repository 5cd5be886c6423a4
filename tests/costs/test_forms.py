"""The form that states a price: fields of each class, tiers in words, and what it refuses."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from costs.forms import CLASSES, PriceOverrideForm, TiersField, tiers_in_words
from costs.pricing import METERS

pytestmark = pytest.mark.django_db
FORM = {"provider": "openai", "model": "gpt-4o", "currency": "USD", "valid_from": "2026-01-01 00:00"}


def form(**changes: Any) -> PriceOverrideForm:
    return PriceOverrideForm(FORM | changes)


def test_every_class_has_a_field() -> None:
    assert set(CLASSES) == set(METERS)
    assert [f"price_{meter}" in form().fields for meter in METERS] == [True] * len(METERS)


def test_prices_keep_their_digits() -> None:
    made = form(price_input="2.50", price_output="10", price_request="0.000000000001")

    assert made.is_valid(), made.errors
    assert made.instance.prices == {"input": "2.50", "output": "10", "request": "0.000000000001"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"price_input": "cheap"}, "price_input", "Enter a number."),
        ({"price_input": "-1"}, "price_input", "Ensure this value is greater than or equal to 0."),
        ({"price_input": "NaN"}, "price_input", "Enter a number."),
        ({"price_input": "0.0000000000001"}, "price_input", "Ensure that there are no more than 12 decimal places."),
        ({}, "__all__", "An override needs prices, a discount_percent, or both."),
        (
            {"discount_percent": "10", "tiers": "batch: input 1"}, "__all__",
            "Tiers need the standard prices beside them.",
        ),
        (
            {"price_input": "1", "tiers": "batch input 1"}, "tiers",
            "Line 1: write the tier, a colon and its prices: batch: input 1.25, output 5",
        ),
        ({"price_input": "1", "tiers": "batch: input x"}, "tiers", "Line 1: 'x' is no price, such as 1.25."),
    ],
)  # fmt: skip
def test_what_cannot_be_billed_is_said_where_it_is_wrong(changes: dict[str, str], field: str, words: str) -> None:
    assert form(**changes).errors.get(field) == [words]


def test_a_class_that_is_none_is_named() -> None:
    with pytest.raises(ValidationError, match="Line 2: 'cached' is no class; there are input, cache_read,"):
        TiersField(required=False).clean("batch: input 1\nflex: cached 2")


def test_tiers_in_words_are_read_as_they_were_written() -> None:
    text = "batch: input 1.25, cache read 0.5\nabove 200,000: input 5\nbatch above 200000: input 2.5, output 7"

    tiers = TiersField(required=False).clean(text)

    assert tiers == [
        {"service_tier": "batch", "above_tokens": None, "prices": {"input": "1.25", "cache_read": "0.5"}},
        {"service_tier": "", "above_tokens": 200_000, "prices": {"input": "5"}},
        {"service_tier": "batch", "above_tokens": 200_000, "prices": {"input": "2.5", "output": "7"}},
    ]
    assert TiersField(required=False).clean(tiers_in_words(tiers)) == tiers
    assert TiersField(required=False).prepare_value(tiers).splitlines()[1] == "above 200000: input 5"
