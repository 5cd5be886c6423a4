"""Langfuse's observations: the table's export (CSV, JSON), the blob-storage export, or the public API's pages.

Names: langfuse/langfuse, `packages/shared/src/server/repositories/observations_converters.ts` (camel case) and
langfuse-docs, `blob-storage-export-fields.mdx` (snake case). Only generations and embeddings are calls of a model.
`usageDetails` splits a whole into disjoint parts: `input` without `input_cached_tokens` and so on
(`ingestion/types.ts`, OpenAICompletionUsageSchema); Anthropic's `cache_…_input_tokens` lie beside `input` too. Costs
are Langfuse's estimate at its list prices, unless the caller provided them. Times are used, not `latency`: its unit
differs from export to export.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

from gateway.choices import LineStatus
from gateway.imports import vocabulary
from gateway.imports.formats.reading import constants, milliseconds, read_rows, with_constants
from gateway.imports.records import Amount, BadValueError, Item, Skipped, UsageRecord, check_parts, parse_amount
from gateway.imports.rows.row import Row, scalar

IS_KEYED = True
COLUMNS = {"id": ("id",), "type": ("type",), "startTime": ("startTime", "start_time")}
CALLS = {"GENERATION": "/v1/chat/completions", "EMBEDDING": "/v1/embeddings"}
_CACHE_READ = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "input_cached")
_CACHE_WRITE_1H = ("input_cache_creation_1h", "input_cache_write_1h")
_CACHE_WRITE = ("cache_creation_input_tokens", "input_cache_creation", "input_cache_creation_5m", "input_cache_write")
_AUDIO_IN, _AUDIO_OUT = ("input_audio_tokens", "input_audio"), ("output_audio_tokens", "output_audio")
_REASONING = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "output_thinking")


def read(file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """CSV, JSON, JSON lines, or pages with their rows under `data`."""
    given = constants("langfuse", mapping)
    return read_rows(file, COLUMNS, partial(_record, now=now, given=given), envelope="data")


def _record(row: Row, now: datetime, given: Mapping[str, str]) -> Item:
    kind = (row.text("type") or "").upper()
    if kind not in CALLS:
        return Skipped(row.line, f"an observation of type {kind or '(none)'} is no call of a model")
    start = row.time(now, "startTime", "start_time")
    if start is None:
        raise BadValueError("startTime: missing")
    metadata, parameters = row.mapping("metadata"), row.mapping("modelParameters", "model_parameters")
    named = metadata.get("ls_provider")  # as LangChain's integration leaves it
    model, vendor = vocabulary.split_model(
        row.text("model", "provided_model_name", "providedModelName"), named if isinstance(named, str) else None
    )
    record = UsageRecord(
        line=row.line,
        raw=row.raw,
        at=start,
        counts=_counts(row),
        model=model,
        provider=vendor or _maker(model),
        values=vocabulary.filled({**_outcome(row, kind), **_times(row, start, now), **_who(row, parameters)}),
        key=row.text("id"),
        amount=_amount(row),
    )
    return with_constants(record, given)


def _maker(model: str | None) -> str | None:
    """Langfuse keeps no vendor; the makers of these names are known by them."""
    name = (model or "").lower()
    for start, vendor in (("claude", "anthropic"), ("gemini", "google"), ("mistral", "mistral"), ("command", "cohere")):
        if name.startswith(start):
            return vendor
    return None


def _counts(row: Row) -> dict[str, int]:
    details = row.mapping("usageDetails", "usage_details") or row.mapping("usage")
    if not details:
        return {
            "input_tokens": row.count("inputUsage", "promptTokens", "prompt_tokens", "inputTokens") or 0,
            "output_tokens": row.count("outputUsage", "completionTokens", "completion_tokens", "outputTokens") or 0,
        }
    usage = {name: _whole(name, value) for name, value in details.items() if _is_count(name, value)}
    counts = {
        "cache_read_tokens": _first(usage, _CACHE_READ),
        "cache_write_5m_tokens": _first(usage, _CACHE_WRITE),
        "cache_write_1h_tokens": _first(usage, _CACHE_WRITE_1H),
        "audio_input_tokens": _first(usage, _AUDIO_IN),
        "reasoning_tokens": _first(usage, _REASONING),
        "audio_output_tokens": _first(usage, _AUDIO_OUT),
    }
    beside = [name for name in (*_CACHE_READ, *_CACHE_WRITE) if not name.startswith("input")]
    input_tokens = sum(n for name, n in usage.items() if name.startswith("input") or name in beside)
    output_tokens = sum(n for name, n in usage.items() if name.startswith("output") or name == "reasoning_tokens")
    if usage.get("total") == usage.get("input", 0) + usage.get("output", 0):  # parts were counted within their whole
        input_tokens, output_tokens = usage.get("input", 0), usage.get("output", 0)
    counts |= {"input_tokens": input_tokens, "output_tokens": output_tokens}
    check_parts(counts)
    return {name: count for name, count in counts.items() if count or name in ("input_tokens", "output_tokens")}


def _is_count(name: str, value: Any) -> bool:
    """Older pages have costs (`inputCost`) and a unit beside the counts."""
    return isinstance(value, int | float) and not name.endswith("Cost")


def _whole(name: str, value: float) -> int:
    if isinstance(value, bool) or value != int(value) or not 0 <= value <= 10**9:
        raise BadValueError(f"usageDetails.{name}: {value!r} is not a whole number")
    return int(value)


def _first(usage: Mapping[str, int], names: tuple[str, ...]) -> int:
    return next((usage[name] for name in names if usage.get(name)), 0)


def _amount(row: Row) -> Amount | None:
    """0 is what Langfuse writes when it knows no price of the model."""
    provided = row.mapping("providedCostDetails", "provided_cost_details")
    text = scalar(provided.get("total")) or scalar(row.first("totalCost", "total_cost", "calculatedTotalCost"))
    if text is None:
        text = scalar(row.mapping("costDetails", "cost_details").get("total"))
    value = parse_amount("totalCost", text) if text is not None else None
    return Amount(value, is_list=not provided) if value else None


def _outcome(row: Row, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"endpoint": CALLS[kind], "request_id": row.text("id"), "status": LineStatus.OK.value}
    if (row.text("level") or "").upper() == "ERROR":
        message = row.first("statusMessage", "status_message")
        found |= {"status": LineStatus.UPSTREAM_ERROR.value, "error_type": "error"}
        if isinstance(message, str) and "timeout" in message.lower():
            found |= {"status": LineStatus.TIMEOUT.value, "error_type": "timeout"}
    return found


def _times(row: Row, start: datetime, now: datetime) -> dict[str, Any]:
    end = row.time(now, "endTime", "end_time")
    first = row.time(now, "completionStartTime", "completion_start_time")
    found: dict[str, Any] = {"duration_ms": milliseconds(start, end)}
    if first is not None and first >= start:
        found |= {"is_stream": True, "ttft_ms": milliseconds(start, first), "output_ms": milliseconds(first, end)}
    return found


def _who(row: Row, parameters: Mapping[str, Any]) -> dict[str, Any]:
    limit = parameters.get("max_tokens") or parameters.get("max_completion_tokens")
    is_count = isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit <= 10**9
    labels: dict[str, Any] = {f"tag {tag}": "yes" for tag in row.sequence("traceTags", "tags", "trace_tags")}
    labels |= {
        "langfuse_name": row.label("name"),
        "langfuse_trace": row.label("traceName", "trace_name"),
        "langfuse_environment": row.label("environment"),
        "langfuse_prompt": row.label("promptName", "prompt_name"),
    }
    return {
        "end_user": row.label("userId", "user_id"),
        "max_tokens": limit if is_count else None,
        "tag_set": vocabulary.tags(labels),
    }
