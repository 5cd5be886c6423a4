"""Anthropic's format, by the official client and by raw bytes."""

import http.client
import json
from collections.abc import Iterator

import anthropic
import pytest

from gateway.simulator.process import SimulatorProcess
from tests.gateway.simulator.raw import fetch, named_events, post

HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}
TOOL = {
    "name": "get_weather",
    "description": "Weather of a place",
    "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
CLOCK = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture
def client(fresh_simulator: SimulatorProcess) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=fresh_simulator.url, api_key="sk-ant-test", max_retries=0, timeout=10) as made:
        yield made


def ask(content="hello", model="claude-haiku-4-5", max_tokens=64, **fields):
    return {"model": model, "max_tokens": max_tokens, "messages": [{"role": "user", "content": content}], **fields}


def events_of(simulator, payload):
    return named_events(fetch(simulator, "/v1/messages", {**payload, "stream": True}, headers=HEADERS).body)


def test_message(client):
    first = client.messages.create(**ask(max_tokens=12))
    again = client.messages.create(**ask(max_tokens=12))

    assert first.id != again.id
    assert first.content[0].text == again.content[0].text
    assert (first.type, first.role, first.model) == ("message", "assistant", "claude-haiku-4-5")
    assert (first.stop_reason, first.stop_sequence) == ("max_tokens", None)
    assert (first.usage.input_tokens, first.usage.output_tokens) == (7, 12)
    assert first.usage.cache_creation.ephemeral_5m_input_tokens == 0
    assert first._request_id.startswith("req_")


def test_stop_sequence_is_named(client):
    whole = client.messages.create(**ask(max_tokens=64)).content[0].text
    word = whole.split(" ")[3]

    stopped = client.messages.create(**ask(max_tokens=64, stop_sequences=[word]))

    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", word)
    assert stopped.content[0].text == whole[: whole.find(word)]


def test_stream_says_what_the_whole_answer_says(client):
    whole = client.messages.create(**ask())
    with client.messages.stream(**ask()) as stream:
        streamed = stream.get_final_message()

    assert streamed.content[0].text == whole.content[0].text
    assert (streamed.stop_reason, streamed.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)


def test_order_of_events(simulator):
    events = events_of(simulator, ask(max_tokens=2))

    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(data["type"] == name for name, data in events)
    assert events[0][1]["message"]["usage"]["input_tokens"] == 7
    assert events[0][1]["message"]["stop_reason"] is None
    assert events[6][1]["delta"]["stop_reason"] == "max_tokens"
    assert events[6][1]["usage"]["output_tokens"] == 2


def test_two_tools_at_once_whole_and_streamed(client):
    asked = ask("please call tools", tools=[TOOL, CLOCK], max_tokens=512)
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()

    assert whole.stop_reason == "tool_use"
    assert [block.name for block in whole.content] == ["get_weather", "get_time"]
    assert set(whole.content[0].input) == {"location"}
    assert [block.input for block in streamed.content] == [block.input for block in whole.content]
    assert [block.id for block in streamed.content] == [block.id for block in whole.content]
    assert whole.content[0].id.startswith("toolu_")


def test_forced_tool_ends_in_tool_use(client):
    forced = client.messages.create(**ask(tools=[TOOL], tool_choice={"type": "tool", "name": "get_weather"}))

    assert (forced.stop_reason, forced.content[0].name) == ("tool_use", "get_weather")


def test_answer_after_a_tool_result_is_text(client):
    messages = [
        {"role": "user", "content": "call tool"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "15 degrees"}]},
    ]

    answer = client.messages.create(model="claude-haiku-4-5", max_tokens=16, tools=[TOOL], messages=messages)

    assert answer.content[0].type == "text"


def test_thinking_comes_first_and_is_counted(client):
    asked = ask(max_tokens=4_096, thinking={"type": "enabled", "budget_tokens": 1_024})
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()

    thinking, text = whole.content
    assert (thinking.type, text.type) == ("thinking", "text")
    assert thinking.signature == streamed.content[0].signature
    assert thinking.thinking == streamed.content[0].thinking
    thought = whole.usage.output_tokens_details.thinking_tokens
    assert 64 <= thought <= 1_024
    assert whole.usage.output_tokens > thought
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_json_schema(client):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = client.messages.create(**ask(output_config={"format": {"type": "json_schema", "schema": schema}}))

    assert list(json.loads(answer.content[0].text)) == ["city"]


def test_cache_is_written_then_read(client):
    def send(tail):
        system = [{"type": "text", "text": "word " * 2_000, "cache_control": {"type": "ephemeral"}}]
        usage = client.messages.create(**ask(tail, system=system, max_tokens=1)).usage
        creation = usage.cache_creation
        return (
            usage.input_tokens,
            usage.cache_read_input_tokens,
            usage.cache_creation_input_tokens,
            creation.ephemeral_5m_input_tokens,
            creation.ephemeral_1h_input_tokens,
        )

    assert send("one") == (7, 0, 2_001, 2_001, 0)
    assert send("one") == (7, 2_001, 0, 0, 0)
    assert send("two three") == (8, 2_001, 0, 0, 0)


def test_hour_and_five_minutes_in_one_prompt(client):
    system = [{"type": "text", "text": "word " * 1_500, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    content = [{"type": "text", "text": "more " * 500, "cache_control": {"type": "ephemeral"}}]
    asked = {**ask(content, max_tokens=1), "system": system}

    first = client.messages.create(**asked).usage
    asked["messages"] = [{"role": "user", "content": [*content, {"type": "text", "text": "new"}]}]
    second = client.messages.create(**asked).usage

    assert first.cache_creation.ephemeral_1h_input_tokens == 1_501
    assert first.cache_creation.ephemeral_5m_input_tokens == 504
    assert (first.input_tokens, first.cache_read_input_tokens) == (3, 0)
    assert (second.input_tokens, second.cache_read_input_tokens, second.cache_creation_input_tokens) == (4, 2_005, 0)


def test_short_prompts_are_not_cached(client):
    system = [{"type": "text", "text": "word " * 100, "cache_control": {"type": "ephemeral"}}]
    for _ in range(2):
        usage = client.messages.create(**ask(system=system, max_tokens=1)).usage
        assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (0, 0)


def test_count_tokens_is_what_the_message_costs(client):
    counted = client.messages.count_tokens(model="claude-haiku-4-5", messages=[{"role": "user", "content": "hello"}])

    assert counted.input_tokens == client.messages.create(**ask(max_tokens=1)).usage.input_tokens


def test_models(client):
    listed = client.models.list()

    assert listed.data[0].id == "claude-haiku-4-5"
    assert client.models.retrieve("claude-haiku-4-5").display_name == "Claude Haiku 4 5"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (403, "permission_error"), (429, "rate_limit_error"), (500, "api_error"),
     (529, "overloaded_error")],
)  # fmt: skip
def test_errors_have_the_vendors_shape(simulator, status, kind):
    response = fetch(simulator, "/v1/messages", ask(), headers={**HEADERS, "x-sim-fault": f"error-{status}@2"})

    body = response.json()
    assert response.status == status
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["request_id"] == response.headers["request-id"]
    assert response.headers.get("retry-after") == ("2" if status in (429, 529) else None)


def test_error_in_stream(simulator):
    events = events_of(simulator, ask(model="sim-fault-error-in-stream"))

    assert events[-1] == ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert len([name for name, _ in events if name == "content_block_delta"]) == 3


def test_cut_stream_is_billed_for_what_was_sent(fresh_simulator):
    with pytest.raises(http.client.IncompleteRead):
        events_of(fresh_simulator, ask(model="sim-fault-cut-stream@5"))

    record = fresh_simulator.records()[-1]
    assert (record["outcome"], record["usage"]["output_tokens"], record["usage"]["input_tokens"]) == ("cut", 5, 7)


def test_safety_filter_is_a_refusal(client):
    answer = client.messages.create(**ask(model="sim-fault-content-filter@2"))

    assert (answer.stop_reason, answer.usage.output_tokens) == ("refusal", 2)


def test_rate_limit_headers(simulator):
    headers = {**HEADERS, "x-api-key": "sk-ant-rpm-1"}
    first, second = (fetch(simulator, "/v1/messages", ask(), headers=headers) for _ in range(2))

    assert first.headers["anthropic-ratelimit-requests-limit"] == "1"
    assert first.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert first.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert (second.status, second.json()["error"]["type"]) == (429, "rate_limit_error")


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"max_tokens": None}, 400, "max_tokens: Field required"),
        ({"messages": []}, 400, "messages: at least one message is required"),
        ({"model": "gpt-none"}, 404, "model: gpt-none"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400,
         "messages.0.role: Input should be 'user' or 'assistant'"),
        ({"tools": [{"name": "a"}]}, 400, "tools.0.custom.input_schema: Field required"),
        ({"tool_choice": {"type": "any"}}, 400, "tool_choice may only be specified while providing tools"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, 400,
         "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"),
    ],
)  # fmt: skip
def test_bad_requests(simulator, change, status, message):
    response = fetch(simulator, "/v1/messages", {**ask(), **change}, headers=HEADERS)

    assert (response.status, response.json()["error"]["message"]) == (status, message)


def test_keys_and_version_are_required(simulator):
    def status(**headers):
        return fetch(simulator, "/v1/messages", ask(), headers=headers).status

    assert status() == 401
    assert status(**{"x-api-key": "sk-invalid", "anthropic-version": "2023-06-01"}) == 401
    assert status(**{"x-api-key": "k"}) == 400
    assert status(**{"authorization": "Bearer k", "anthropic-version": "2023-06-01"}) == 200


def test_paced_stream(simulator):
    _, body = post(simulator, ask(model="sim-paced-20x0", stream=True), path="/v1/messages", headers=HEADERS)

    assert body.count(b'"text_delta"') == 20
    assert body.count(b"sim_sent_at") > 20
