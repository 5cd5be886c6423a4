"""The bound in integers is the price book's bound, and no usage within it costs more."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.budgets.money import ticks
from costs.budgets.worstcase import (
    IMAGE_TOKENS,
    STATE_TOKENS,
    TOOLS_TOKENS,
    Worst,
    _cards,
    bounds_of,
    input_bound,
    output_limit,
)
from costs.pricer import BookPricer
from costs.pricing import default_book, price_with, upper_bound
from gateway.dataplane.call import Call, new_call, parse
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.dataplane.views import ProviderView, Target

AT = datetime(2026, 11, 1, tzinfo=UTC)
MODELS = [
    ("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("anthropic", "claude-opus-4-1"), ("google", "gemini-2.5-pro"),
    ("mistral", "mistral-large-latest"),
]  # fmt: skip


def card(provider: str, model: str) -> Any:
    found = default_book().resolve(provider, model, AT)
    assert found is not None
    return found


@pytest.mark.parametrize(("provider", "model"), MODELS)
@settings(deadline=None)
@given(tokens=st.integers(0, 2_000_000), output=st.integers(0, 200_000))
def test_integers_bound_as_decimals_do(provider: str, model: str, tokens: int, output: int) -> None:
    known = upper_bound(card(provider, model), tokens, output)

    assert known is not None
    assert 0 <= bounds_of(card(provider, model)).cost(tokens, output) - ticks(known) <= 4


@pytest.mark.parametrize(("provider", "model"), MODELS)
@settings(deadline=None)
@given(tokens=st.integers(1, 500_000), parts=st.lists(st.integers(0, 500_000), min_size=5, max_size=5))
def test_no_usage_within_the_bound_costs_more(provider: str, model: str, tokens: int, parts: list[int]) -> None:
    read, written, output, reasoning, fewer = parts
    usage = {
        "input_tokens": max(0, tokens - fewer), "cache_read_tokens": read % tokens // 2,
        "cache_write_1h_tokens": written % tokens // 4, "output_tokens": output,
        "reasoning_tokens": reasoning % (output + 1),
    }  # fmt: skip
    usage["input_tokens"] = max(usage["input_tokens"], usage["cache_read_tokens"] + usage["cache_write_1h_tokens"])
    priced = price_with(card(provider, model), usage)

    if priced.total is not None:
        assert ticks(priced.total) <= bounds_of(card(provider, model)).cost(tokens, output)


def test_a_rate_of_whole_ticks_needs_no_slack() -> None:
    found = bounds_of(card("openai", "gpt-4o"))

    assert found.cost(1_000_000, 0) == ticks(Decimal("2.50"))
    assert found.cost(0, 1_000_000) == ticks(Decimal("10.00"))


@settings(deadline=None)
@given(money=st.integers(0, 10**9), most=st.integers(0, 5_000), choices=st.integers(1, 4))
def test_the_largest_answer_that_money_pays_for(money: int, most: int, choices: int) -> None:
    worst = Worst(100, choices, (card("openai", "gpt-4o"),))

    fitting = worst.fitting(money, most)

    assert 0 <= fitting <= most
    assert fitting == 0 or worst.cost(fitting) <= money
    assert fitting == most or worst.cost(fitting + 1) > money


def call_of(body: bytes, path: str = "/v1/chat/completions") -> Call:
    call = new_call(ENDPOINTS[path], {}, "127.0.0.1")
    parse(call, body)
    return call


def test_input_is_bounded_by_bytes_images_and_what_vendors_add() -> None:
    plain = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    image = b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"%b"}}]}]}'
    data = b"data:image/png;base64," + b"A" * 100_000
    tools = plain[:-1] + b',"tools":[{"type":"function","function":{"name":"f"}}]}'
    state = b'{"model":"m","input":"hi","previous_response_id":"resp_1"}'

    assert input_bound(call_of(plain)) == len(plain) + 16
    assert input_bound(call_of(image % b"http://x/y.png")) == len(image % b"http://x/y.png") + 16 + IMAGE_TOKENS
    assert input_bound(call_of(image % data)) == len(image % b"") + 16 + IMAGE_TOKENS
    assert input_bound(call_of(tools)) == len(tools) + 16 + TOOLS_TOKENS
    assert input_bound(call_of(state, "/v1/responses")) == len(state) + 16 + STATE_TOKENS


@pytest.mark.parametrize(
    ("asked", "made", "limit"),
    [
        (None, [], 4096), (None, [16_384], 16_384), (None, [16_384, 8_192], 8_192), (100, [16_384], 100),
        (99_999, [16_384], 16_384), (99_999, [], 99_999), (0, [], 4096), (-5, [], 4096),
    ],
)  # fmt: skip
def test_output_is_bounded_by_what_is_asked_and_what_targets_make(
    asked: int | None, made: list[int], limit: int
) -> None:
    call = call_of(b'{"model":"m","messages":[]%b}' % (b"" if asked is None else b',"max_tokens":%d' % asked))
    provider: Any = None
    call.candidates = tuple(Target("m", "m", provider, max_output_tokens=most) for most in made)

    assert output_limit(call, 4096) == limit


@pytest.mark.parametrize(
    ("asked", "output"),
    [(b"", ["0.000025"]), (b'"inference_geo": "global", ', ["0.000025"]),
     (b'"inference_geo": "us", ', ["0.000025", "0.0000275"])],
)  # fmt: skip
def test_the_region_asked_for_is_bounded_too(asked: bytes, output: list[str]) -> None:
    """US inference of Claude Opus 4.6 costs 1.1 times as much (Anthropic API documentation, "Data residency")."""
    call: Any = call_of(b'{"model": "m", ' + asked + b'"messages": []}')
    call.key = SimpleNamespace(organization="acme")
    provider = ProviderView("1", "p", "anthropic", "anthropic", Origin("h", 80, tls=False), "", "", Timeouts())
    target = Target("m", "claude-opus-4-6", provider)

    found = _cards(target, BookPricer(), AT, call)

    assert [card.tiers[-1].rates["output"].unit_price for card in found] == list(map(Decimal, output))


def test_embeddings_make_no_output() -> None:
    call = call_of(b'{"model":"m","input":"hi"}', "/v1/embeddings")

    assert output_limit(call, 4096) == 0
