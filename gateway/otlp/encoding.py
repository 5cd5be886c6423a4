"""Records and counters → OTLP export requests in protobuf. Runs in a thread; imported when exporting is on.

Span and attribute names: semantic conventions for generative AI, "client inference"; metrics: the same, "client
metrics", as released (`gen_ai.client.operation.duration`, `gen_ai.client.operation.time_to_first_chunk`,
`gen_ai.client.token.usage`). What the conventions have no name for is under `gateway.`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.dataplane.metrics import Histogram, Key, Series
from gateway.otlp.context import attempt_span
from gateway.otlp.local import Kind
from gateway.otlp.local import Span as LocalSpan
from gateway.otlp.tracing import AttemptRecord, RequestRecord

SCOPE = InstrumentationScope(name="llm-gateway")
OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
    "/v1/images/generations": "generate_content",
    "/v1/images/edits": "generate_content",
    "/v1/images/variations": "generate_content",
}
PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "x-ai": "x_ai",
}
_USAGE = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
    "gen_ai.usage.audio.input_tokens": "audio_input_tokens",
    "gen_ai.usage.audio.output_tokens": "audio_output_tokens",
}
_OF_LINE = {
    "gateway.request_id": "request_id",
    "gateway.line_id": "id",
    "gateway.provider": "provider",
    "gateway.model": "model_served",
    "gateway.route": "route",
    "gateway.status": "status",
    "gateway.usage_source": "usage_source",
    "gateway.cost": "cost",
    "gateway.organization": "organization",
    "gateway.team": "team",
    "gateway.project": "project",
    "gateway.api_key": "api_key",
    "gen_ai.request.max_tokens": "max_tokens",
    "openai.request.service_tier": "service_tier_requested",
    "openai.response.service_tier": "service_tier_served",
    "http.response.status_code": "http_status",
}
_KINDS: dict[Kind, Any] = {
    "internal": Span.SPAN_KIND_INTERNAL,
    "server": Span.SPAN_KIND_SERVER,
    "consumer": Span.SPAN_KIND_CONSUMER,
}
_MS = 1_000_000


def operation_of(path: str) -> str:
    """The conventions' name of an endpoint, else its path."""
    return OPERATIONS.get(path, path.removeprefix("/v1/"))


def provider_of(kind: str) -> str:
    return PROVIDERS.get(kind, kind)


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes; those without a value are left out."""
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items() if value is not None]


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    return AnyValue(string_value=str(value))


# ---- spans -----------------------------------------------------------------------------------------------------------
def traces(records: Iterable[AttemptRecord | RequestRecord | LocalSpan], resource: Mapping[str, Any]) -> bytes:
    """An ExportTraceServiceRequest."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(resource=Resource(attributes=pairs(resource)))
    scope = group.scope_spans.add(scope=SCOPE)
    for record in records:
        if isinstance(record, AttemptRecord):
            scope.spans.append(_attempt(record))
        elif isinstance(record, RequestRecord):
            scope.spans.append(_request(record))
        else:
            scope.spans.append(_local(record))
    return request.SerializeToString()


def _attempt(record: AttemptRecord) -> Span:
    line, trace = record.line, record.trace
    operation = operation_of(line["endpoint"])
    start = record.started_ms * _MS
    is_ok = line["status"] == "ok"
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider_of(record.kind),
        "gen_ai.request.model": record.model,
        "server.address": record.address,
        "server.port": record.port,
        "gateway.attempt": record.number,
        "gateway.currency": line.get("currency") if line.get("cost") is not None else None,
        "gen_ai.request.stream": line.get("is_stream") or None,
        "gen_ai.response.finish_reasons": [line["finish_reason"]] if line.get("finish_reason") else None,
        "gen_ai.response.time_to_first_chunk": line["ttft_ms"] / 1000 if "ttft_ms" in line else None,
        "error.type": None if is_ok else line.get("error_type") or line["status"],
        **{name: line.get(column) for name, column in _OF_LINE.items()},
        **{name: line.get(column) for name, column in _USAGE.items()},
        **{f"gateway.tag.{key}": value for key, value in (line.get("tag_set") or {}).items()},
    }
    written = line.get("cache_write_5m_tokens", 0) + line.get("cache_write_1h_tokens", 0)
    attributes["gen_ai.usage.cache_write.input_tokens"] = written or None
    return Span(
        trace_id=bytes.fromhex(trace.trace_id),
        span_id=bytes.fromhex(attempt_span(record.attempt_id)),
        parent_span_id=bytes.fromhex(trace.span_id),
        name=f"{operation} {record.model}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(line.get("duration_ms", 0) * _MS),
        attributes=pairs(attributes),
        status=Status(code=Status.STATUS_CODE_UNSET if is_ok else Status.STATUS_CODE_ERROR),
        flags=trace.flags,
    )


def _request(record: RequestRecord) -> Span:
    """The gateway's own span around the attempts; their usage stays with them, so that sums count it once."""
    line, trace = record.line, record.trace
    status = record.error[0] if record.error else 200
    failed = record.error[1] if record.error else None
    if failed is None and line is not None and line["status"] != "ok":
        failed = line.get("error_type") or line["status"]
    attributes = {
        "http.request.method": "POST",
        "url.path": record.path,
        "http.response.status_code": status,
        "error.type": failed,
        "gateway.request_id": record.request_id,
        "gateway.model_requested": record.model or None,
        "gateway.is_stream": record.is_stream,
        "gateway.attempts": record.attempts,
        "gateway.cache": record.cache_status,
    }
    return Span(
        trace_id=bytes.fromhex(trace.trace_id),
        span_id=bytes.fromhex(trace.span_id),
        parent_span_id=bytes.fromhex(trace.parent_id),
        trace_state=trace.state.decode("latin-1"),
        name=f"POST {record.path}",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=record.started_ns,
        end_time_unix_nano=record.ended_ns,
        attributes=pairs(attributes),
        # HTTP conventions: a server's span fails with 5xx alone
        status=Status(code=Status.STATUS_CODE_ERROR if status >= 500 else Status.STATUS_CODE_UNSET),
        flags=trace.flags,
    )


def _local(record: LocalSpan) -> Span:
    trace = record.trace
    return Span(
        trace_id=bytes.fromhex(trace.trace_id),
        span_id=bytes.fromhex(trace.span_id),
        parent_span_id=bytes.fromhex(trace.parent_id),
        trace_state=trace.state.decode("latin-1"),
        name=record.name,
        kind=_KINDS[record.kind],
        start_time_unix_nano=record.started_ns,
        end_time_unix_nano=record.ended_ns,
        attributes=pairs(record.attributes),
        status=Status(code=Status.STATUS_CODE_ERROR if record.is_failed else Status.STATUS_CODE_UNSET),
        flags=trace.flags,
    )


# ---- metrics ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Window:
    """Cumulative figures since `start_ns`, read at `end_ns`."""

    start_ns: int
    end_ns: int


def metrics(
    series: Mapping[Key, Series], kinds: Mapping[str, str], resource: Mapping[str, Any], window: Window
) -> bytes:
    """An ExportMetricsServiceRequest: cumulative histograms and sums by operation, provider and model."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add(resource=Resource(attributes=pairs(resource)))
    scope = group.scope_metrics.add(scope=SCOPE)
    attempts = {key: one for key, one in series.items() if one.attempts}
    for name, unit, what in (
        ("gen_ai.client.operation.duration", "s", "duration"),
        ("gen_ai.client.operation.time_to_first_chunk", "s", "first_token"),
    ):
        points = _merged((_labels(key, kinds), getattr(one, what)) for key, one in attempts.items())
        scope.metrics.append(_histogram(name, unit, points, window))
    tokens = [
        ((*_labels(key, kinds, with_error=False), ("gen_ai.token.type", name)), found)
        for key, one in attempts.items()
        for name, found in (("input", one.input_tokens), ("output", one.output_tokens))
    ]
    scope.metrics.append(_histogram("gen_ai.client.token.usage", "{token}", _merged(tokens), window))
    scope.metrics.append(_requests(series, kinds, window))
    scope.metrics.append(_costs(attempts, kinds, window))
    return request.SerializeToString()


Labels = tuple[tuple[str, str], ...]


def _labels(key: Key, kinds: Mapping[str, str], *, with_error: bool = True) -> Labels:
    found = [
        ("gen_ai.operation.name", operation_of(key.endpoint)),
        ("gen_ai.provider.name", provider_of(kinds.get(key.provider, key.provider))),
        ("gen_ai.request.model", key.model),
    ]
    if with_error and key.status != "ok":
        found.append(("error.type", key.status))
    return tuple((name, value) for name, value in found if value)


def _merged(points: Iterable[tuple[Labels, Histogram]]) -> dict[Labels, Histogram]:
    """Endpoints of one operation and providers of one kind add up."""
    found: dict[Labels, Histogram] = {}
    for labels, histogram in points:
        total = found.setdefault(labels, Histogram(histogram.bounds))
        total.counts = [a + b for a, b in zip(total.counts, histogram.counts, strict=True)]
        total.total += histogram.total
    return {labels: histogram for labels, histogram in found.items() if any(histogram.counts)}


def _histogram(name: str, unit: str, points: Mapping[Labels, Histogram], window: Window) -> Metric:
    metric = Metric(name=name, unit=unit)
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    for labels, found in points.items():
        metric.histogram.data_points.append(
            HistogramDataPoint(
                attributes=pairs(dict(labels)),
                start_time_unix_nano=window.start_ns,
                time_unix_nano=window.end_ns,
                count=found.count,
                sum=found.total,
                bucket_counts=found.counts,
                explicit_bounds=found.bounds,
            )
        )
    return metric


def _requests(series: Mapping[Key, Series], kinds: Mapping[str, str], window: Window) -> Metric:
    sums: dict[Labels, float] = {}
    for key, one in series.items():
        labels = (*_labels(key, kinds, with_error=False), ("gateway.status", key.status))
        sums[labels] = sums.get(labels, 0) + one.requests
    return _sum("gateway.requests", "{request}", sums, window)


def _costs(series: Mapping[Key, Series], kinds: Mapping[str, str], window: Window) -> Metric:
    sums: dict[Labels, float] = {}
    for key, one in series.items():
        for currency, amount in one.costs.items():
            labels = (*_labels(key, kinds, with_error=False), ("gateway.currency", currency))
            sums[labels] = sums.get(labels, 0) + float(amount)
    return _sum("gateway.cost", "{currency}", sums, window)


def _sum(name: str, unit: str, sums: Mapping[Labels, float], window: Window) -> Metric:
    metric = Metric(name=name, unit=unit)
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    for labels, value in sums.items():
        metric.sum.data_points.append(
            NumberDataPoint(
                attributes=pairs(dict(labels)), start_time_unix_nano=window.start_ns, time_unix_nano=window.end_ns,
                as_double=value,
            )
        )  # fmt: skip
    return metric
