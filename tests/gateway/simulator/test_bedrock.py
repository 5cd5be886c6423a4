"""Bedrock's format, by botocore's own client: it signs, and decodes the binary event stream."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from gateway.simulator.process import SimulatorProcess
from gateway.simulator.wire.sigv4 import SECRET
from tests.gateway.simulator.raw import fetch

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
TOOL = {
    "toolSpec": {
        "name": "get_weather",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    }
}
CLOCK = {"toolSpec": {"name": "get_time", "inputSchema": {"json": {"type": "object", "properties": {}}}}}


def make_client(
    simulator: SimulatorProcess, service: str = "bedrock-runtime", secret: str = SECRET, **options: Any
) -> Any:
    session = botocore.session.get_session()
    return session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=simulator.url,
        aws_access_key_id="AKIASIM1",
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, **options),
    )


@pytest.fixture
def client(fresh_simulator: SimulatorProcess) -> Iterator[Any]:
    made = make_client(fresh_simulator)
    yield made
    made.close()


def ask(text: str = "hello", model: str = HAIKU, **fields: Any) -> dict[str, Any]:
    return {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}], **fields}


def read(stream):
    """Text, tool inputs, stop reason and metadata of a stream."""
    text, inputs, stop, metadata = "", {}, None, None
    for event in stream["stream"]:
        if "contentBlockDelta" in event:
            delta, index = event["contentBlockDelta"]["delta"], event["contentBlockDelta"]["contentBlockIndex"]
            text += delta.get("text", "")
            if "toolUse" in delta:
                inputs[index] = inputs.get(index, "") + delta["toolUse"]["input"]
        stop = event.get("messageStop", {}).get("stopReason", stop)
        metadata = event.get("metadata", metadata)
    return text, inputs, stop, metadata


def test_converse(client):
    answer = client.converse(**ask(inferenceConfig={"maxTokens": 5}))

    assert answer["stopReason"] == "max_tokens"
    assert answer["output"]["message"]["role"] == "assistant"
    usage = answer["usage"]
    assert (usage["inputTokens"], usage["outputTokens"], usage["totalTokens"]) == (7, 5, 12)
    assert answer["metrics"] == {"latencyMs": 0}
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_stream_says_what_the_whole_answer_says(client):
    whole = client.converse(**ask())
    text, _, stop, metadata = read(client.converse_stream(**ask()))

    assert text == whole["output"]["message"]["content"][0]["text"]
    assert stop == whole["stopReason"] == "end_turn"
    assert metadata["usage"] == whole["usage"]


def test_two_tools_at_once_whole_and_streamed(client):
    asked = ask("call tools", toolConfig={"tools": [TOOL, CLOCK]})
    content = client.converse(**asked)["output"]["message"]["content"]
    _, inputs, stop, _ = read(client.converse_stream(**asked))

    assert [block["toolUse"]["name"] for block in content] == ["get_weather", "get_time"]
    assert [json.loads(text) for text in inputs.values()] == [block["toolUse"]["input"] for block in content]
    assert stop == "tool_use"


def test_thinking(client):
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1_024}}
    answer = client.converse(**ask(additionalModelRequestFields=fields))

    first, second = answer["output"]["message"]["content"]
    assert first["reasoningContent"]["reasoningText"]["signature"]
    assert second["text"]
    assert answer["usage"]["outputTokens"] >= 64


def test_json_schema(client):
    schema = json.dumps({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    wanted = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": "place"}}}}

    answer = client.converse(**ask(outputConfig=wanted))

    assert list(json.loads(answer["output"]["message"]["content"][0]["text"])) == ["city"]


def test_cache_points(client):
    system = [{"text": "word " * 2_000}, {"cachePoint": {"type": "default"}}]
    first = client.converse(**ask(system=system))["usage"]
    second = client.converse(**ask("other", system=system))["usage"]

    assert (first["inputTokens"], first["cacheReadInputTokens"], first["cacheWriteInputTokens"]) == (7, 0, 2_001)
    assert first["cacheDetails"] == [{"ttl": "5m", "inputTokens": 2_001}]
    assert (second["cacheReadInputTokens"], second["cacheWriteInputTokens"]) == (2_001, 0)
    assert second["totalTokens"] == second["inputTokens"] + 2_001 + second["outputTokens"]


def test_filter_and_inference_profile(client):
    filtered = client.converse(**ask(model="sim-fault-content-filter@2"))

    assert filtered["stopReason"] == "content_filtered"
    assert client.converse(**ask(model=f"us.{HAIKU}"))["stopReason"] == "end_turn"


def test_exception_in_stream(client):
    stream = client.converse_stream(**ask(model="sim-fault-error-in-stream"))

    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        read(stream)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (429, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_exceptions_have_their_names(client, status, name):
    with pytest.raises(ClientError) as caught:
        client.converse(**ask(model=f"sim-fault-error-{status}"))

    assert caught.value.response["Error"]["Code"] == name
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modelId": "none"}, "model identifier is invalid"),
        ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "must start with a user message"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "is blank"),
        ({"inferenceConfig": {"maxTokens": 0}}, "maxTokens"),
        ({"toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "x"}}}}, "does not name a tool"),
    ],
)
def test_bad_requests(simulator, change, message):
    unchecked = make_client(simulator, parameter_validation=False)

    with pytest.raises(ClientError, match=message) as caught:
        unchecked.converse(**{**ask(), **change})
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_signatures_are_computed_again(simulator):
    with pytest.raises(ClientError) as caught:
        make_client(simulator, secret="wrong").converse(**ask())

    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"authorization": "AWS4-HMAC-SHA256 nonsense"}, "IncompleteSignatureException"),
        ({"authorization": "Bearer sk-invalid"}, "AccessDeniedException"),
        ({"authorization": "Bearer a-bedrock-api-key"}, None),
    ],
)
def test_authentication(simulator, headers, name):
    answer = fetch(simulator, "/model/sim-a/converse", {"messages": ask()["messages"]}, headers=headers)

    assert answer.status == (200 if name is None else 403)
    assert answer.headers.get("x-amzn-errortype") == name


def test_models(simulator):
    control = make_client(simulator, "bedrock")

    summaries = control.list_foundation_models()["modelSummaries"]
    assert HAIKU in [summary["modelId"] for summary in summaries]
