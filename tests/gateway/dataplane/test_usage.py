"""Usage of answers that broke off: what arrived is read, wherever the cut fell."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.pricing import price
from gateway.dataplane.usage import reported, reported_messages, reported_response, texts_of_cut


def answer_with(text: str, *, escapes: bool) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"id": "x", "choices": [{"index": 0, "message": message}]}, ensure_ascii=escapes).encode()


@given(st.text(min_size=1), st.booleans(), st.data())
def test_the_text_up_to_the_cut_is_read(text: str, escapes: bool, data: st.DataObject) -> None:
    text = text.encode("utf-8", "ignore").decode() or "x"
    body = answer_with(text, escapes=escapes)
    cut = data.draw(st.integers(0, len(body)))

    found = texts_of_cut(body[:cut])

    assert text.startswith("".join(found))
    if cut >= len(body) - len('"}}]}'):
        assert found == [text]


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b"", []),
        (b'{"choices":[{"message":{"content":', []),
        (b'{"choices":[{"message":{"content":"', []),
        (b'{"choices":[{"message":{"content" : "say \\"content\\": \\"no\\" and', ['say "content": "no" and']),
        (b'{"choices":[{"message":{"content":"half \\', ["half "]),
        (b'{"choices":[{"message":{"content":"half \\u00', ["half "]),
        (b'{"choices":[{"message":{"content":"half \\ud83d', ["half "]),
        ('{"content":"snow ☃'.encode()[:-1], ["snow "]),
        (b'{"tool_calls":[{"function":{"name":"f","arguments":"{\\"a\\": 1', ["f", '{"a": 1']),
        (b'{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"so', ["hm", "so"]),
        (b'{"message":{"reasoning_content":"think","content":"say"}}', ["think", "say"]),
    ],
)  # fmt: skip
def test_cuts_inside_keys_escapes_and_characters(body: bytes, texts: list[str]) -> None:
    assert texts_of_cut(body) == texts


# ---- what vendors bill besides tokens ------------------------------------------------------------------------------
AT = datetime(2026, 11, 20, tzinfo=UTC)


def test_anthropics_searches_and_fast_mode_are_billed() -> None:
    """Shape: Anthropic API documentation, "Web search tool", usage; "Fast mode", `usage.speed`."""
    said = {
        "input_tokens": 105, "output_tokens": 6039, "server_tool_use": {"web_search_requests": 2}, "speed": "fast",
        "service_tier": "standard",
    }  # fmt: skip

    found = reported_messages(said)

    assert found is not None
    assert found.tokens["web_searches"] == 2
    assert found.context == {"service_tier": "standard", "speed": "fast"}
    priced = price(found.tokens, provider="anthropic", model="claude-opus-5-5", at=AT, context=found.context)
    # 105 x $8 + 6,039 x $40 a million, 2 searches at $10 a thousand
    assert (priced.total, priced.status) == (Decimal("0.2624"), "priced")


def test_anthropics_region_raises_the_price() -> None:
    """Shape and 1.1x: Anthropic API documentation, "Data residency", `usage.inference_geo`."""
    said = {"input_tokens": 1000, "output_tokens": 1000, "service_tier": "standard", "inference_geo": "us"}

    found = reported_messages(said)

    assert found is not None
    assert found.context == {"service_tier": "standard", "region": "us"}
    priced = price(found.tokens, provider="anthropic", model="claude-opus-4-6", at=AT, context=found.context)
    # 1,000 x $5 x 1.1 + 1,000 x $25 x 1.1 a million
    assert (priced.total, priced.status, priced.flags) == (Decimal("0.033"), "priced", ())
    anywhere = {**found.context, "region": "not_available"}
    old = price(found.tokens, provider="anthropic", model="claude-opus-4-6", at=AT, context=anywhere)
    assert (old.total, old.flags) == (Decimal("0.03"), ())


def test_openais_searches_are_billed_and_opened_pages_are_not() -> None:
    """Shape: OpenAI, "Web search", output and citations."""
    output: list[dict[str, Any]] = [
        {"type": "web_search_call", "action": {"type": "search", "query": "x"}},
        {"type": "web_search_call", "action": {"type": "open_page", "url": "https://example.com"}},
        {"type": "web_search_call", "status": "completed"},
        {"type": "message"},
    ]

    found = reported_response({"input_tokens": 1000, "output_tokens": 100}, {"output": output})

    assert found is not None
    assert found.tokens["web_searches"] == 2
    # 1,000 x $2.50 + 100 x $10 a million, 2 searches at $10 a thousand
    assert price(found.tokens, provider="openai", model="gpt-4o", at=AT).total == Decimal("0.0235")


def test_openais_cache_writes_are_parts_of_the_prompt() -> None:
    """The example of OpenAI's guide "Prompt caching": 2,000 read, 400 written, 200 neither."""
    said = {"prompt_tokens": 2600, "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 400}}  # fmt: skip

    found = reported(said, {})

    assert found is not None
    assert (found.tokens["cache_read_tokens"], found.tokens["cache_write_5m_tokens"]) == (2000, 400)
    # 200 x $2, 2,000 x $0.20, 400 x $2.50, 1 x $12 a million
    assert price(found.tokens, provider="openai", model="gpt-5.6-terra", at=AT).total == Decimal("0.001812")
