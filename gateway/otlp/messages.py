"""The two answers of an OTLP receiver, small enough to be written by hand: no protobuf library on this way.

Source: `collector/trace/v1/trace_service.proto` (ExportTraceServiceResponse: partial_success = 1; rejected_spans = 1,
error_message = 2) and `google/rpc/status.proto` (code = 1, message = 2); protobuf encoding, "varints".
"""

import orjson

from gateway.otlp.spans import JSON

CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 3, 415: 3, 429: 8, 500: 13, 503: 14}
"""HTTP status → `google.rpc.Code`; anything else is UNKNOWN."""


def success(rejected: int, reason: str, media_type: str) -> bytes:
    """ExportTraceServiceResponse: empty when every span was taken."""
    if media_type == JSON:
        partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": reason}}
        return orjson.dumps(partial if rejected else {})
    return _bytes(1, _number(1, rejected) + _bytes(2, reason.encode())) if rejected else b""


def status(http_status: int, message: str, media_type: str) -> bytes:
    """google.rpc.Status."""
    code = CODES.get(http_status, 2)
    if media_type == JSON:
        return orjson.dumps({"code": code, "message": message})
    return _number(1, code) + _bytes(2, message.encode())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
