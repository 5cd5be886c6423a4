"""The official `openai` client against the simulator, over real HTTP."""

import base64
import json
import struct

import openai
import pytest
from pydantic import BaseModel

from tests.gateway.simulator.raw import ask, post

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
            "required": ["city", "days"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


def test_chat(openai_client):
    first = openai_client.chat.completions.create(**ask(max_tokens=12))
    again = openai_client.chat.completions.create(**ask(max_tokens=12))

    assert first.id != again.id
    assert first.choices[0].message.content == again.choices[0].message.content
    assert first.choices[0].finish_reason == "length"
    assert (first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.total_tokens) == (7, 12, 19)
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    assert first.usage.completion_tokens_details.reasoning_tokens == 0
    assert (first.model, first.object, first.service_tier) == ("gpt-4o", "chat.completion", "default")
    assert first.system_fingerprint.startswith("fp_")
    assert first._request_id.startswith("req_")


def test_unknown_fields_are_ignored_and_tier_is_kept(openai_client):
    answer = openai_client.chat.completions.create(**ask(service_tier="flex"), extra_body={"not_a_field": {"a": 1}})

    assert answer.service_tier == "flex"


def test_stream_says_the_same_as_the_whole_answer(openai_client):
    whole = openai_client.chat.completions.create(**ask(n=2, max_tokens=40))
    chunks = list(openai_client.chat.completions.create(**ask(n=2, max_tokens=40, stream=True)))

    texts = ["", ""]
    finishes = {}
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                finishes[choice.index] = choice.finish_reason
    assert texts == [choice.message.content for choice in whole.choices]
    assert finishes == {choice.index: choice.finish_reason for choice in whole.choices}
    assert all(chunk.usage is None for chunk in chunks)
    assert [chunk.choices[0].delta.role for chunk in chunks[:2]] == ["assistant", "assistant"]


def test_stream_usage_comes_in_a_last_chunk_without_choices(openai_client):
    whole = openai_client.chat.completions.create(**ask())
    chunks = list(openai_client.chat.completions.create(**ask(stream=True, stream_options={"include_usage": True})))

    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None and chunk.choices for chunk in chunks[:-1])


def test_tool_calls_whole_and_streamed(openai_client):
    request = ask(content="call tools please", tools=[WEATHER, CLOCK])
    whole = openai_client.chat.completions.create(**request)
    with openai_client.chat.completions.stream(**request) as stream:
        streamed = stream.get_final_completion()

    calls = whole.choices[0].message.tool_calls
    assert whole.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    arguments = json.loads(calls[0].function.arguments)
    assert isinstance(arguments["city"], str)
    assert 1 <= arguments["days"] <= 7
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        (call.id, call.function.name, call.function.arguments) for call in streamed.choices[0].message.tool_calls
    ]


def test_tool_result_is_answered_in_words(openai_client):
    request = ask(content="call tool", tools=[WEATHER])
    call = openai_client.chat.completions.create(**request).choices[0].message
    request["messages"] += [call.model_dump(exclude_none=True)]
    request["messages"] += [{"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "sunny"}]

    answer = openai_client.chat.completions.create(**request).choices[0]

    assert answer.message.tool_calls is None
    assert answer.message.content


class Invoice(BaseModel):
    number: int
    customer: str
    paid: bool


def test_structured_output(openai_client):
    parsed = openai_client.chat.completions.parse(**ask(), response_format=Invoice)
    loose = openai_client.chat.completions.create(**ask(content="as json"), response_format={"type": "json_object"})

    assert isinstance(parsed.choices[0].message.parsed, Invoice)
    assert isinstance(json.loads(loose.choices[0].message.content), dict)


def test_logprobs(openai_client):
    whole = openai_client.chat.completions.create(**ask(logprobs=True, top_logprobs=2, max_tokens=3))
    chunks = openai_client.chat.completions.create(**ask(logprobs=True, top_logprobs=2, max_tokens=3, stream=True))

    entries = whole.choices[0].logprobs.content
    assert "".join(entry.token for entry in entries) == whole.choices[0].message.content
    assert [len(entry.top_logprobs) for entry in entries] == [2, 2, 2]
    assert all(entry.logprob <= 0 for entry in entries)
    assert [entry for chunk in chunks if (found := chunk.choices[0].logprobs) for entry in found.content] == entries


def test_reasoning_model_reports_reasoning_tokens(openai_client):
    usage = openai_client.chat.completions.create(**ask("o4-mini", reasoning_effort="high")).usage

    assert usage.completion_tokens > usage.completion_tokens_details.reasoning_tokens > 0


def test_repeated_long_prompt_is_cached(openai_client, fresh_simulator):
    prompt = "word " * 1_500
    first = openai_client.chat.completions.create(**ask(content=prompt, max_tokens=1)).usage
    second = openai_client.chat.completions.create(**ask(content=prompt + "more", max_tokens=1)).usage

    assert first.prompt_tokens_details.cached_tokens == 0
    assert second.prompt_tokens_details.cached_tokens == 1_408
    assert second.prompt_tokens == 1_501 + 6  # the words, 3 tokens for the message and 3 that open the answer


def test_embeddings_as_floats_and_base64(openai_client):
    default = openai_client.embeddings.create(model="text-embedding-3-small", input=["alpha beta", "gamma"])
    floats = openai_client.embeddings.create(
        model="text-embedding-3-small", input=["alpha beta", "gamma"], encoding_format="float"
    )
    raw = openai_client.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input="alpha beta", encoding_format="base64"
    )

    assert [item.index for item in default.data] == [0, 1]
    assert len(default.data[0].embedding) == 1_536
    assert default.data[0].embedding == floats.data[0].embedding
    assert (default.usage.prompt_tokens, default.usage.total_tokens) == (3, 3)
    encoded = json.loads(raw.text)["data"][0]["embedding"]
    assert list(struct.unpack("<1536f", base64.b64decode(encoded))) == floats.data[0].embedding


def test_embedding_inputs_and_dimensions(openai_client):
    tokens = openai_client.embeddings.create(model="text-embedding-3-large", input=[1, 2, 3], dimensions=256)
    lists = openai_client.embeddings.create(model="text-embedding-3-large", input=[[1, 2, 3], [4]], dimensions=256)

    assert len(tokens.data[0].embedding) == 256
    assert tokens.usage.prompt_tokens == 3
    assert lists.data[0].embedding == tokens.data[0].embedding
    assert lists.usage.prompt_tokens == 4


def test_models(openai_client):
    listed = {model.id: model.owned_by for model in openai_client.models.list()}

    assert listed["gpt-4o"] == "openai"
    assert set(listed.values()) == {"openai", "anthropic", "google", "mistralai", "meta"}
    assert openai_client.models.retrieve("meta-llama/Llama-3.3-70B-Instruct-Turbo").owned_by == "meta"
    with pytest.raises(openai.NotFoundError) as error:
        openai_client.models.retrieve("no-such-model")
    assert error.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (502, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_injected_errors(openai_client, status, kind, stream):
    with pytest.raises(kind) as error:
        openai_client.chat.completions.create(**ask(f"sim-fault-error-{status}", stream=stream))

    assert error.value.status_code == status
    assert set(error.value.body) == {"message", "type", "param", "code"}


def test_client_retries_after_a_scripted_error(openai_client, fresh_simulator):
    fresh_simulator.configure(next_faults=["error-500", "error-429@0", None])

    answer = openai_client.with_options(max_retries=2).chat.completions.create(**ask())

    assert answer.choices[0].message.content
    assert [record["status"] for record in fresh_simulator.records()] == [500, 429, 200]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [("Bearer sk-invalid", "invalid_api_key"), ("Bearer ", None), ("Basic abc", None), ("", None)],
)
def test_refused_keys(simulator, authorization, code):
    head, body = post(simulator, ask(), headers={"authorization": authorization})

    assert head.startswith(b"HTTP/1.1 401 ")
    assert json.loads(body)["error"]["code"] == code


def test_refused_key_in_the_client(openai_client):
    with pytest.raises(openai.AuthenticationError):
        openai_client.with_options(api_key="sk-invalid").models.list()


def test_rate_limit_of_a_key(fresh_simulator):
    with openai.OpenAI(base_url=fresh_simulator.base_url, api_key="sk-test-rpm-2", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(**ask(max_tokens=1))
        client.chat.completions.create(**ask(max_tokens=1))
        with pytest.raises(openai.RateLimitError) as error:
            client.chat.completions.create(**ask(max_tokens=1))

    assert raw.headers["x-ratelimit-limit-requests"] == "2"
    assert raw.headers["x-ratelimit-remaining-requests"] == "1"
    assert error.value.code == "rate_limit_exceeded"
    assert error.value.response.headers["retry-after"] in {"30", "31"}
    assert error.value.response.headers["x-ratelimit-remaining-requests"] == "0"
