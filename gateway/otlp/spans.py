"""Trace export requests of OTLP/HTTP, protobuf or JSON → spans as plain values.

Source: opentelemetry-proto 1.x, `collector/trace/v1/trace_service.proto`, `trace/v1/trace.proto`; OTLP specification,
"JSON Protobuf Encoding" (ids in hexadecimal, 64-bit integers as text or numbers, enums as numbers).
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

PROTOBUF, JSON = "application/x-protobuf", "application/json"
UNPACKED_LIMIT_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 8


class UndecodableError(ValueError):
    """The body is not what its headers say."""


class TooLongError(ValueError):
    """The body unpacks to more than the limit."""


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Ids are lower-case hexadecimal, empty when missing or all zeros; times are Unix nanoseconds, else 0."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    is_error: bool
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any] = field(default_factory=dict)


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its `Content-Encoding`, `gzip` or none. Raises `UndecodableError`, `TooLongError`."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise UndecodableError(f"the content encoding {encoding[:40]!r} is not supported; send gzip or none")
    inflater = zlib.decompressobj(wbits=31)
    try:
        data = inflater.decompress(body, UNPACKED_LIMIT_BYTES + 1)
    except zlib.error as error:
        raise UndecodableError("the body is not gzip") from error
    if len(data) > UNPACKED_LIMIT_BYTES:
        raise TooLongError
    if not inflater.eof:
        raise UndecodableError("the gzip stream is cut off")
    return data


def decode(body: bytes, media_type: str) -> list[Span]:
    """Every span of a request. Raises `UndecodableError`."""
    return _of_json(body) if media_type == JSON else _of_protobuf(body)


# ---- protobuf ------------------------------------------------------------------------------------------------------
def _of_protobuf(body: bytes) -> list[Span]:
    # Protobuf costs 35 ms and 3 MB to import: only a process that is sent some pays.
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise UndecodableError("the body is not an ExportTraceServiceRequest in protobuf") from error
    return [span for group in request.resource_spans for span in _resource_spans(group)]


def _resource_spans(group: Any) -> Iterator[Span]:
    resource = _attributes(group.resource.attributes)
    for scope in group.scope_spans:
        for span in scope.spans:
            yield Span(
                _hex(span.trace_id.hex(), 32),
                _hex(span.span_id.hex(), 16),
                _hex(span.parent_span_id.hex(), 16),
                span.name,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.status.code == 2,
                _attributes(span.attributes),
                resource,
            )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value, 0) for pair in pairs}


def _value(value: Any, depth: int) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or depth > MAX_DEPTH:
        return None
    if kind == "array_value":
        return [_value(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    return getattr(value, kind)


# ---- JSON ----------------------------------------------------------------------------------------------------------
def _of_json(body: bytes) -> list[Span]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UndecodableError(f"the body is not JSON: {error}") from error
    try:
        return [span for group in _objects(request, "resourceSpans") for span in _json_resource(group)]
    except (TypeError, ValueError, AttributeError) as error:
        raise UndecodableError(f"the body is not an ExportTraceServiceRequest: {error}") from error


def _json_resource(group: Mapping[str, Any]) -> Iterator[Span]:
    resource = _json_attributes(group.get("resource") or {})
    for scope in _objects(group, "scopeSpans"):
        for span in _objects(scope, "spans"):
            yield Span(
                _hex(span.get("traceId"), 32),
                _hex(span.get("spanId"), 16),
                _hex(span.get("parentSpanId"), 16),
                str(span.get("name") or ""),
                int(span.get("startTimeUnixNano") or 0),
                int(span.get("endTimeUnixNano") or 0),
                (span.get("status") or {}).get("code") in (2, "STATUS_CODE_ERROR"),
                _json_attributes(span),
                resource,
            )


def _objects(parent: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(parent, dict):
        raise TypeError(f"{name} is looked for in something that is no object")
    found = parent.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise TypeError(f"{name} is no list of objects")
    return found


def _hex(value: Any, digits: int) -> str:
    """An id of the right length with a bit set (W3C Trace Context, "trace-id"); anything else is as good as none."""
    text = value.lower() if isinstance(value, str) else ""
    is_id = len(text) == digits and text.strip("0") and all(letter in "0123456789abcdef" for letter in text)
    return text if is_id else ""


def _json_attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {str(pair.get("key")): _json_value(pair.get("value"), 0) for pair in _objects(holder, "attributes")}


def _json_value(value: Any, depth: int) -> Any:
    if not isinstance(value, dict) or not value or depth > MAX_DEPTH:
        return None
    (kind, inner), *_ = value.items()
    if kind == "intValue":
        return int(inner)
    if kind == "doubleValue":
        return float(inner)
    if kind == "arrayValue":
        return [_json_value(item, depth + 1) for item in _objects(inner, "values")]
    if kind == "kvlistValue":
        return {str(p.get("key")): _json_value(p.get("value"), depth + 1) for p in _objects(inner, "values")}
    return inner
