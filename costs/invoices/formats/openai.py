"""OpenAI: buckets of the organization's costs and usage API, and the CSV files of the usage dashboard.

Costs: https://platform.openai.com/docs/api-reference/usage/costs (`amount`, `line_item`, `quantity` when grouped by
line item); line items read `gpt-4.1-2025-04-14, cached input`, `priority | gpt-5.6-sol, output, long context`,
`web search tool calls | gpt-4o`. Usage: https://platform.openai.com/docs/api-reference/usage/completions; there
`input_tokens` holds the cached ones. Buckets begin at Unix seconds, UTC. The CSV files have the same names with
`amount_value`, `amount_currency`. Usage has no money: it is valued at the ledger's prices.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from costs.invoices.formats import reading
from costs.invoices.formats.reading import Document, Piece
from costs.invoices.items import CREDIT, DISCOUNT, FEE, LONG_CONTEXT, TAX, USAGE, tier_of
from costs.pricing import meters as m
from gateway.imports.records import BadValueError
from gateway.imports.rows.row import Row

NAME = "openai"
ENVELOPE = "data"
METERS = {
    "input": m.INPUT, "cached input": m.CACHE_READ, "cache writes": m.CACHE_WRITE_5M, "output": m.OUTPUT,
    "audio input": m.AUDIO_INPUT, "audio output": m.AUDIO_OUTPUT, "image input": m.IMAGE_INPUT,
    "image output": m.IMAGE_OUTPUT, "images": m.IMAGE,
}  # fmt: skip
_OTHERS = {"credit": CREDIT, "refund": CREDIT, "tax": TAX, "vat": TAX, "discount": DISCOUNT}


def detect(columns: frozenset[str]) -> bool:
    is_bucket = {"start_time", "end_time"} <= columns
    return is_bucket and bool({"results", "amount", "amount_value", "num_model_requests", "line_item"} & columns)


def read(row: Row, document: Document, now: datetime) -> Iterator[Piece]:
    """Pieces of a bucket, or of a CSV line that is a result in its bucket."""
    document.vendors.add("openai")
    start, end = reading.time(row, now, "start_time"), reading.time(row, now, "end_time")
    results = row.values.get("results")
    if results is not None and not isinstance(results, list):
        raise BadValueError("results: not a list")
    document.collector.see(start.astimezone(UTC).date())
    for values in [row.values] if results is None else results:
        if not isinstance(values, dict):
            raise BadValueError("a result is not an object")
        result = Row(row.line, row.raw if values is row.values else orjson.dumps(values).decode(), values)
        yield from _result(result, start, end)


def _result(result: Row, start: datetime, end: datetime) -> Iterator[Piece]:
    if result.has("amount", "amount_value"):
        yield from _cost(result, start, end)
    elif result.has("input_tokens", "output_tokens", "images", "num_model_requests"):
        yield from _usage(result, start, end)


def _cost(result: Row, start: datetime, end: datetime) -> Iterator[Piece]:
    stated = Row(result.line, result.raw, result.mapping("amount") or {
        "value": result.first("amount_value"), "currency": result.first("amount_currency"),
    })  # fmt: skip
    cost = reading.amount(stated, "value")
    if cost is None:
        return
    model, meter, tier, kind = line_item(result.label("line_item") or "")
    quantity = reading.number(result, "quantity") if meter else None
    yield Piece(
        start, end, model, meter, quantity, cost, reading.currency(stated, "currency", default="USD"), tier, kind,
        result.label("line_item") or "", result.raw,
    )  # fmt: skip


def line_item(text: str) -> tuple[str, str, str | None, str]:
    """Model, meter, tier and kind of a cost's line item."""
    lower = text.strip().lower()
    if not lower:
        return "", "", None, USAGE
    head, _, rest = text.rpartition(" | ")
    parts = [part.strip() for part in rest.split(",")]
    if len(parts) < 2 or parts[1].lower() not in METERS:  # else these words are a part of the model's name
        for word, kind in _OTHERS.items():
            if word in lower:
                return "", "", None, kind
    if "tool calls" in head.lower():
        return rest.strip(), m.WEB_SEARCH if "web search" in head.lower() else m.TOOL_CALL, None, USAGE
    if len(parts) < 2:
        return "", "", None, FEE  # storage, sessions and tools, which no model is billed for
    tier = tier_of(head) if head else None
    if "long context" in (part.lower() for part in parts):
        tier = "+".join(filter(None, (tier, LONG_CONTEXT)))
    name, _, modality = parts[0].partition(" ")
    wanted = parts[1].lower()
    if modality.lower() in ("audio", "image") and wanted in ("input", "output"):
        wanted = f"{modality.lower()} {wanted}"
    return name, METERS.get(wanted, wanted.replace(" ", "_")), tier, USAGE


def _usage(result: Row, start: datetime, end: datetime) -> Iterator[Piece]:
    whole = reading.number(result, "input_tokens") or Decimal(0)
    cached = reading.number(result, "input_cached_tokens") or Decimal(0)
    written = reading.number(result, "input_cache_write_tokens", "input_cache_write_30m_tokens") or Decimal(0)
    audio = reading.number(result, "input_audio_tokens") or Decimal(0)
    output = reading.number(result, "output_tokens") or Decimal(0)
    audio_output = reading.number(result, "output_audio_tokens") or Decimal(0)
    is_batch = str(result.first("batch")).lower() == "true"
    tier = "batch" if is_batch else tier_of(result.text("service_tier") or "")
    if cached + written + audio > whole:
        raise BadValueError(f"input_tokens: {whole} is less than its parts")
    meters = {
        m.INPUT: whole - cached - written - audio, m.CACHE_READ: cached, m.CACHE_WRITE_5M: written,
        m.AUDIO_INPUT: audio, m.OUTPUT: output - audio_output, m.AUDIO_OUTPUT: audio_output,
        m.IMAGE: reading.number(result, "images") or Decimal(0),
    }  # fmt: skip
    for meter, quantity in reading.counts(meters):
        yield Piece(start, end, result.text("model") or "", meter, quantity, None, "USD", tier, mark=result.raw)
