"""Where texts stand: listing them and changing them come by the same ones, in the same order."""

from typing import Any

import pytest

from gateway.guardrails import texts

DOCUMENT = {
    "type": "document", "title": "T", "context": "C",
    "source": {"type": "text", "media_type": "text/plain", "data": "D"},
}  # fmt: skip
BLOCKS = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "B"}]}}
FILE = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "RklMRQ=="}}
TOOL = {
    "type": "function",
    "function": {
        "name": "f", "description": "F",
        "parameters": {"type": "object", "properties": {"input": {"type": "string", "description": "I"}}},
    },
}  # fmt: skip
REQUESTS: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"system": "be brief", "model": "m", "messages": [{"role": "user", "content": "hello"}]},
        ["be brief", "hello"],
    ),
    (
        {"messages": [{"role": "user", "content": [
            {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ]}], "instructions": "now"},
        ["look", "now"],
    ),
    (
        {"input": [{"type": "function_call", "name": "send", "arguments": {"to": "bob", "data": ["x", 1]}}]},
        ["bob", "x"],
    ),
    ({"messages": [{"role": "user", "content": ""}, {"role": "user", "content": None}], "prompt": ["a", "b"]},
     ["a", "b"]),
    ({"instructions": "S", "input": [{"role": "user", "content": "M"}]}, ["S", "M"]),
    ({"messages": [{"role": "user", "content": [DOCUMENT, BLOCKS, FILE]}]}, ["T", "C", "D", "B"]),
    ({"tools": [TOOL, {"name": "g", "description": "G", "input_schema": {}}], "prompt": "P"}, ["F", "I", "G", "P"]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), REQUESTS)
def test_a_requests_texts_in_the_order_in_which_they_are_changed(fields: dict[str, Any], expected: list[str]) -> None:
    seen: list[str] = []

    same = texts.change_request(fields, lambda text: seen.append(text) or text)  # type: ignore[func-returns-value]

    assert (seen, same, texts.request_texts(fields)) == (expected, fields, expected)


def test_an_answers_texts_in_the_order_in_which_they_are_changed() -> None:
    answer = {
        "id": "x", "output": [{"type": "message", "content": [{"type": "output_text", "text": "one", "data": "no"}]}],
        "choices": [{"message": {"role": "assistant", "content": "two", "tool_calls": [
            {"id": "c", "function": {"name": "f", "arguments": "{}"}}]}}],
        "content": [{"type": "tool_use", "name": "t", "input": {"deep": {"er": "three"}}}], "data": ["no"],
    }  # fmt: skip
    seen: list[str] = []

    texts.change_answer(answer, lambda text: seen.append(text) or text)  # type: ignore[func-returns-value]

    assert texts.answer_texts(answer) == seen == ["one", "two", "{}", "three"]


def test_every_string_but_files() -> None:
    given = {"user": "a", "metadata": {"b": "c"}, "messages": [{"content": [DOCUMENT, BLOCKS, FILE]}], "n": 1}

    changed = texts.change_every(given, str.lower)

    assert (changed["user"], changed["metadata"], changed["n"]) == ("a", {"b": "c"}, 1)
    written, blocks, file = changed["messages"][0]["content"]
    assert (written["title"], written["source"]["data"], blocks["source"]["content"][0]["text"]) == ("t", "d", "b")
    assert file["source"] == FILE["source"]
