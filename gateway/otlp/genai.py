"""Spans of GenAI operations → what the ledger keeps of them. Pure.

Names: OpenTelemetry semantic conventions for generative AI, attribute registry `gen_ai.*`, current and deprecated
(`gen_ai.system`, `gen_ai.usage.prompt_tokens`), what OpenLLMetry wrote before them (`gen_ai.usage.cache_read_input_
tokens`, `llm.is_streaming`), and OpenInference's (`llm.model_name`, `llm.token_count.*`). By the conventions
`gen_ai.usage.input_tokens` holds cached tokens too, `time_to_first_chunk` is in seconds.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.choices import LineStatus
from gateway.imports import vocabulary
from gateway.imports.records import EARLIEST, LATEST_AHEAD, MAX_COUNT, BadValueError, check_parts
from gateway.ledger.ids import EPOCH
from gateway.otlp.spans import Span

OPERATIONS = {
    "chat": "/v1/chat/completions",
    "generate_content": "/v1/chat/completions",
    "text_completion": "/v1/completions",
    "completion": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "embedding": "/v1/embeddings",
    "llm": "/v1/chat/completions",
}
_HTTP_STATUS = re.compile("[1-5][0-9]{2}")
_OPERATION = ("gen_ai.operation.name", "llm.request.type", "openinference.span.kind")
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
_REQUESTED = ("gen_ai.request.model", "llm.model_name", "embedding.model_name", "gen_ai.response.model")
_SERVED = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "embedding.model_name")
_COUNTS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens",
                     "llm.token_count.prompt"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
                      "llm.token_count.completion"),
    "cache_read_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
                          "llm.token_count.prompt_details.cache_read"),
    "cache_write_5m_tokens": ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
                              "gen_ai.usage.cache_creation_input_tokens",
                              "llm.token_count.prompt_details.cache_write"),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
                         "llm.token_count.completion_details.reasoning"),
    "audio_input_tokens": ("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"),
    "audio_output_tokens": ("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"),
}  # fmt: skip
_STREAM = ("gen_ai.request.stream", "llm.is_streaming", "gen_ai.is_streaming")
_TIER = ("openai.response.service_tier", "gen_ai.openai.response.service_tier")
_TIER_ASKED = ("openai.request.service_tier", "gen_ai.openai.request.service_tier")
_TAGS = ("service.name", "deployment.environment.name", "deployment.environment")
_SPAN_TAGS = ("gen_ai.agent.name", "gen_ai.workflow.name", "gen_ai.prompt.name")


@dataclass(frozen=True, slots=True)
class Generation:
    """One call of a model. `counts` is empty when the span reports no usage: then nothing can be priced."""

    span: Span
    at: datetime
    model: str | None
    provider: str | None
    counts: Mapping[str, int]
    values: Mapping[str, Any] = field(default_factory=dict)
    tier: str | None = None


def generations(spans: Iterable[Span]) -> list[Span]:
    """The spans that are calls of a model, agents, tools and workflows left out.

    When a library and what it builds on both report a call, one span lies within the other: the inner one counts.
    """
    found = [span for span in spans if is_generation(span)]
    parents = {(span.trace_id, span.parent_id) for span in found}
    return [span for span in found if (span.trace_id, span.span_id) not in parents]


def is_generation(span: Span) -> bool:
    operation = _first(span.attributes, _OPERATION)
    if isinstance(operation, str):
        return operation.lower() in OPERATIONS
    return any(
        _first(span.attributes, names) is not None for names in (_COUNTS["input_tokens"], _COUNTS["output_tokens"])
    )


def is_of_server(span: Span, host: str) -> bool:
    """Whether the span is a call of this very server (`host` as in the Host header): it has its line already."""
    address, port = span.attributes.get("server.address"), span.attributes.get("server.port")
    if not isinstance(address, str) or not address:
        return False
    name, _, own_port = host.rpartition(":") if ":" in host and not host.endswith("]") else (host, "", "")
    return address.lower() == name.strip("[]").lower() and (port is None or str(port) == (own_port or str(port)))


def read(span: Span, now: datetime) -> Generation:
    """Raises `BadValueError` for a span that no line can be made of."""
    attributes = span.attributes
    if not span.trace_id or not span.span_id:
        raise BadValueError("a span has no trace id or span id")
    at = _time(span.start_ns, now)
    counts = _counts(attributes)
    served, named = _text(attributes, _SERVED), _text(attributes, _PROVIDER)
    model, provider = vocabulary.split_model(served, vocabulary.provider(named))
    tier = _text(attributes, _TIER)
    return Generation(span, at, model, provider, counts, _values(span, counts), tier)


def _time(start_ns: int, now: datetime) -> datetime:
    try:
        at = EPOCH + timedelta(microseconds=start_ns // 1000)
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    if not EARLIEST <= at <= now + LATEST_AHEAD:
        raise BadValueError(f"a span starts outside of {EARLIEST:%Y-%m-%d} … tomorrow")
    return at


def _counts(attributes: Mapping[str, Any]) -> dict[str, int]:
    counts = {}
    for column, names in _COUNTS.items():
        value = _first(attributes, names)
        if value is not None:
            counts[column] = _count(column, value)
    if counts:
        counts = {"input_tokens": 0, "output_tokens": 0, **counts}
        cached = counts.get("cache_read_tokens", 0) + counts.get("cache_write_5m_tokens", 0)
        if cached > counts["input_tokens"]:  # instrumentations that leave cached tokens out of the input
            counts["input_tokens"] += cached
        check_parts(counts)
    return counts


def _count(column: str, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise BadValueError(f"{column}: {value!r} is not a count")
    return value


def _values(span: Span, counts: Mapping[str, int]) -> dict[str, Any]:
    attributes = span.attributes
    operation = str(_first(attributes, _OPERATION) or "chat").lower()
    reasons = attributes.get("gen_ai.response.finish_reasons")
    limit = attributes.get("gen_ai.request.max_tokens")
    found = {
        "endpoint": OPERATIONS.get(operation, OPERATIONS["chat"]),
        "model_requested": _text(attributes, _REQUESTED),
        "finish_reason": str(reasons[0])[:40] if isinstance(reasons, list) and reasons else None,
        "max_tokens": limit if isinstance(limit, int) and 0 < limit <= MAX_COUNT else None,
        "service_tier_requested": _text(attributes, _TIER_ASKED),
        "service_tier_served": _text(attributes, _TIER),
        "end_user": _text(attributes, ("user.id", "enduser.id")),
        "sdk": _text(span.resource, ("telemetry.sdk.language",)),
        "tag_set": vocabulary.tags(
            {name: span.resource.get(name) for name in _TAGS} | {name: attributes.get(name) for name in _SPAN_TAGS}
        ),
    }
    return vocabulary.filled(found | _timing(span) | _outcome(span))


def _timing(span: Span) -> dict[str, Any]:
    duration = round((span.end_ns - span.start_ns) / 1e6, 3) if span.end_ns >= span.start_ns > 0 else None
    first = span.attributes.get("gen_ai.response.time_to_first_chunk")
    is_stream = bool(_first(span.attributes, _STREAM)) or first is not None
    found: dict[str, Any] = {"duration_ms": duration, "is_stream": is_stream or None}
    if isinstance(first, int | float) and not isinstance(first, bool) and 0 <= first < 86_400:
        found["ttft_ms"] = round(first * 1000, 3)
        if duration is not None and duration >= found["ttft_ms"]:
            found["output_ms"] = round(duration - found["ttft_ms"], 3)
    return found


def _outcome(span: Span) -> dict[str, Any]:
    """`error.type` is the HTTP status, or the class of an exception."""
    kind = span.attributes.get("error.type")
    code = span.attributes.get("http.response.status_code", kind)
    http = int(code) if _HTTP_STATUS.fullmatch(str(code)) else None
    if not span.is_error and kind is None and (http is None or http < 400):
        return {"status": LineStatus.OK.value, "http_status": http}
    name = str(kind or http or "error")
    status = vocabulary.status_of(http if http is not None and http >= 400 else None)
    if "timeout" in name.lower() or "timed out" in name.lower():
        status = LineStatus.TIMEOUT.value
    return {"status": status, "http_status": http, "error_type": name.replace("\0", "")[:60]}


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _text(attributes: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    value = _first(attributes, names)
    return value.replace("\0", "").strip()[:200] or None if isinstance(value, str) else None
