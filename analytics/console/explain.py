"""Words and lines that explain one ledger line: where its tokens and its price come from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from analytics.console.format import exact_money, number

METERS = {
    "input": "Input tokens",
    "cache_read": "Input tokens read from the vendor's cache",
    "cache_write_5m": "Input tokens written to the cache for 5 minutes",
    "cache_write_1h": "Input tokens written to the cache for 1 hour",
    "audio_input": "Audio input tokens",
    "image_input": "Image input tokens",
    "output": "Output tokens",
    "reasoning": "Reasoning tokens",
    "audio_output": "Audio output tokens",
    "image_output": "Image output tokens",
    "request": "Request",
    "image": "Images",
    "tool_call": "Tool calls",
    "web_search": "Web searches",
    "character": "Characters spoken",
    "audio_second": "Seconds of audio",
    "commitment": "Commitment",
    "training": "Tokens of training",
    "training_hour": "Hours of training",
    "hosting": "Hours of hosting",
}
UNIT_METERS = {
    "request": "request",
    "image": "image",
    "tool_call": "call",
    "web_search": "search",
    "audio_second": "second",
    "commitment": "unit",
    "training_hour": "hour",
    "hosting": "hour",
}
UNKNOWN_MODEL = "unknown"
"""What an imported line that names no model was asked for."""
USAGE_SOURCES = {
    "reported": "The vendor reported these token counts with the answer.",
    "counted": "The vendor reported no usage, so the gateway counted request and answer itself.",
    "estimated": "The call ended before its usage was known; the counts are an estimate until the truth turns up.",
    "imported": "The counts came with an imported record; the gateway did not see the call.",
}
STATUSES = {
    "ok": "The provider answered.",
    "client_error": "The provider refused the request as wrong.",
    "upstream_error": "The provider failed.",
    "timeout": "The provider did not answer in time.",
    "cancelled": "The caller went away before the answer was complete.",
    "interrupted": "The gateway stopped before the call ended; the cost is an estimate.",
    "denied": "The gateway refused the request; no provider was called.",
}

RECORDED = {
    "ok": "The record says that the provider answered.",
    "client_error": "The record says that the provider refused the request as wrong.",
    "upstream_error": "The record says that the provider failed.",
    "timeout": "The record says that the provider did not answer in time.",
    "cancelled": "The record says that the caller went away before the answer was complete.",
}
ORIGINS = {
    "import": "Imported: the gateway did not see the call.",
    "otlp": "Received over OpenTelemetry: the gateway did not see the call.",
}


def status_words(status: str, origin: str) -> str:
    """How a call ended, and for a call that the gateway did not make, who says so."""
    if origin not in ORIGINS:
        return STATUSES.get(status, "")
    return f"{ORIGINS[origin]} {RECORDED.get(status, '')}".strip()


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One charge in words; `cost` is the ledger's rounded amount, `exact` says whether quantity × price equals it."""

    label: str
    quantity: str
    unit_price: str
    unit: str
    cost: str
    source: str
    rate_id: str


@dataclass(frozen=True, slots=True)
class TokenClass:
    """One class of tokens; `share` of the line's input plus output, 0–1."""

    label: str
    count: int
    share: float
    slot: str

    @property
    def text(self) -> str:
        return number(self.count)


def charge_lines(charges: Sequence[Mapping[str, Any]]) -> list[ChargeLine]:
    """The charges of a line as they were booked; a malformed entry is shown as it is, never hidden."""
    return [_charge_line(charge) for charge in charges]


def _charge_line(charge: Mapping[str, Any]) -> ChargeLine:
    meter, currency = str(charge.get("meter", "")), str(charge.get("currency") or "USD")
    rate_id = str(charge.get("rate_id", ""))
    unit_price = _decimal(charge.get("unit_price"))
    per_token = meter not in UNIT_METERS
    shown = unit_price * 1_000_000 if per_token and unit_price is not None else unit_price
    return ChargeLine(
        label=METERS.get(meter, meter.replace("_", " ").capitalize()),
        quantity=number(_decimal(charge.get("quantity"))),
        unit_price=exact_money(shown, currency),
        unit=_unit(meter),
        cost=exact_money(_decimal(charge.get("cost")), currency),
        source=rate_source(rate_id),
        rate_id=rate_id,
    )


def _unit(meter: str) -> str:
    if meter == "character":
        return "per 1 M characters"
    return f"per {UNIT_METERS[meter]}" if meter in UNIT_METERS else "per 1 M tokens"


def rate_source(rate_id: str) -> str:
    """Where a rate stands: `genai-prices@0.2.3:openai/gpt-4o:input:` → `genai-prices 0.2.3, openai/gpt-4o`."""
    origin, _, rest = rate_id.partition(":")
    if origin == "override":
        return "your own price" + _own_tier(rate_id)
    if origin == "commitment":
        return "covered by a commitment" if ":" in rest else "a commitment"
    subject, _, detail = rest.partition(":")
    _meter, _, tag = detail.partition(":")
    words = [origin.replace("@", " "), subject, tag.replace(":", ", ")]
    return ", ".join(word for word in words if word) or "unknown"


def _own_tier(rate_id: str) -> str:
    """`, service_tier=flex, gt272000` of a price of one's own that has tiers."""
    _, has_tier, detail = rate_id.partition(":own:")
    return f", {detail.partition(':')[2].replace(':', ', ')}" if has_tier else ""


def price_words(price_status: str, model: str, provider: str | None, day: str) -> str:
    """Why the line costs what it costs, or why no cost is known."""
    if price_status == "unpriced":
        where = f" at {provider}" if provider else ""
        if model in ("", UNKNOWN_MODEL):
            reason = "the record names no model"
        else:
            reason = f"no price list and no price of your own named {model}{where} on {day}"
        return (
            f"Not priced, because {reason}. The cost is unknown, not zero; "
            "a price that arrives is booked as an adjusting entry."
        )
    if price_status == "free":
        return "Free: nothing was billed for this line."
    return (
        f"Priced with the rates in force on {day}, when the call started. "
        "Each charge is rounded to 10 decimals, then they are summed."
    )


def token_classes(line: Any) -> list[TokenClass]:
    """The line's tokens split into disjoint classes, empty classes left out (input includes cached and audio parts)."""
    read, written = line.cache_read_tokens, line.cache_write_5m_tokens + line.cache_write_1h_tokens
    fresh = line.input_tokens - read - written - line.audio_input_tokens
    spoken = line.output_tokens - line.reasoning_tokens - line.audio_output_tokens
    parts = [
        ("Input", fresh, "input"),
        ("Input from cache", read, "cache-read"),
        ("Input written to cache", written, "cache-write"),
        ("Audio input", line.audio_input_tokens, "audio"),
        ("Output", spoken, "output"),
        ("Reasoning", line.reasoning_tokens, "reasoning"),
        ("Audio output", line.audio_output_tokens, "audio"),
    ]
    total = sum(max(count, 0) for _, count, _ in parts) or 1
    return [TokenClass(label, count, max(count, 0) / total, slot) for label, count, slot in parts if count]


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
