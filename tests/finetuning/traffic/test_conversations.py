"""Logged requests of every wire format as lines of a training file."""

import json
from typing import Any

import pytest

from finetuning.traffic import NotAnExample, example_of

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {}}},
}
ASKED = {
    "model": "gpt-4o", "temperature": 0.2, "max_tokens": 50, "user": "u-1",
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello?"}],
}  # fmt: skip


def answer(message: dict[str, Any], finish: str = "stop", choices: int = 1) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
            "choices": [{**choice, "index": number} for number in range(choices)]}  # fmt: skip


def test_a_chat_call():
    record = example_of(CHAT, json.dumps(ASKED), json.dumps(answer({"content": "Hi!"})))

    assert record == {"messages": [*ASKED["messages"], {"role": "assistant", "content": "Hi!"}]}


def test_a_stream_is_put_together():
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "Hi"}, {"content": " there"}, {}]
    finishes = [None, None, "stop"]
    stream = "".join(
        "data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
                               "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + "\n\n"
        for delta, finish in zip(deltas, finishes, strict=True)
    ) + "data: [DONE]\n\n"  # fmt: skip

    record = example_of(CHAT, json.dumps({**ASKED, "stream": True}), stream)

    assert record["messages"][-1] == {"role": "assistant", "content": "Hi there"}
    with pytest.raises(NotAnExample, match="cut_answer"):
        example_of(CHAT, json.dumps(ASKED), stream.split('data: {"id": "c"', 3)[0] + stream[: stream.index(" there")])


def test_tools_stay():
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    asked = {**ASKED, "tools": [TOOL], "parallel_tool_calls": False}

    record = example_of(
        CHAT, json.dumps(asked), json.dumps(answer({"content": None, "tool_calls": [call]}, "tool_calls"))
    )

    assert record["tools"][0]["function"]["name"] == "weather"
    assert record["messages"][-1]["tool_calls"] == [call]


def test_anthropics_messages():
    asked = {"model": "claude-sonnet-5-5", "max_tokens": 100, "system": "Be kind.",
             "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]}  # fmt: skip
    reply = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Hi!"}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }

    record = example_of(MESSAGES, json.dumps(asked), json.dumps(reply))

    assert [message["role"] for message in record["messages"]] == ["system", "user", "assistant"]
    assert record["messages"][-1] == {"role": "assistant", "content": "Hi!"}


def test_responses():
    asked = {"model": "gpt-4o", "instructions": "Be kind.", "input": "Hello?"}
    reply = {"id": "r", "object": "response", "created_at": 1, "model": "gpt-4o", "status": "completed",
             "output": [{"type": "message", "id": "x", "role": "assistant", "status": "completed",
                         "content": [{"type": "output_text", "text": "Hi!", "annotations": []}]}]}  # fmt: skip

    record = example_of(RESPONSES, json.dumps(asked), json.dumps(reply))

    assert record["messages"][-2:] == [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hi!"}]


IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}


@pytest.mark.parametrize(
    ("endpoint", "request_body", "response", "code"),
    [
        ("/v1/embeddings", ASKED, answer({"content": "x"}), "not_a_conversation"),
        ("/v1/nothing", ASKED, answer({"content": "x"}), "not_a_conversation"),
        (CHAT, {"model": "m"}, answer({"content": "x"}), "not_a_conversation"),
        (CHAT, ASKED, {"error": {"message": "no"}}, "not_a_conversation"),
        (CHAT, ASKED, answer({"content": ""}), "no_answer"),
        (CHAT, ASKED, answer({"content": "x"}, "length"), "cut_answer"),
        (CHAT, ASKED, answer({"content": "x"}, choices=2), "several_answers"),
        (CHAT, {**ASKED, "messages": [IMAGE]}, answer({"content": "x"}), "has_media"),
    ],
)
def test_what_is_no_example(endpoint, request_body, response, code):
    with pytest.raises(NotAnExample) as refused:
        example_of(endpoint, json.dumps(request_body), json.dumps(response))

    assert refused.value.code == code


@pytest.mark.parametrize(("request_text", "response"), [("{", "{}"), ("[]", "{}"), (json.dumps(ASKED), "data: {]\n\n")])
def test_what_cannot_be_read(request_text, response):
    with pytest.raises(NotAnExample):
        example_of(CHAT, request_text, response)
