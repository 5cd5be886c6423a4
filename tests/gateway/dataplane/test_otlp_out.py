"""Spans and metrics out of a real data plane into a collector that reads them with the official messages."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector import Collector, collecting, values
from tests.gateway.dataplane.conftest import Recorder, World
from tests.gateway.dataplane.stack import Stack

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def exporting(world: World, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second data plane on the same database, which exports."""
    world.stack.insert("gateway_allowedupstream", host="127.0.0.1", port=collector.port, note="")
    stack = started(world, tmp_path_factory.mktemp("exporting"), f"http://127.0.0.1:{collector.port}/otlp/")
    yield stack
    stack.close()


def started(world: World, folder: Path, endpoint: str) -> Stack:
    settings = {
        "GATEWAY_OTLP_ENDPOINT": endpoint, "GATEWAY_OTLP_HEADERS": "authorization=Bearer%20t,x-tenant=acme",
        "GATEWAY_OTLP_METRICS_INTERVAL_S": "0.5",
    }  # fmt: skip
    stack = Stack(folder, world.stack.url, world.stack.simulator, settings)
    stack.start()
    return stack


@pytest.mark.slow
def test_a_call_becomes_two_spans_in_the_callers_trace(world: World, exporting: Stack, collector: Collector) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 20}

    answer = exporting.request("POST", "/v1/chat/completions", body, world.secret,
                               traceparent=f"00-{TRACE}-{PARENT}-01", X_Gateway_Tags="team=core")  # fmt: skip

    exporting.wait_for(lambda: len(collector.of_trace(TRACE)) == 2)
    attempt, request = sorted(collector.of_trace(TRACE), key=lambda span: span.kind, reverse=True)
    (line,) = exporting.lines(answer.headers["x-request-id"])
    assert (request.name, request.kind, request.parent_span_id.hex()) == ("POST /v1/chat/completions", 2, PARENT)
    found = values(request.attributes)
    assert (found["http.response.status_code"], found["gateway.attempts"]) == (200, 1)
    assert found["gateway.request_id"] == answer.headers["x-request-id"]
    assert (attempt.name, attempt.kind) == ("chat gpt-4o-mini", 3)
    assert attempt.parent_span_id == request.span_id
    assert attempt.span_id.hex() == str(line["id"]).replace("-", "")[16:]
    found = values(attempt.attributes)
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "openai"
    assert found["gen_ai.usage.input_tokens"] == line["input_tokens"]
    assert found["gen_ai.usage.output_tokens"] == line["output_tokens"]
    assert found["gen_ai.request.max_tokens"] == 20
    assert [item.string_value for item in found["gen_ai.response.finish_reasons"].values] == [line["finish_reason"]]
    assert (found["server.address"], found["gateway.tag.team"]) == ("127.0.0.1", "core")
    assert found["gateway.cost"] == f"{line['cost']:f}"
    assert "error.type" not in found
    assert 0 < attempt.end_time_unix_nano - attempt.start_time_unix_nano < 30e9
    assert collector.resources[0]["service.name"] == "llm-gateway"
    assert collector.headers[0]["authorization"] == "Bearer t"
    assert collector.headers[0]["x-tenant"] == "acme"


def _is_whole(spans: list[Any]) -> bool:
    """The request's span is there, and one for each of its attempts."""
    outer = [span for span in spans if span.kind == 2]
    return bool(outer) and len(spans) == 1 + values(outer[0].attributes)["gateway.attempts"]


def test_streams_failures_and_refusals(world: World, exporting: Stack, collector: Collector) -> None:
    def trace_of(index: int) -> str:
        return f"{index:032x}"

    def call(index: int, model: str, **fields: Any) -> None:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
        exporting.request("POST", "/v1/chat/completions", body, world.secret,
                          traceparent=f"00-{trace_of(index)}-{PARENT}-01")  # fmt: skip

    call(1, "gpt-4o-mini", stream=True)
    call(2, "sim-fault-error-500")
    call(3, "no-such-model")

    exporting.wait_for(lambda: all(_is_whole(collector.of_trace(trace_of(index))) for index in (1, 2, 3)))
    streamed = values(next(s for s in collector.of_trace(trace_of(1)) if s.kind == 3).attributes)
    assert streamed["gen_ai.request.stream"] is True
    assert 0 < streamed["gen_ai.response.time_to_first_chunk"] < 30
    failed = next(span for span in collector.of_trace(trace_of(2)) if span.kind == 3)
    assert values(failed.attributes)["error.type"] == "upstream_500"
    assert values(failed.attributes)["http.response.status_code"] == 500
    assert failed.status.code == 2
    outer = next(span for span in collector.of_trace(trace_of(2)) if span.kind == 2)
    assert (outer.status.code, values(outer.attributes)["http.response.status_code"]) == (2, 502)
    (refused,) = collector.of_trace(trace_of(3))
    found = values(refused.attributes)
    assert (found["http.response.status_code"], found["error.type"]) == (404, "model_not_found")
    assert refused.status.code == 0


def test_a_trace_that_the_caller_does_not_sample_is_not_exported(
    world: World, exporting: Stack, collector: Collector
) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    exporting.request("POST", "/v1/chat/completions", body, world.secret, traceparent=f"00-{'a' * 32}-{PARENT}-00")
    exporting.request("POST", "/v1/chat/completions", body, world.secret, traceparent=f"00-{'b' * 32}-{PARENT}-01")

    exporting.wait_for(lambda: len(collector.of_trace("b" * 32)) == 2)
    assert collector.of_trace("a" * 32) == []


def test_metrics_are_cumulative_histograms(world: World, exporting: Stack, collector: Collector) -> None:
    exporting.chat(world.secret, "gpt-4o-mini")

    def count() -> int:
        metric = collector.metrics.get("gen_ai.client.operation.duration")
        points = metric.histogram.data_points if metric else []
        return sum(p.count for p in points if values(p.attributes).get("gen_ai.request.model") == "gpt-4o-mini"
                   and "error.type" not in values(p.attributes))  # fmt: skip

    before = count()
    exporting.chat(world.secret, "gpt-4o-mini")
    exporting.wait_for(lambda: count() > before)

    tokens = collector.metrics["gen_ai.client.token.usage"].histogram
    assert tokens.aggregation_temporality == 2
    kinds = {values(point.attributes)["gen_ai.token.type"] for point in tokens.data_points}
    assert kinds == {"input", "output"}
    (point, *_) = tokens.data_points
    assert list(point.explicit_bounds)[:3] == [1, 4, 16]
    assert sum(point.bucket_counts) == point.count
    assert "gen_ai.client.operation.time_to_first_chunk" in collector.metrics
    (cost, *_) = collector.metrics["gateway.cost"].sum.data_points
    assert cost.as_double > 0


@pytest.mark.slow
def test_a_busy_collector_is_asked_again(world: World, exporting: Stack, collector: Collector) -> None:
    collector.statuses = [503, 429]
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}

    exporting.request("POST", "/v1/chat/completions", body, world.secret, traceparent=f"00-{'c' * 32}-{PARENT}-01")

    exporting.wait_for(lambda: len(collector.of_trace("c" * 32)) == 2)


def test_calls_go_on_while_the_collector_hangs(world: World, exporting: Stack, collector: Collector) -> None:
    collector.hold_s = 3.0
    try:
        answers = [exporting.chat(world.secret, "gpt-4o-mini").status for _ in range(5)]
    finally:
        collector.hold_s = 0.0

    assert answers == [200] * 5
    exporting.wait_for(lambda: b"gateway_otlp_queue{" in exporting.get("/metrics").body)


@pytest.mark.slow
def test_a_private_endpoint_that_is_not_allowed_gets_nothing(world: World, tmp_path: Path) -> None:
    seen: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack = started(world, tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
    try:
        assert stack.chat(world.secret, "gpt-4o-mini").status == 200
        stack.wait_for(lambda: "the OTLP endpoint refuses data" in stack.log.read_text(), timeout_s=30)
    finally:
        stack.close()
        server.shutdown()

    assert seen == []


@pytest.mark.slow
@pytest.mark.usefixtures("exporting")  # which allows the collector's address
def test_what_waits_is_sent_when_the_process_ends(world: World, collector: Collector, tmp_path: Path) -> None:
    stack = started(world, tmp_path, f"http://127.0.0.1:{collector.port}")
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    stack.request("POST", "/v1/chat/completions", body, world.secret, traceparent=f"00-{'d' * 32}-{PARENT}-01")

    stack.close()

    world.stack.wait_for(lambda: len(collector.of_trace("d" * 32)) == 2)  # sent is not yet read


def test_the_trace_goes_upstream(world: World, exporting: Stack, collector: Collector, recorder: Recorder) -> None:
    exporting.wait_until_current()
    body = {"model": "recorded", "messages": [{"role": "user", "content": "hi"}]}
    header = f"00-{'e' * 32}-{PARENT}-01"

    exporting.request("POST", "/v1/chat/completions", body, world.secret, traceparent=header, tracestate="a=b")
    world.stack.request("POST", "/v1/chat/completions", body, world.secret, traceparent=header)
    world.stack.request("POST", "/v1/chat/completions", body, world.secret)

    exporting.wait_for(lambda: len(collector.of_trace("e" * 32)) == 2)
    attempt = next(span for span in collector.of_trace("e" * 32) if span.kind == 3)
    exported, passed_on, without = recorder.heads
    assert f"traceparent: 00-{'e' * 32}-{attempt.span_id.hex()}-01\r\ntracestate: a=b\r\n" in exported
    assert f"traceparent: {header}\r\n" in passed_on
    assert "traceparent" not in without
