"""LiteLLM's table `LiteLLM_SpendLogs`: as CSV or JSON out of its database, or as `GET /spend/logs` answers.

Columns: BerriAI/litellm, `schema.prisma`, model LiteLLM_SpendLogs; what they hold: `litellm/proxy/spend_tracking/
spend_tracking_utils.py`, `get_logging_payload`. `spend` is what LiteLLM charged its own budgets; it writes 0 when it
knows no price, so that a 0 for used tokens is no price here either. `prompt_tokens` is the whole prompt for every
vendor, cached parts included; `metadata.usage_object` has the parts.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

from gateway.choices import LineKind, LineStatus
from gateway.imports import vocabulary
from gateway.imports.formats.reading import constants, milliseconds, read_rows, with_constants
from gateway.imports.records import Amount, BadValueError, Item, UsageRecord, check_parts, parse_amount
from gateway.imports.rows.row import Row, scalar

IS_KEYED = True
COLUMNS = {name: (name,) for name in ("request_id", "startTime", "model", "prompt_tokens", "completion_tokens")}
ENDPOINTS = {
    "completion": "/v1/chat/completions",
    "text_completion": "/v1/completions",
    "embedding": "/v1/embeddings",
    "responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "image_generation": "/v1/images/generations",
    "transcription": "/v1/audio/transcriptions",
    "speech": "/v1/audio/speech",
    "moderation": "/v1/moderations",
    "rerank": "/v1/rerank",
}


def read(file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """CSV with PostgreSQL's header, JSON lines, a JSON array, or pages with their rows under `data`."""
    given = constants("litellm", mapping)
    return read_rows(file, COLUMNS, partial(_record, now=now, given=given), envelope="data")


def _record(row: Row, now: datetime, given: Mapping[str, str]) -> UsageRecord:
    start = row.time(now, "startTime")
    if start is None:
        raise BadValueError("startTime: missing")
    metadata = row.mapping("metadata")
    model, vendor = vocabulary.split_model(row.text("model"), row.text("custom_llm_provider"))
    counts = _counts(row, metadata)
    record = UsageRecord(
        line=row.line,
        raw=row.raw,
        at=start,
        counts=counts,
        model=model,
        provider=vendor,
        values=vocabulary.filled({**_outcome(row, metadata), **_times(row, start, now), **_who(row, metadata, model)}),
        key=row.text("request_id"),
        amount=_amount(row, counts),
    )
    return with_constants(record, given)


def _counts(row: Row, metadata: Mapping[str, Any]) -> dict[str, int]:
    usage = {**_dict(metadata, "additional_usage_values"), **_dict(metadata, "usage_object")}
    inner, outer = _dict(usage, "prompt_tokens_details"), _dict(usage, "completion_tokens_details")
    counts = {
        "input_tokens": row.count("prompt_tokens") or 0,
        "output_tokens": row.count("completion_tokens") or 0,
        "cache_read_tokens": _number(usage, "cache_read_input_tokens") or _number(inner, "cached_tokens"),
        "cache_write_5m_tokens": _number(usage, "cache_creation_input_tokens"),
        "audio_input_tokens": _number(inner, "audio_tokens"),
        "reasoning_tokens": _number(outer, "reasoning_tokens"),
        "audio_output_tokens": _number(outer, "audio_tokens"),
    }
    cached = counts["cache_read_tokens"] + counts["cache_write_5m_tokens"]
    if cached > counts["input_tokens"]:  # releases that left Anthropic's cached parts out of the prompt
        counts["input_tokens"] += cached
    check_parts(counts)
    return {name: count for name, count in counts.items() if count or name in ("input_tokens", "output_tokens")}


def _dict(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def _number(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9 else 0


def _amount(row: Row, counts: Mapping[str, int]) -> Amount | None:
    text = scalar(row.first("spend"))
    spend = parse_amount("spend", text) if text is not None else None
    is_unknown = not spend and any(counts.values()) and not _is_hit(row)
    return None if spend is None or is_unknown else Amount(spend)


def _is_hit(row: Row) -> bool:
    return str(row.first("cache_hit")).lower() == "true"


def _outcome(row: Row, metadata: Mapping[str, Any]) -> dict[str, Any]:
    call = row.text("call_type") or "completion"
    endpoint = ENDPOINTS.get(call) or ENDPOINTS.get(call.removeprefix("a"), call)  # `acompletion`: the same, awaited
    found: dict[str, Any] = {"endpoint": endpoint[:60], "request_id": row.text("request_id")}
    if _is_hit(row):
        found |= {"kind": LineKind.CACHE_HIT.value, "cache_status": "hit"}
    failure = _dict(metadata, "error_information")
    if (row.text("status") or metadata.get("status")) == "failure":
        code = str(failure.get("error_code") or "")
        found["http_status"] = int(code) if code.isdigit() and 100 <= int(code) <= 599 else None
        found["status"] = vocabulary.status_of(found["http_status"])
        found["error_type"] = str(failure.get("error_class") or "failure")[:60]
    else:
        found["status"] = LineStatus.OK.value
    return found


def _times(row: Row, start: datetime, now: datetime) -> dict[str, Any]:
    """A stream's first token comes before its end; an answer that is no stream has both at the same time."""
    end, first = row.time(now, "endTime"), row.time(now, "completionStartTime")
    duration = row.count("request_duration_ms") if row.first("request_duration_ms") else milliseconds(start, end)
    found: dict[str, Any] = {"duration_ms": duration}
    if first is not None and end is not None and start <= first < end:
        found |= {"is_stream": True, "ttft_ms": milliseconds(start, first), "output_ms": milliseconds(first, end)}
    return found


def _who(row: Row, metadata: Mapping[str, Any], model: str | None) -> dict[str, Any]:
    """LiteLLM's people and teams are not the gateway's: they are kept as tags."""
    labels: dict[str, Any] = {}
    for tag in row.sequence("request_tags"):
        name, separator, value = str(tag).partition(":" if ":" in str(tag) else "=")
        labels[name if separator else f"tag {name}"] = value if separator else "yes"
    labels |= {
        "litellm_key": metadata.get("user_api_key_alias") or (row.label("api_key") or "")[:16],
        "litellm_team": metadata.get("user_api_key_team_alias") or row.label("team_id"),
        "litellm_user": row.label("user"),
    }
    return {
        "end_user": row.label("end_user"),
        "model_requested": row.text("model_group") or model,
        "tag_set": vocabulary.tags(labels),
    }
