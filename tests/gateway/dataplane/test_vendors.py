"""Azure OpenAI, Gemini and Bedrock behind the real data plane: whole, streamed, with tools, refused, priced exactly.

The simulated provider speaks each vendor's own format and computes Bedrock's signatures again.
"""

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest
from psycopg.types.json import Jsonb

from gateway import credentials
from gateway.simulator.wire.sigv4 import SECRET
from tests.gateway.dataplane.conftest import World

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
AWS = json.dumps({"access_key_id": "AKIASIM1", "secret_access_key": SECRET})
MODELS = {
    "azure": {
        "azure-chat": "gpt-4o", "azure-embed": "text-embedding-3-small", "azure-blocked": "sim-fault-prompt-blocked",
    },
    "azure-dated": {"azure-dated-chat": "gpt-4o", "azure-dated-embed": "text-embedding-3-small"},
    "google": {
        "gemini": "gemini-2.5-flash", "gemini-3": "gemini-3.8-flash", "gemini-embed": "gemini-embedding-001",
        "gemini-blocked": "sim-fault-prompt-blocked", "gemini-filtered": "sim-fault-content-filter@2",
        "gemini-429": "sim-fault-error-429@7", "gemini-cut": "sim-fault-cut-stream",
        "gemini-broken": "sim-fault-bad-json", "gemini-error": "sim-fault-error-in-stream@3",
    },
    "google-bad-key": {"gemini-bad-key": "gemini-2.5-flash"},
    "bedrock": {
        "claude": HAIKU, "nova": "amazon.nova-lite-v1:0", "bedrock-424": "sim-fault-error-424",
        "bedrock-400": "sim-fault-error-400", "bedrock-error": "sim-fault-error-in-stream@3",
        "bedrock-filtered": "sim-fault-content-filter@2", "bedrock-cut": "sim-fault-cut-stream",
    },
    "bedrock-bad-key": {"claude-bad-key": HAIKU},
    "bedrock-bearer": {"claude-bearer": HAIKU},
}  # fmt: skip
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}
CHAT_MODELS = ["azure-chat", "azure-dated-chat", "gemini", "gemini-3", "claude", "nova"]


@dataclass
class Vendors:
    """The clients, and the world behind them."""

    world: World
    openai: openai.OpenAI
    anthropic: anthropic.Anthropic

    def chat(self, model: str, content: str = "hello", **fields: Any) -> Any:
        messages = fields.pop("messages", [{"role": "user", "content": content}])
        return self.openai.chat.completions.create(model=model, messages=messages, **fields)

    def line(self, request_id: str) -> dict[str, Any]:
        (line,) = self.world.stack.lines(request_id)
        return line


@pytest.fixture(scope="session")
def configured(world: World) -> World:
    stack, root = world.stack, world.stack.simulator.url
    region = Jsonb({"region": "us-east-1"})
    key = credentials.encrypt("vendor-key")
    rows: dict[str, dict[str, Any]] = {
        "azure": {"kind": "azure", "credential": key},
        "azure-dated": {"kind": "azure", "credential": key, "options": Jsonb({"api_version": "2024-10-21"})},
        "google": {"kind": "google", "credential": key},
        "google-bad-key": {"kind": "google", "credential": credentials.encrypt("sk-invalid")},
        "bedrock": {"kind": "bedrock", "credential": credentials.encrypt(AWS), "options": region},
        "bedrock-bad-key": {
            "kind": "bedrock",
            "credential": credentials.encrypt(AWS.replace(SECRET, "wrong")),
            "options": region,
        },
        "bedrock-bearer": {"kind": "bedrock", "credential": credentials.encrypt("bedrock-api-key")},
    }
    for slug, fields in rows.items():
        provider = stack.provider(slug, base_url=root, **fields)
        for name, upstream in MODELS[slug].items():
            stack.model(provider, name, upstream)
    stack.wait_until_current()
    return world


@pytest.fixture
def vendors(configured: World) -> Iterator[Vendors]:
    configured.stack.simulator.reset()
    root = f"http://127.0.0.1:{configured.stack.port}"
    with (
        openai.OpenAI(base_url=f"{root}/v1", api_key=configured.secret, max_retries=0, timeout=20) as first,
        anthropic.Anthropic(base_url=root, api_key=configured.secret, max_retries=0, timeout=20) as second,
    ):
        yield Vendors(configured, first, second)


# ---- every vendor ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", CHAT_MODELS)
def test_stream_says_what_the_whole_answer_says(vendors: Vendors, model: str) -> None:
    whole = vendors.chat(model)
    chunks = list(vendors.chat(model, stream=True, stream_options={"include_usage": True}))

    assert whole.id
    assert whole.choices[0].finish_reason == "stop"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_dump() == whole.usage.model_dump()


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_two_tools_at_once_and_their_results(vendors: Vendors, model: str) -> None:
    asked = {"messages": [{"role": "user", "content": "call tools"}], "tools": [WEATHER, CLOCK]}
    whole = vendors.chat(model, **asked).choices[0]
    arguments: dict[int, str] = {}
    for chunk in vendors.chat(model, **asked, stream=True):
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")

    assert whole.finish_reason == "tool_calls"
    calls = whole.message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2
    assert [json.loads(text) for text in arguments.values()] == [json.loads(call.function.arguments) for call in calls]

    results = [{"role": "tool", "tool_call_id": call.id, "content": "15"} for call in calls]
    said = whole.message.model_dump(exclude_none=True, exclude={"annotations", "refusal"})
    after = vendors.chat(model, messages=[*asked["messages"], said, *results], tools=asked["tools"])
    assert after.choices[0].message.content


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_anthropic_clients_reach_every_vendor(vendors: Vendors, model: str) -> None:
    tools = [{"name": "get_weather", "input_schema": WEATHER["function"]["parameters"]}]
    asked: dict[str, Any] = {
        "model": model, "max_tokens": 2_048, "tools": tools, "messages": [{"role": "user", "content": "call tool"}],
    }  # fmt: skip
    whole = vendors.anthropic.messages.create(**asked)
    with vendors.anthropic.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()

    used = [block for block in whole.content if block.type == "tool_use"]
    assert whole.stop_reason == "tool_use"
    assert set(used[0].input) == {"city"}
    assert [block.input for block in streamed.content if block.type == "tool_use"] == [block.input for block in used]
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    result = {"type": "tool_result", "tool_use_id": used[0].id, "content": "15 degrees"}
    asked["messages"] += [{"role": "assistant", "content": whole.content}, {"role": "user", "content": [result]}]
    assert vendors.anthropic.messages.create(**asked).content[-1].type == "text"


@pytest.mark.parametrize("model", ["gemini", "claude"])
def test_schema_and_picture(vendors: Vendors, model: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    content = [
        {"type": "text", "text": "Where is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]
    answer = vendors.chat(model, messages=[{"role": "user", "content": content}], response_format=wanted)

    assert list(json.loads(answer.choices[0].message.content)) == ["city"]
    assert answer.usage.prompt_tokens > 250  # the picture was counted


@pytest.mark.parametrize("model", ["gemini-filtered", "bedrock-filtered"])
def test_safety_filter(vendors: Vendors, model: str) -> None:
    raw = vendors.openai.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "hello"}]
    )
    *_, last = vendors.chat(model, stream=True)

    assert raw.parse().choices[0].finish_reason == "content_filter"
    assert last.choices[0].finish_reason == "content_filter"
    assert vendors.line(raw.headers["x-request-id"])["finish_reason"] in ("SAFETY", "content_filtered")


@pytest.mark.parametrize("model", ["gemini", "claude"])
def test_what_the_vendor_cannot_do_is_named(vendors: Vendors, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        vendors.chat(model, logit_bias={"5": 1})

    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "logit_bias")
    assert vendors.world.stack.simulator.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("model", "message"), [("gemini-error", "overloaded"), ("bedrock-error", "processing the model")]
)
def test_error_in_the_stream(vendors: Vendors, model: str, message: str) -> None:
    raw = vendors.openai.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "hello"}], stream=True
    )
    with pytest.raises(openai.APIError, match=message):
        list(raw.parse())

    line = vendors.line(raw.headers["x-request-id"])
    assert (line["status"], line["error_type"]) == ("upstream_error", "stream_error")


@pytest.mark.parametrize("model", ["gemini-cut", "bedrock-cut"])
def test_cut_stream_is_billed_for_what_arrived(vendors: Vendors, model: str) -> None:
    raw = vendors.openai.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "hello"}], stream=True
    )
    with pytest.raises(openai.APIError):
        list(raw.parse())

    line = vendors.line(raw.headers["x-request-id"])
    assert line["status"] == "upstream_error"
    assert line["output_tokens"] > 0


# ---- Azure -----------------------------------------------------------------------------------------------------------
def test_azure_paths(vendors: Vendors) -> None:
    vendors.chat("azure-chat", max_tokens=1)
    vendors.chat("azure-dated-chat", max_tokens=1)
    vendors.openai.responses.create(model="azure-chat", input="hello", max_output_tokens=16)
    vendors.openai.responses.create(model="azure-dated-chat", input="hello", max_output_tokens=16)

    assert [record["path"] for record in vendors.world.stack.simulator.records()] == [
        "/openai/v1/chat/completions",
        "/openai/deployments/gpt-4o/chat/completions",
        "/openai/v1/responses",
        "/openai/deployments/gpt-4o/chat/completions",
    ]


@pytest.mark.parametrize("model", ["azure-embed", "azure-dated-embed"])
def test_azure_embeddings(vendors: Vendors, model: str) -> None:
    assert len(vendors.openai.embeddings.create(model=model, input="hello", dimensions=3).data[0].embedding) == 3


def test_azure_prompt_that_is_blocked(vendors: Vendors) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        vendors.chat("azure-blocked")

    assert caught.value.code == "content_filter"
    assert caught.value.body["innererror"]["code"] == "ResponsibleAIPolicyViolation"


def test_azure_filter_results_reach_the_client(vendors: Vendors) -> None:
    first = next(iter(vendors.chat("azure-chat", stream=True)))

    assert vendors.chat("azure-chat").choices[0].content_filter_results["hate"]["severity"] == "safe"
    assert first.prompt_filter_results


# ---- Gemini ----------------------------------------------------------------------------------------------------------
def test_gemini_prompt_that_is_blocked(vendors: Vendors) -> None:
    whole = vendors.chat("gemini-blocked")

    assert (whole.choices[0].finish_reason, whole.choices[0].message.content) == ("content_filter", None)
    assert whole.usage.completion_tokens == 0


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_gemini_embeddings(vendors: Vendors, encoding: str) -> None:
    body = {"model": "gemini-embed", "input": ["hello", "world"], "dimensions": 4, "encoding_format": encoding}
    answer = vendors.world.stack.request("POST", "/v1/embeddings", body, vendors.world.secret)

    rows = [row["embedding"] for row in answer.json()["data"]]
    if encoding == "base64":
        rows = [list(struct.unpack("<4f", base64.b64decode(row))) for row in rows]
    assert [len(row) for row in rows] == [4, 4]
    assert sum(number * number for number in rows[0]) == pytest.approx(1)
    assert answer.json()["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert Decimal(answer.headers["x-gateway-cost"]) == 2 * Decimal("0.00000015")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": ["a", "\ud800"]}, "input[1]"),
        ({"dimensions": 10**20}, "dimensions"),
        ({"encoding_format": "x"}, "encoding_format"),
        ({"unheard": 1}, "unheard"),
    ],
    ids=["tokens", "half-a-character", "too-many-digits", "encoding", "unheard"],
)
def test_gemini_embeddings_that_cannot_be_asked(vendors: Vendors, change: dict[str, Any], param: str) -> None:
    body = {"model": "gemini-embed", "input": "hello", **change}
    answer = vendors.world.stack.request("POST", "/v1/embeddings", body, vendors.world.secret)

    assert (answer.status, answer.json()["error"]["param"]) == (400, param)


def test_gemini_quota_failure_says_when_to_come_back(vendors: Vendors) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        vendors.chat("gemini-429")

    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "resource_exhausted"


def test_gemini_bad_key_is_the_administrators_business(vendors: Vendors) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        vendors.chat("gemini-bad-key")

    assert (caught.value.status_code, caught.value.code) == (502, "upstream_authentication")
    line = vendors.line(caught.value.response.headers["x-request-id"])
    assert (line["http_status"], line["error_type"]) == (400, "upstream_authentication")


def test_gemini_answer_that_is_no_json(vendors: Vendors) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        vendors.chat("gemini-broken")

    assert caught.value.status_code == 502


# ---- Bedrock ---------------------------------------------------------------------------------------------------------
def test_bedrock_takes_an_api_key_too(vendors: Vendors) -> None:
    assert vendors.chat("claude-bearer", max_tokens=2).usage.completion_tokens == 2


def test_bedrock_signature_by_a_wrong_key(vendors: Vendors) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        vendors.chat("claude-bad-key")

    assert (caught.value.status_code, caught.value.code) == (502, "upstream_authentication")


@pytest.mark.parametrize(
    ("model", "status", "code"), [("bedrock-424", 502, "upstream_error"), ("bedrock-400", 400, "upstream_error")]
)
def test_bedrock_exceptions(vendors: Vendors, model: str, status: int, code: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        vendors.chat(model)

    assert (caught.value.status_code, caught.value.code) == (status, code)
    line = vendors.line(caught.value.response.headers["x-request-id"])
    assert line["http_status"] == int(model.removeprefix("bedrock-"))


def test_bedrock_thinking_of_anthropic_clients(vendors: Vendors) -> None:
    message = vendors.anthropic.messages.create(
        model="claude", max_tokens=4_096, thinking={"type": "enabled", "budget_tokens": 1_024},
        messages=[{"role": "user", "content": "hello"}],
    )  # fmt: skip

    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].signature


# ---- what it costs ---------------------------------------------------------------------------------------------------
PER_MILLION = Decimal("0.000001")
LONG = "word " * 2_000  # 2,001 tokens by the simulated provider's rule


def test_cost_of_cached_and_thought_tokens_with_gemini(vendors: Vendors) -> None:
    """gemini-2.5-flash: $0.30 in, $0.03 cached, $2.50 out, thinking included (https://ai.google.dev/gemini-api/docs/
    pricing)."""
    vendors.chat("gemini", LONG, max_tokens=1_000)
    raw = vendors.openai.chat.completions.with_raw_response.create(
        model="gemini", messages=[{"role": "user", "content": LONG}], max_tokens=1_000
    )
    usage = raw.parse().usage

    assert usage is not None
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (2_007, 1_920)
    thought = usage.completion_tokens_details.reasoning_tokens
    assert thought >= 64
    line = vendors.line(raw.headers["x-request-id"])
    expected = (
        87 * Decimal("0.30") + 1_920 * Decimal("0.03") + usage.completion_tokens * Decimal("2.50")
    ) * PER_MILLION
    assert line["cost"] == expected
    assert (line["cache_read_tokens"], line["reasoning_tokens"]) == (1_920, thought)


def test_cost_of_cache_writes_and_reads_with_bedrock(vendors: Vendors) -> None:
    """Claude Haiku 4.5 in a geography: $1.10 in, $1.375 written for 5 minutes, $2.20 for 1 hour, $0.11 read, $5.50 out
    (https://aws.amazon.com/bedrock/pricing/)."""

    def ask(tail: str) -> dict[str, Any]:
        hour = {"type": "ephemeral", "ttl": "1h"}
        raw = vendors.anthropic.messages.with_raw_response.create(
            model="claude", max_tokens=3,
            system=[{"type": "text", "text": LONG, "cache_control": hour}],
            messages=[
                {"role": "user", "content": [
                    {"type": "text", "text": "more " * 500, "cache_control": {"type": "ephemeral"}},
                    {"type": "text", "text": tail},
                ]}
            ],
        )  # fmt: skip
        return vendors.line(raw.headers["x-request-id"])

    first, second = ask("a"), ask("b c")

    assert (first["cache_write_1h_tokens"], first["cache_write_5m_tokens"]) == (2_001, 504)
    fresh = first["input_tokens"] - 2_001 - 504
    assert (
        first["cost"]
        == (fresh * Decimal("1.10") + 2_001 * Decimal("2.20") + 504 * Decimal("1.375") + 3 * Decimal("5.50"))
        * PER_MILLION
    )
    assert (second["cache_read_tokens"], second["output_tokens"]) == (2_505, 3)
    fresh = second["input_tokens"] - 2_505
    assert second["cost"] == (fresh * Decimal("1.10") + 2_505 * Decimal("0.11") + 3 * Decimal("5.50")) * PER_MILLION


@pytest.mark.parametrize("is_stream", [False, True])
def test_cost_with_azure(vendors: Vendors, is_stream: bool) -> None:
    """gpt-4o: $2.50 in, $1.25 cached, $10.00 out (https://azure.microsoft.com/pricing/details/cognitive-services/
    openai-service/)."""
    body = {"model": "azure-dated-chat", "messages": [{"role": "user", "content": LONG}], "max_tokens": 7}
    stack, secret = vendors.world.stack, vendors.world.secret
    stack.request("POST", "/v1/chat/completions", body, secret)
    answer = stack.request("POST", "/v1/chat/completions", {**body, "stream": is_stream}, secret)

    line = vendors.line(answer.headers["x-request-id"])
    assert (line["input_tokens"], line["cache_read_tokens"], line["output_tokens"]) == (2_007, 1_920, 7)
    assert line["cost"] == (87 * Decimal("2.50") + 1_920 * Decimal("1.25") + 7 * Decimal("10")) * PER_MILLION
