"""A stream cut anywhere gives the text that the whole would have given, and never a part of a finding."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.guardrails.checks.deny_list import DenyListCheck
from gateway.guardrails.checks.patterned import pii_check, secrets_check
from gateway.guardrails.rails import Rail, Verdict, screen
from gateway.guardrails.streaming import StreamGuard
from gateway.guardrails.window import TextWindow

CARD, MAIL, KEY = "4111 1111 1111 1111", "bob@example.com", "AKIAIOSFODNN7EXAMPLE"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEow\nIBAA\n-----END PRIVATE KEY-----"
RAILS = [
    Rail("1", "pii", "pii", "redact", pii_check()),
    Rail("2", "secrets", "secrets", "redact", secrets_check()),
    Rail("3", "words", "deny_list", "redact", DenyListCheck(["project falcon"])),
]


def texts_of(parts: list[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(st.sampled_from(parts), st.sampled_from([" ", "\n", ", "])), max_size=12)
    return pairs.map(lambda found: "".join(word + separator for word, separator in found))


PARTS = [CARD, MAIL, KEY, PEM, "project falcon", "Project\n  Falcon", "hello", "中文字符", "-----", "a@", "\n", "."]
TEXTS = texts_of(PARTS)
DIGIT_SOUP = texts_of([*PARTS, "12 34", "4111"])


def through_window(text: str, cuts: list[int]) -> tuple[str, list[str]]:
    window, pieces = TextWindow(RAILS, Verdict()), []
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        pieces.append(window.feed(text[start:end]))
    return "".join(pieces) + window.flush(), pieces


@settings(max_examples=300)
@given(TEXTS, st.lists(st.integers(0, 500), max_size=20))
def test_any_cut_gives_the_same_text(text: str, cuts: list[int]) -> None:
    assert through_window(text, cuts)[0] == screen(text, RAILS, Verdict())


@settings(max_examples=200)
@given(DIGIT_SOUP)
def test_letter_by_letter_nothing_of_a_finding_leaves(text: str) -> None:
    streamed, _ = through_window(text, list(range(len(text))))

    for secret in (CARD, MAIL, KEY, "MIIEow"):
        assert secret not in streamed


def test_ordinary_text_leaves_long_before_its_end() -> None:
    window = TextWindow(RAILS, Verdict())

    sent = [window.feed(f"word{number} ") for number in range(40)]

    assert "word20 " in "".join(sent)
    assert "".join(sent).endswith("word32 ")


def test_a_run_without_blanks_is_not_held_for_ever() -> None:
    window = TextWindow(RAILS, Verdict())

    assert len(window.feed("x" * 20_000)) == 20_000 - 16_384


def chat(content: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    content_part = {} if content is None else {"content": content}
    return {"id": "c", "choices": [{"index": 0, "delta": {**content_part, **delta}, "finish_reason": finish}]}


def contents(events: list[dict[str, Any]]) -> str:
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events)


def test_a_chat_stream_keeps_its_order_and_ends_complete() -> None:
    guard = StreamGuard("openai-chat", RAILS, Verdict())
    pieces = ["My card: 4111 ", "1111 11", "11 1111", " ok"]

    events = guard.event(chat("", role="assistant"))
    for piece in pieces:
        events += guard.event(chat(piece))
    events += guard.event(chat(finish="stop")) + guard.finish()

    assert contents(events) == "My card: [REDACTED:credit_card] ok"
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


def test_text_in_the_event_that_ends_it_is_not_lost() -> None:
    guard = StreamGuard("openai-chat", RAILS, Verdict())

    events = guard.event(chat("write to bob@exa")) + guard.event(chat("mple.com", finish="stop"))

    assert contents(events) == "write to [REDACTED:email]"


def test_arguments_of_parallel_tool_calls_are_texts_of_their_own() -> None:
    guard = StreamGuard("openai-chat", RAILS, Verdict())

    def tool(place: int, arguments: str, **more: Any) -> dict[str, Any]:
        return chat(tool_calls=[{"index": place, "function": {"arguments": arguments, **more}}])

    events = guard.event(tool(0, '{"to": "bob@', name="send")) + guard.event(tool(1, '{"n": "4111 1111 '))
    events += (
        guard.event(tool(0, 'example.com"}')) + guard.event(tool(1, '1111 1111"}')) + guard.event(chat(finish="x"))
    )

    found: dict[int, str] = {}
    for event in events:
        for call in event["choices"][0]["delta"].get("tool_calls", []):
            found[call["index"]] = found.get(call["index"], "") + call["function"]["arguments"]
    assert found == {0: '{"to": "[REDACTED:email]"}', 1: '{"n": "[REDACTED:credit_card]"}'}
    assert [event["choices"][0]["delta"]["tool_calls"][0]["function"].get("name") for event in events[:1]] == ["send"]


def test_anthropic_blocks_end_complete_before_their_stop() -> None:
    guard = StreamGuard("anthropic-messages", RAILS, Verdict())

    def delta(text: str) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}

    events = guard.event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    events += guard.event(delta("mail bob@")) + guard.event(delta("example.com"))
    events += guard.event({"type": "content_block_stop", "index": 0}) + guard.event({"type": "message_stop"})

    assert "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta") == "mail [REDACTED:email]"
    assert [e["type"] for e in events][-2:] == ["content_block_stop", "message_stop"]
    assert guard.encode(events[-1:]) == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_responses_repeat_the_redacted_text_and_number_their_events_without_gaps() -> None:
    guard, number = StreamGuard("openai-responses", RAILS, Verdict()), iter(range(100))

    def event(kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "sequence_number": next(number), "item_id": "m", "content_index": 0, **fields}

    text = "mail bob@example.com"
    events = guard.event(event("response.output_text.delta", delta="mail bob@exam"))
    events += guard.event(event("response.output_text.delta", delta="ple.com"))
    events += guard.event(event("response.output_text.done", text=text))
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    events += guard.event(event("response.completed", response={"id": "r", "output": output}))

    deltas = "".join(e["delta"] for e in events if e["type"].endswith(".delta"))
    assert deltas == events[-2]["text"] == "mail [REDACTED:email]"
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "mail [REDACTED:email]"
    assert [e["sequence_number"] for e in events] == list(range(len(events)))


@pytest.mark.parametrize("action", ["block", "flag"])
def test_what_is_not_redacted_is_remembered(action: str) -> None:
    verdict = Verdict()
    guard = StreamGuard("openai-chat", [Rail("1", "pii", "pii", action, pii_check())], verdict)

    guard.event(chat("bob@example.com and more text to follow it here, long enough to leave the window soon, it is"))
    guard.finish()

    assert [hit.whats for hit in verdict.hits] == [("email",)]
    assert (verdict.blocked_by is not None) == (action == "block")
