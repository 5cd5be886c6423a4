"""What becomes of spans, by the attributes of several generations of instrumentations. Pure."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.imports.records import BadValueError
from gateway.otlp import genai, messages
from gateway.otlp.spans import JSON, PROTOBUF, Span, UndecodableError, decode

NOW = datetime(2026, 11, 1, tzinfo=UTC)
START = int(datetime(2026, 10, 31, 9, 30, 0, 123_000, UTC).timestamp() * 1000) * 1_000_000
CURRENT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 60,
}


def span(attributes: dict[str, Any], **changes: Any) -> Span:
    values: dict[str, Any] = {
        "trace_id": "5b8efff798038103d269b633813fc60c", "span_id": "eee19b7ec3c1b174", "parent_id": "", "name": "chat",
        "start_ns": START, "end_ns": START + 2_500_000_000, "is_error": False, "attributes": attributes,
    }  # fmt: skip
    return Span(**{**values, **changes})


def test_the_current_conventions():
    found = genai.read(
        span(
            {
                **CURRENT, "gen_ai.usage.cache_read.input_tokens": 1024, "gen_ai.usage.cache_write.input_tokens": 100,
                "gen_ai.usage.reasoning.output_tokens": 32, "gen_ai.request.stream": True,
                "gen_ai.response.time_to_first_chunk": 0.31, "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.request.max_tokens": 512, "openai.response.service_tier": "priority", "user.id": "customer-9",
                "gen_ai.agent.name": "helper",
            },
            resource={"service.name": "shop", "deployment.environment.name": "prod",
                      "telemetry.sdk.language": "python"},
        ),
        NOW,
    )  # fmt: skip

    assert found.at == datetime(2026, 10, 31, 9, 30, 0, 123_000, UTC)
    assert (found.model, found.provider, found.tier) == ("gpt-4o-2024-08-06", "openai", "priority")
    assert found.counts == {
        "input_tokens": 1200, "output_tokens": 60, "cache_read_tokens": 1024, "cache_write_5m_tokens": 100,
        "reasoning_tokens": 32,
    }  # fmt: skip
    assert found.values == {
        "endpoint": "/v1/chat/completions", "model_requested": "gpt-4o", "finish_reason": "stop", "max_tokens": 512,
        "service_tier_served": "priority", "end_user": "customer-9", "sdk": "python", "duration_ms": 2500.0,
        "is_stream": True, "ttft_ms": 310.0, "output_ms": 2190.0, "status": "ok",
        "tag_set": {"service.name": "shop", "deployment.environment.name": "prod", "gen_ai.agent.name": "helper"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "model", "provider", "counts"),
    [
        (  # conventions up to 1.26
            {"gen_ai.system": "az.ai.inference", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.prompt_tokens": 7,
             "gen_ai.usage.completion_tokens": 3},
            "gpt-4o", "azure", {"input_tokens": 7, "output_tokens": 3},
        ),
        (  # Vertex AI, 1.30
            {"gen_ai.operation.name": "generate_content", "gen_ai.system": "vertex_ai",
             "gen_ai.request.model": "gemini-2.5-flash", "gen_ai.usage.input_tokens": 7,
             "gen_ai.usage.output_tokens": 3},
            "gemini-2.5-flash", "google", {"input_tokens": 7, "output_tokens": 3},
        ),
        (  # OpenLLMetry: Anthropic's cached tokens beside its input
            {"llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.response.model": "claude-sonnet-4-5",
             "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 3,
             "gen_ai.usage.cache_read_input_tokens": 900, "gen_ai.usage.cache_creation_input_tokens": 50},
            "claude-sonnet-4-5", "anthropic",
            {"input_tokens": 960, "output_tokens": 3, "cache_read_tokens": 900, "cache_write_5m_tokens": 50},
        ),
        (  # OpenInference
            {"openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o-mini",
             "llm.token_count.prompt": 100, "llm.token_count.completion": 20,
             "llm.token_count.prompt_details.cache_read": 64},
            "gpt-4o-mini", "openai", {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 64},
        ),
        (  # an embedding
            {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai",
             "gen_ai.request.model": "text-embedding-3-small", "gen_ai.usage.input_tokens": 16},
            "text-embedding-3-small", "openai", {"input_tokens": 16, "output_tokens": 0},
        ),
        (  # no usage: nothing can be priced
            {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"},
            "gpt-4o", "openai", {},
        ),
    ],
)  # fmt: skip
def test_older_and_other_conventions(attributes, model, provider, counts):
    found = genai.read(span(attributes), NOW)

    assert (found.model, found.provider, found.counts) == (model, provider, counts)


@pytest.mark.parametrize(
    ("attributes", "is_error", "outcome"),
    [
        ({"error.type": "429"}, True, ("upstream_error", 429, "429")),
        ({"error.type": "400"}, True, ("client_error", 400, "400")),
        ({"error.type": "504"}, True, ("timeout", 504, "504")),
        ({"error.type": "openai.APITimeoutError"}, True, ("timeout", None, "openai.APITimeoutError")),
        ({"http.response.status_code": 503}, True, ("upstream_error", 503, "503")),
        ({}, True, ("upstream_error", None, "error")),
        ({"http.response.status_code": 200}, False, ("ok", 200, None)),
    ],
)
def test_how_a_call_ended(attributes, is_error, outcome):
    found = genai.read(span({**CURRENT, **attributes}, is_error=is_error), NOW).values

    assert (found["status"], found.get("http_status"), found.get("error_type")) == outcome


def test_agents_tools_and_outer_spans_are_no_calls_of_a_model():
    agent = span({**CURRENT, "gen_ai.operation.name": "invoke_agent"}, span_id="a" * 16)
    outer = span(CURRENT, span_id="b" * 16, parent_id="a" * 16)
    inner = span(CURRENT, span_id="c" * 16, parent_id="b" * 16)
    tool = span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}, span_id="d" * 16)
    http = span({"http.request.method": "POST"}, span_id="e" * 16)

    assert genai.generations([agent, outer, inner, tool, http]) == [inner]


@pytest.mark.parametrize(
    ("address", "port", "host", "is_ours"),
    [
        ("gateway.example", 8000, "gateway.example:8000", True),
        ("GATEWAY.example", None, "gateway.example:8000", True),
        ("gateway.example", 443, "gateway.example", True),
        ("gateway.example", 9000, "gateway.example:8000", False),
        ("api.openai.com", 443, "gateway.example:8000", False),
        ("::1", 8000, "[::1]:8000", True),
        (None, None, "gateway.example:8000", False),
    ],
)
def test_calls_through_this_gateway_have_their_line_already(address, port, host, is_ours):
    attributes = {**CURRENT, "server.address": address, "server.port": port}

    assert genai.is_of_server(span(attributes), host) is is_ours


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": ""}, "a span has no trace id or span id"),
        ({"start_ns": 0}, "a span starts outside of 2015-01-01 … tomorrow"),
        ({"start_ns": START * 100}, "a span starts outside of 2015-01-01 … tomorrow"),
        ({"attributes": {**CURRENT, "gen_ai.usage.input_tokens": -1}}, "input_tokens: -1 is not a count"),
        ({"attributes": {**CURRENT, "gen_ai.usage.input_tokens": True}}, "input_tokens: True is not a count"),
        ({"attributes": {**CURRENT, "gen_ai.usage.output_tokens": "many"}}, "output_tokens: 'many' is not a count"),
        (
            {"attributes": {**CURRENT, "gen_ai.usage.reasoning.output_tokens": 61}},
            "output_tokens: 60 is less than its parts, 61",
        ),
    ],
)
def test_spans_no_line_can_be_made_of(changes, reason):
    with pytest.raises(BadValueError) as caught:
        genai.read(span(**{"attributes": CURRENT, **changes}), NOW)

    assert str(caught.value) == reason


def test_answers_are_what_the_official_messages_read():
    from google.rpc.status_pb2 import Status
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    answer = ExportTraceServiceResponse.FromString(messages.success(300, "résumé", PROTOBUF))
    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (300, "résumé")
    assert not ExportTraceServiceResponse.FromString(messages.success(0, "", PROTOBUF)).HasField("partial_success")
    error = Status.FromString(messages.status(503, "later", PROTOBUF))
    assert (error.code, error.message) == (14, "later")
    assert messages.success(0, "", JSON) == b"{}"
    assert messages.success(2, "x", JSON) == b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"x"}}'


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_ids_of_zeros_are_none(media_type):
    spans = [{"traceId": "0" * 32, "spanId": "eee19b7ec3c1b174", "parentSpanId": "0" * 16},
             {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "0" * 16}]  # fmt: skip
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    if media_type == PROTOBUF:
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        for ids in spans:
            scope.spans.add(
                trace_id=bytes.fromhex(ids["traceId"]),
                span_id=bytes.fromhex(ids["spanId"]),
                parent_span_id=bytes.fromhex(ids.get("parentSpanId", "")),
            )
        body = request.SerializeToString()

    first, second = decode(body, media_type)

    assert (first.trace_id, first.span_id, first.parent_id) == ("", "eee19b7ec3c1b174", "")
    assert (second.trace_id, second.span_id) == ("5b8efff798038103d269b633813fc60c", "")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(data):
    for media_type in (JSON, PROTOBUF):
        try:
            decode(data, media_type)
        except UndecodableError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}',
        b'{"resourceSpans": [{"resource": 3}]}',
    ],
)
def test_json_of_another_shape_is_refused(body):
    with pytest.raises(UndecodableError):
        decode(body, JSON)
