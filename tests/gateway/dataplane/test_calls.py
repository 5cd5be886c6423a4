"""Calls that succeed, through the official client where a client would be used."""

import http.client
import itertools
import json
import time
from decimal import Decimal

import openai
import pytest

from tests.gateway.dataplane.conftest import Recorder, World
from tests.gateway.dataplane.stack import CREDENTIAL


@pytest.fixture
def client(world: World) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{world.stack.port}/v1", api_key=world.secret, max_retries=0)


def expected_cost(input_tokens: int, output_tokens: int) -> Decimal:
    """gpt-4o: $2.50 and $10.00 per million tokens (OpenAI's price page since 2024-10-02)."""
    return input_tokens * Decimal("0.0000025") + output_tokens * Decimal("0.00001")


def test_a_chat_is_answered_priced_and_in_the_ledger(world: World, client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=[{"role": "user", "content": "hello"}], max_tokens=30, user="u-1",
        extra_headers={"X-Request-ID": "my-request-1", "X-Gateway-Tags": "feature=search, team = blue"},
    )  # fmt: skip
    answer = raw.parse()

    assert answer.usage is not None
    cost = expected_cost(answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert raw.headers["x-request-id"] == "my-request-1"
    assert Decimal(raw.headers["x-gateway-cost"]) == cost
    assert (raw.headers["x-gateway-provider"], raw.headers["x-gateway-attempts"]) == ("openai", "1")
    (line,) = world.stack.lines("my-request-1")
    expected = {
        "kind": "attempt", "status": "ok", "is_final": True, "http_status": 200, "usage_source": "reported",
        "price_status": "priced", "cost": cost, "input_tokens": answer.usage.prompt_tokens,
        "output_tokens": answer.usage.completion_tokens, "end_user": "u-1", "max_tokens": 30, "message_count": 1,
        "tag_set": {"feature": "search", "team": "blue"}, "is_stream": False, "finish_reason": "length",
        "model_requested": "gpt-4o", "model_served": "gpt-4o", "provider": "openai", "origin": "gateway",
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected
    assert sum(Decimal(charge["cost"]) for charge in line["charges"]) == cost
    assert line["sdk"].startswith("openai-python/")
    assert str(line["organization"]) == world.organization
    assert str(line["api_key"]) == world.key_id


def test_a_stream_is_relayed_and_its_usage_hidden_from_who_did_not_ask(world: World, client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "hello"}], max_tokens=8, stream=True,
            extra_headers={"X-Request-ID": "stream-1"},
        )
    )  # fmt: skip

    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    (line,) = world.stack.lines("stream-1")
    assert (line["output_tokens"], line["usage_source"], line["status"], line["is_stream"]) == (
        8,
        "reported",
        "ok",
        True,
    )
    assert line["ttft_ms"] is not None
    assert line["ttft_ms"] <= line["duration_ms"]


def test_usage_goes_to_who_asked_for_it(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "hello"}], max_tokens=5, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip

    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5


def test_the_comment_before_done_names_cost_and_request(world: World) -> None:
    answer = world.stack.chat(world.secret, "gpt-4o", stream=True, max_tokens=4)

    events = answer.body.decode().strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    note = json.loads(events[-2].removeprefix(": gateway "))
    (line,) = world.stack.lines(note["request_id"])
    assert Decimal(note["cost"]) == line["cost"] == expected_cost(line["input_tokens"], 4)


def test_tools_stream_through(client: openai.OpenAI) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}  # fmt: skip
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "call tool"}], tools=[tool], tool_choice="required",  # type: ignore[list-item]
        stream=True,
    )  # fmt: skip
    arguments = "".join(
        call.function.arguments or ""
        for chunk in stream for choice in chunk.choices for call in choice.delta.tool_calls or () if call.function
    )  # fmt: skip

    assert set(json.loads(arguments)) == {"city"}


def test_embeddings(world: World, client: openai.OpenAI) -> None:
    answer = client.embeddings.create(
        model="text-embedding-3-small", input=["a", "b"], extra_headers={"X-Request-ID": "embed-1"}
    )

    assert [len(item.embedding) for item in answer.data] == [1536, 1536]
    (line,) = world.stack.lines("embed-1")
    # $0.02 per million tokens
    assert line["cost"] == answer.usage.prompt_tokens * Decimal("0.00000002")
    assert line["output_tokens"] == 0


def test_models_are_those_the_key_may_use(world: World, client: openai.OpenAI) -> None:
    narrow, _ = world.stack.key(world.organization, world.project, allowed_models=["gpt-4o"])

    everything = {model.id for model in client.models.list()}
    allowed = world.stack.get("/v1/models", narrow).json()["data"]

    assert {"gpt-4o", "renamed", "text-embedding-3-small"} <= everything
    assert [model["id"] for model in allowed] == ["gpt-4o"]
    assert client.models.retrieve("renamed").owned_by == "openai"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("absent")


def test_a_renamed_model_is_served_and_priced_as_the_upstreams(world: World) -> None:
    answer = world.stack.chat(world.secret, "renamed", max_tokens=6)

    assert answer.json()["model"].startswith("gpt-4o-mini")
    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert (line["model_requested"], line["model_served"]) == ("renamed", "renamed")
    # gpt-4o-mini: $0.15 and $0.60 per million tokens
    assert line["cost"] == line["input_tokens"] * Decimal("0.00000015") + 6 * Decimal("0.0000006")


def test_a_model_without_a_price_is_unpriced_not_free(world: World) -> None:
    answer = world.stack.chat(world.secret, "sim-unpriced", max_tokens=6)

    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert (line["price_status"], line["cost"]) == ("unpriced", None)
    assert "x-gateway-cost" not in answer.headers


def test_unknown_fields_and_digits_reach_the_provider_untouched(world: World, recorder: Recorder) -> None:
    body = (
        b'{"model" : "recorded", "messages":[{"role":"user","content":"caf\\u00e9"}],"n":1.0,  "max_tokens":3,'
        b' "future_field": {"x": 1.0000000000000000001, "y": 1e400}, "seed": 12345678901234567890123}'
    )

    answer = world.stack.request("POST", "/v1/chat/completions", body, world.secret)

    assert answer.status == 200
    assert recorder.bodies == [body]


def test_a_splice_changes_only_what_it_must(world: World, recorder: Recorder) -> None:
    body = (
        b'{"stream":true , "model": "recorded-alias","messages":[{"role":"user","content":"\\"model\\": {"}],"x":1.10}'
    )

    world.stack.request("POST", "/v1/chat/completions", body, world.secret)

    assert recorder.bodies == [
        b'{"stream_options":{"include_usage":true},"stream":true , "model": "recorded","messages":[{"role":"user",'
        b'"content":"\\"model\\": {"}],"x":1.10}'
    ]
    head = recorder.heads[0].lower()
    assert f"authorization: bearer {CREDENTIAL}" in head
    assert world.secret.lower() not in head


def test_chunks_are_forwarded_as_they_arrive(world: World) -> None:
    """The client has each chunk before the provider sends the next one: nothing is buffered."""
    connection = http.client.HTTPConnection("127.0.0.1", world.stack.port, timeout=20)
    body = {"model": "sim-paced-3x400", "messages": [{"role": "user", "content": "x"}], "stream": True}
    connection.request("POST", "/v1/chat/completions", json.dumps(body),
                       {"Authorization": f"Bearer {world.secret}", "Content-Type": "application/json"})  # fmt: skip
    response = connection.getresponse()
    seen = []
    while line := response.readline():
        if b"sim_sent_at" in line:
            seen.append((json.loads(line.removeprefix(b"data: "))["sim_sent_at"], time.monotonic_ns()))
    connection.close()

    assert len(seen) == 4  # three with content, one with the finish reason
    for (_, received), (next_sent, _) in itertools.pairwise(seen[:3]):
        assert received < next_sent
