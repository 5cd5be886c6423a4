"""OpenAI's Responses API, by the official client."""

import json

import pytest

from tests.gateway.simulator.raw import post

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK = {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}


def test_response(openai_client):
    response = openai_client.responses.create(model="gpt-4o", input="hello", max_output_tokens=16)

    assert (response.object, response.status) == ("response", "incomplete")
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output[0].role == "assistant"
    assert response.output_text
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 16, 23)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (0, 0)


def test_text_and_message_are_the_same_question(openai_client):
    text = openai_client.responses.create(model="gpt-4o", input="hello")
    items = openai_client.responses.create(model="gpt-4o", input=[{"role": "user", "content": "hello"}])

    assert text.usage.input_tokens == items.usage.input_tokens


def test_stream_ends_with_what_the_whole_answer_says(openai_client):
    whole = openai_client.responses.create(model="gpt-4o", input="hello")
    events = list(openai_client.responses.create(model="gpt-4o", input="hello", stream=True))

    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events[4:-4]) == whole.output_text
    assert events[-1].response.usage == whole.usage


def test_function_calls_whole_and_streamed(openai_client):
    asked = {"model": "gpt-4o", "input": "call tools", "tools": [WEATHER, CLOCK]}
    whole = openai_client.responses.create(**asked)
    with openai_client.responses.stream(**asked) as stream:
        streamed = stream.get_final_response()

    assert [item.type for item in whole.output] == ["function_call", "function_call"]
    assert [item.name for item in whole.output] == ["get_weather", "get_time"]
    assert list(json.loads(whole.output[0].arguments)) == ["city"]
    assert [item.arguments for item in streamed.output] == [item.arguments for item in whole.output]
    assert whole.output[0].call_id.startswith("call_")


def test_answer_after_a_function_output(openai_client):
    items = [
        {"role": "user", "content": "call tool"},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "15 degrees"},
    ]

    response = openai_client.responses.create(model="gpt-4o", input=items, tools=[WEATHER])

    assert response.output[0].type == "message"


def test_reasoning_item_with_summary(openai_client):
    asked = {"model": "o4-mini", "input": "hello", "reasoning": {"effort": "high", "summary": "auto"}}
    whole = openai_client.responses.create(**asked)
    kinds = [event.type for event in openai_client.responses.create(**asked, stream=True)]

    assert [item.type for item in whole.output] == ["reasoning", "message"]
    assert whole.output[0].summary[0].text
    assert whole.usage.output_tokens_details.reasoning_tokens > 0
    assert "response.reasoning_summary_text.delta" in kinds
    assert kinds.index("response.reasoning_summary_text.done") < kinds.index("response.output_text.delta")


def test_structured_output(openai_client):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    wanted = {"format": {"type": "json_schema", "name": "place", "schema": schema, "strict": True}}

    response = openai_client.responses.create(model="gpt-4o", input="hello", text=wanted)

    assert list(json.loads(response.output_text)) == ["city"]


def test_safety_filter(openai_client):
    response = openai_client.responses.create(model="sim-fault-content-filter@2", input="hello")

    assert (response.status, response.incomplete_details.reason) == ("incomplete", "content_filter")
    assert response.usage.output_tokens == 2


def test_error_in_stream(openai_client):
    events = list(openai_client.responses.create(model="sim-fault-error-in-stream", input="hello", stream=True))

    assert (events[-1].type, events[-1].code) == ("error", "server_error")
    assert [event.type for event in events].count("response.output_text.delta") == 3


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"input": None}, 400, None),
        ({"model": None}, 400, None),
        ({"max_output_tokens": 15}, 400, "max_output_tokens"),
        ({"previous_response_id": "resp_1"}, 400, "previous_response_id"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, 400, "input[0].call_id"),
        ({"tools": [{"type": "function"}]}, 400, "tools[0].name"),
        ({"model": "nothing"}, 404, None),
    ],
)
def test_bad_requests(simulator, change, status, param):
    head, body = post(simulator, {"model": "gpt-4o", "input": "hello", **change}, path="/v1/responses")

    assert head.split(b" ")[1] == str(status).encode()
    assert json.loads(body)["error"]["param"] == param
