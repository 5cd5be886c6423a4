"""Traces over OTLP/HTTP into a real data plane: the official exporter, JSON by hand, what is sent twice, refusals."""

import gzip
import json
import re
import time
import tracemalloc
import zlib
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gateway import credentials
from gateway.otlp.spans import UNPACKED_LIMIT_BYTES, TooLongError, unpacked
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Answer, Stack

PATH = "/otlp/v1/traces"
CHAT = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
}  # fmt: skip


@pytest.fixture(scope="module")
def secret(world: World) -> str:
    """A key that may send traces and nothing else."""
    stack, secret = world.stack, credentials.new_secret()
    version, digest = credentials.digest(secret)
    stack.insert(
        "gateway_virtualkey", organization_id=world.organization, project_id=world.project, name="collector",
        prefix=credentials.prefix_of(secret), digest=digest, pepper_version=version, scopes=["ingest"],
        allowed_models=[],
    )  # fmt: skip
    stack.wait_until_current()
    return secret


def booked(stack: Stack, trace_id: str) -> list[dict[str, Any]]:
    stack.book()
    with stack.connect() as connection:
        return connection.execute(
            "SELECT * FROM gateway_ledgerline WHERE request_id LIKE %s ORDER BY started_at, id", [f"{trace_id}-%"]
        ).fetchall()


def made_spans(*attributes: dict[str, Any]) -> Any:
    """Finished spans of the real SDK."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    for index, values in enumerate(attributes):
        with tracer.start_as_current_span(f"chat {index}", kind=SpanKind.CLIENT, attributes=values):
            time.sleep(0.002)
    return memory.get_finished_spans()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_official_exporter_and_a_batch_sent_twice(world: World, secret: str, compression: Compression) -> None:
    exporter = OTLPSpanExporter(
        endpoint=f"http://127.0.0.1:{world.stack.port}{PATH}", headers={"Authorization": f"Bearer {secret}"},
        compression=compression,
    )  # fmt: skip
    spans = made_spans(CHAT, {"http.request.method": "GET"})

    assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert exporter.export(spans) is SpanExportResult.SUCCESS

    trace_id = f"{spans[0].context.trace_id:032x}"
    (line,) = booked(world.stack, trace_id)
    assert line["request_id"] == f"{trace_id}-{spans[0].context.span_id:016x}"
    assert (line["origin"], line["usage_source"], line["kind"], line["is_final"], line["status"]) == (
        "otlp", "imported", "attempt", True, "ok",
    )  # fmt: skip
    assert (str(line["organization"]), str(line["project"])) == (world.organization, world.project)
    assert (line["provider"], line["model_served"]) == ("openai", "gpt-4o")
    assert (line["input_tokens"], line["output_tokens"]) == (1000, 100)
    assert line["cost"] == line["list_cost"] == Decimal("0.0035")  # 1,000 x 2.50 + 100 x 10.00 USD per million
    assert line["tag_set"] == {"service.name": "shop"}
    assert 2 <= line["duration_ms"] < 500
    assert line["started_at"].microsecond % 1000 == 0


def otlp_json(*spans: dict[str, Any]) -> bytes:
    return json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": list(spans)}]}]}).encode()


def json_span(trace_id: str, span_id: str, start_ns: int, **attributes: Any) -> dict[str, Any]:
    kinds = {int: "intValue", str: "stringValue", bool: "boolValue", float: "doubleValue"}
    pairs = [{"key": key.replace("__", "."), "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
             for key, value in attributes.items()]  # fmt: skip
    return {"traceId": trace_id, "spanId": span_id, "name": "chat", "kind": 3, "startTimeUnixNano": str(start_ns),
            "endTimeUnixNano": str(start_ns + 1_000_000_000), "attributes": pairs, "status": {}}  # fmt: skip


def send(world: World, secret: str, body: bytes, **headers: str) -> Answer:
    return world.stack.request("POST", PATH, body, secret, **headers)


def test_json_with_a_partial_success(world: World, secret: str) -> None:
    trace_id, now = "0af7651916cd43dd8448eb211c80319c", time.time_ns()
    usage = {"gen_ai__system": "openai", "gen_ai__request__model": "gpt-4o-mini"}
    good = json_span(trace_id, "b7ad6b7169203331", now, **usage, gen_ai__usage__prompt_tokens=10,
                     gen_ai__usage__completion_tokens=5)  # fmt: skip
    bad = json_span(trace_id, "b7ad6b7169203332", now, **usage, gen_ai__usage__prompt_tokens=-10)
    unknown = json_span(trace_id, "b7ad6b7169203333", now, gen_ai__operation__name="chat",
                        gen_ai__request__model="in-house-7b", gen_ai__system="vllm",
                        gen_ai__usage__input_tokens=10)  # fmt: skip

    answer = send(world, secret, gzip.compress(otlp_json(good, bad, unknown)), Content_Encoding="gzip")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "partialSuccess": {"rejectedSpans": "1", "errorMessage": "input_tokens: -10 is not a count"}
    }
    first, second = booked(world.stack, trace_id)
    costs = {line["model_served"]: (line["cost"], line["price_status"]) for line in (first, second)}
    assert costs == {
        "gpt-4o-mini": (Decimal("0.0000045"), "priced"),  # 10 x 0.15 + 5 x 0.60 USD per million
        "in-house-7b": (None, "unpriced"),
    }


def test_a_call_through_this_gateway_is_not_counted_twice(world: World, secret: str) -> None:
    trace_id = "1af7651916cd43dd8448eb211c80319c"
    own = json_span(trace_id, "b7ad6b7169203331", time.time_ns(), gen_ai__operation__name="chat",
                    gen_ai__request__model="gpt-4o", gen_ai__usage__input_tokens=1, server__address="127.0.0.1",
                    server__port=world.stack.port)  # fmt: skip

    answer = send(world, secret, otlp_json(own))

    assert (answer.status, answer.json()) == (200, {})
    assert booked(world.stack, trace_id) == []


def test_refusals_are_rpc_statuses(world: World, secret: str) -> None:
    empty = otlp_json()
    cases = [
        (send(world, "", empty), 401, 16),
        (send(world, "gw-" + "x" * 43, empty), 401, 16),
        (send(world, world.secret, empty), 403, 7),
        (send(world, secret, b"{"), 400, 3),
        (send(world, secret, b"x", Content_Encoding="gzip"), 400, 3),
        (send(world, secret, gzip.compress(empty)[:-4], Content_Encoding="gzip"), 400, 3),
        (send(world, secret, empty, Content_Encoding="br"), 400, 3),
        (send(world, secret, b"x", Content_Type="text/plain"), 415, 3),
        (send(world, secret, gzip.compress(b"[" * 70_000_000), Content_Encoding="gzip"), 413, 3),
        (world.stack.request("GET", PATH, None, secret), 405, 12),
    ]

    assert [(answer.status, answer.json()["code"]) for answer, _, _ in cases] == [(s, c) for _, s, c in cases]
    assert all(answer.json()["message"] for answer, _, _ in cases)
    assert cases[2][0].json()["message"] == "This key may not send traces (scope 'ingest')."
    assert send(world, secret, empty).json() == {}


@pytest.mark.slow
def test_a_bomb_is_given_up_at_the_limit(world: World, secret: str) -> None:
    """100 MiB of zeros in half a megabyte: refused, and by a decompressor that never yields more than the limit."""
    bomb = gzip.compress(bytes(100 * 1024 * 1024), 1)
    assert len(bomb) < 1_000_000

    answer = send(world, secret, bomb, Content_Encoding="gzip")
    assert (answer.status, "64 MiB" in answer.body.decode("latin-1")) == (413, True)

    for factor in (1, 4):  # as one stream of 100 and of 400 MiB: what it takes does not grow with it
        packer = zlib.compressobj(1, wbits=31)
        stream = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(100 * factor)) + packer.flush()
        tracemalloc.start()
        try:
            with pytest.raises(TooLongError):
                unpacked(stream, "gzip")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2 * UNPACKED_LIMIT_BYTES + 4 * 1024 * 1024


def test_a_collectors_key_may_not_call_models(world: World, secret: str) -> None:
    answer = world.stack.chat(secret, "gpt-4o")

    assert (answer.status, answer.error_code) == (403, "scope_missing")


def test_what_became_of_spans_is_counted(world: World, secret: str) -> None:
    headers = {"Authorization": f"Bearer {secret}"}
    OTLPSpanExporter(endpoint=f"http://127.0.0.1:{world.stack.port}{PATH}", headers=headers).export(made_spans(CHAT))

    text = world.stack.get("/metrics").body.decode()

    assert "# TYPE gateway_otlp_spans_total counter" in text
    assert re.search(r'^gateway_otlp_spans_total\{[^}]*result="recorded"[^}]*\} [1-9]', text, re.MULTILINE)
