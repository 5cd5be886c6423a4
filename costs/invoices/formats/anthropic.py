"""Anthropic: usage and cost reports of the Admin API, and the CSV files of the console.

Cost report: https://platform.claude.com/docs/en/api/admin/cost_report/retrieve: `amount` is a decimal string in the
lowest unit (cents), by day; priority-tier costs are not in it. Usage report:
https://platform.claude.com/docs/en/api/admin/usage_report/retrieve_messages. The console's files
(https://support.claude.com/en/articles/9534590-cost-and-usage-reporting-in-the-claude-console) have
`usage_date_utc, model, …, context_window, token_type, cost_usd, list_price_usd, cost_type` for costs and
`usage_date_utc, model_version, …, usage_input_tokens_no_cache, …` for usage; their dates are UTC days and their money
is USD. A usage report has no money: it is valued at the ledger's prices.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson

from costs.invoices.formats import reading
from costs.invoices.formats.reading import Document, Piece
from costs.invoices.items import FEE, LONG_CONTEXT, USAGE, tier_of
from costs.pricing import meters as m
from gateway.imports.records import BadValueError
from gateway.imports.rows.row import Row

NAME = "anthropic"
ENVELOPE = "data"
CENTS = Decimal(100)
TOKEN_TYPES = {
    "uncached_input_tokens": m.INPUT, "output_tokens": m.OUTPUT, "cache_read_input_tokens": m.CACHE_READ,
    "cache_creation.ephemeral_5m_input_tokens": m.CACHE_WRITE_5M,
    "cache_creation.ephemeral_1h_input_tokens": m.CACHE_WRITE_1H,
    "input_no_cache": m.INPUT, "output": m.OUTPUT, "input_cache_read": m.CACHE_READ,
    "input_cache_write_5m": m.CACHE_WRITE_5M, "input_cache_write_1h": m.CACHE_WRITE_1H,
}  # fmt: skip
USAGE_COLUMNS = {
    "usage_input_tokens_no_cache": m.INPUT, "usage_input_tokens_cache_write_5m": m.CACHE_WRITE_5M,
    "usage_input_tokens_cache_write_1h": m.CACHE_WRITE_1H, "usage_input_tokens_cache_write": m.CACHE_WRITE_5M,
    "usage_input_tokens_cache_read": m.CACHE_READ, "usage_output_tokens": m.OUTPUT, "web_search_count": m.WEB_SEARCH,
    "uncached_input_tokens": m.INPUT, "cache_read_input_tokens": m.CACHE_READ, "output_tokens": m.OUTPUT,
}  # fmt: skip


def detect(columns: frozenset[str]) -> bool:
    return "usage_date_utc" in columns or {"starting_at", "ending_at"} <= columns


def read(row: Row, document: Document, now: datetime) -> Iterator[Piece]:
    """Pieces of a bucket, or of a CSV line."""
    document.vendors.add("anthropic")
    if row.has("usage_date_utc"):
        start = reading.time(row, now, "usage_date_utc")
        yield from _line(row, start, start + timedelta(days=1))
        return
    start, end = reading.time(row, now, "starting_at"), reading.time(row, now, "ending_at")
    results = row.values.get("results")
    if not isinstance(results, list):
        raise BadValueError("results: not a list")
    document.collector.see(start.astimezone(UTC).date())
    for values in results:
        if not isinstance(values, dict):
            raise BadValueError("a result is not an object")
        result = Row(row.line, orjson.dumps(values).decode(), values)
        yield from _cost(result, start, end, cents=True) if result.has("amount") else _usage(result, start, end)


def _line(row: Row, start: datetime, end: datetime) -> Iterator[Piece]:
    yield from _cost(row, start, end, cents=False) if row.has("cost_usd") else _usage(row, start, end)


def _cost(result: Row, start: datetime, end: datetime, *, cents: bool) -> Iterator[Piece]:
    cost = reading.amount(result, "amount", "cost_usd")
    if cost is None:
        return
    cost = cost / CENTS if cents else cost
    sort = (result.label("cost_type") or "").lower()
    stated = (result.label("token_type") or "").lower()
    model = result.text("model") or ""
    kind, meter = USAGE, TOKEN_TYPES.get(stated, stated)
    if sort in ("web_search", "code_execution", "session_usage"):
        meter = m.WEB_SEARCH if sort == "web_search" else sort
        kind = USAGE if model else FEE
    label = result.label("description") or sort or "cost"
    yield Piece(
        start, end, model, meter, None, cost, reading.currency(result, "currency", default="USD"), _tier(result), kind,
        label, result.raw,
    )  # fmt: skip


def _usage(result: Row, start: datetime, end: datetime) -> Iterator[Piece]:
    model = result.text("model_version", "model") or ""
    for column, meter in USAGE_COLUMNS.items():
        if quantity := reading.number(result, column):
            yield Piece(start, end, model, meter, quantity, None, "USD", _tier(result), mark=result.raw)
    for name, inner in (("cache_creation", TOKEN_TYPES), ("server_tool_use", {"": ""})):
        found = Row(result.line, result.raw, result.mapping(name))
        for key in found.values:
            meter = m.WEB_SEARCH if key == "web_search_requests" else inner.get(f"{name}.{key}", "")
            if meter and (quantity := reading.number(found, key)):
                yield Piece(start, end, model, meter, quantity, None, "USD", _tier(result), mark=result.raw)


def _tier(result: Row) -> str | None:
    """The console names the tier `usage_type` (`message` for an ordinary call)."""
    named = result.text("service_tier", "usage_type")
    tier = "" if (named or "").lower() in ("", "message", "messages") else tier_of(named)
    window = (result.label("context_window") or "").replace(" ", "").lower()
    is_long = window.startswith((">200k", "200k-"))
    if named is None and not window:
        return None
    return "+".join(filter(None, (tier, LONG_CONTEXT if is_long else "")))
