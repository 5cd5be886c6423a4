"""Helicone's requests: what its export tool writes (`@helicone/export`: JSON lines, JSON, CSV), or its API's pages.

Fields: Helicone/helicone, `examples/export/typescript/index.ts` (CSV header) and `packages/llm-mapper/types.ts`
(HeliconeRequest); what they hold: `valhalla/jawn/src/lib/handlers/LoggingHandler.ts`. `prompt_tokens` is the uncached
part of the prompt (`packages/cost/usage/openAIUsageProcessor.ts`); cached parts lie beside it. `cost` is Helicone's
estimate at list prices, 0 when it knows none. An answer from Helicone's cache has a `cache_reference_id`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from gateway.choices import LineKind
from gateway.imports import vocabulary
from gateway.imports.formats.reading import constants, read_rows, with_constants
from gateway.imports.records import (
    Amount,
    BadValueError,
    Item,
    UsageRecord,
    check_parts,
    parse_amount,
    parse_duration,
)
from gateway.imports.rows.row import Row, scalar

IS_KEYED = True
COLUMNS = {
    "request_created_at": ("request_created_at",),
    "request_id or response_id": ("request_id", "response_id"),
    "prompt_tokens": ("prompt_tokens",),
    "completion_tokens": ("completion_tokens",),
}
NO_CACHE = "00000000-0000-0000-0000-000000000000"
LONGEST_PATH = 60


def read(file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """JSON lines, a JSON array, API pages with their rows under `data`, or CSV."""
    given = constants("helicone", mapping)
    return read_rows(file, COLUMNS, partial(_record, now=now, given=given), envelope="data")


def _record(row: Row, now: datetime, given: Mapping[str, str]) -> UsageRecord:
    start = row.time(now, "request_created_at")
    if start is None:
        raise BadValueError("request_created_at: missing")
    served = row.text("response_model", "model", "request_model")
    model, vendor = vocabulary.split_model(served, row.text("provider"))
    record = UsageRecord(
        line=row.line,
        raw=row.raw,
        at=start,
        counts=_counts(row),
        model=model,
        provider=vendor,
        values=vocabulary.filled({**_outcome(row), **_times(row), **_who(row, served)}),
        key=row.text("request_id", "response_id"),
        amount=_amount(row),
    )
    return with_constants(record, given)


def _counts(row: Row) -> dict[str, int]:
    read, written = row.count("prompt_cache_read_tokens") or 0, row.count("prompt_cache_write_tokens") or 0
    audio = row.count("prompt_audio_tokens") or 0
    spoken = row.count("completion_audio_tokens") or 0
    counts = {
        "input_tokens": (row.count("prompt_tokens") or 0) + read + written + audio,
        "output_tokens": (row.count("completion_tokens") or 0) + spoken,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": written,
        "audio_input_tokens": audio,
        "audio_output_tokens": spoken,
    }
    check_parts(counts)
    return {name: count for name, count in counts.items() if count or name in ("input_tokens", "output_tokens")}


def _amount(row: Row) -> Amount | None:
    text = scalar(row.first("cost", "costUSD"))
    value = parse_amount("cost", text) if text is not None else None
    return Amount(value, is_list=True) if value or (value is not None and _is_hit(row)) else None


def _is_hit(row: Row) -> bool:
    return row.text("cache_reference_id") not in (None, NO_CACHE)


def _outcome(row: Row) -> dict[str, Any]:
    code = row.count("response_status")
    if code is None or not 100 <= code <= 599:  # Helicone writes negative or odd numbers for calls without an answer
        code = None
    found: dict[str, Any] = {
        "endpoint": _path(row),
        "request_id": row.text("request_id", "response_id"),
        "http_status": code,
        "status": vocabulary.status_of(code),
    }
    if code is not None and code >= 400:
        found["error_type"] = f"upstream_{code}"
    if _is_hit(row):
        found |= {"kind": LineKind.CACHE_HIT.value, "cache_status": "hit"}
    return found


def _path(row: Row) -> str | None:
    target = row.label("request_path", "target_url")
    return urlsplit(target).path[:LONGEST_PATH] or None if target else None


def _times(row: Row) -> dict[str, Any]:
    """`delay_ms` in the API; the CSV's `latency` is the same number. A first token time of 0 is none."""
    duration, first = scalar(row.first("delay_ms", "latency")), scalar(row.first("time_to_first_token"))
    found: dict[str, Any] = {"duration_ms": parse_duration("delay_ms", duration) if duration else None}
    if first and (ttft := parse_duration("time_to_first_token", first)):
        found |= {"is_stream": True, "ttft_ms": ttft}
        if found["duration_ms"] is not None and found["duration_ms"] >= ttft:
            found["output_ms"] = round(found["duration_ms"] - ttft, 3)
    return found


def _who(row: Row, served: str | None) -> dict[str, Any]:
    properties = row.mapping("request_properties", "properties")
    return {
        "end_user": row.label("request_user_id"),
        "model_requested": row.text("request_model", "model") or served,
        "tag_set": vocabulary.tags(properties),
    }
