"""OpenAI's usage and costs: pages of the admin API, or the CSV that the usage dashboard exports.

Fields: the official client's types, openai-python `types/admin/organization/usage_completions_response.py` and
`usage_costs_response.py` (`GET /v1/organization/usage/…`, `GET /v1/organization/costs`); the CSV has the same names
with the bucket's `start_time` and `end_time` beside them, and `amount_value`, `amount_currency` for costs. A result is
a total of `num_model_requests` requests in a bucket of time, and becomes one line of so many. Costs are billed amounts
without requests; whoever imports usage and costs of the same days counts the money twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

import orjson

from gateway.imports import vocabulary
from gateway.imports.formats.reading import constants, read_rows
from gateway.imports.records import (
    Amount,
    BadValueError,
    Item,
    Rejection,
    Skipped,
    UsageRecord,
    check_parts,
    parse_amount,
)
from gateway.imports.rows.row import Row, scalar

IS_KEYED = False
COLUMNS = {"start_time": ("start_time",), "end_time": ("end_time",)}
ENDPOINTS = {
    "completions": "/v1/chat/completions",
    "embeddings": "/v1/embeddings",
    "moderations": "/v1/moderations",
    "images": "/v1/images/generations",
}
NOT_COUNTED = "are not counted in tokens or images: their cost is in the costs export"
USED = ("input_tokens", "output_tokens", "images", "num_model_requests", "amount", "amount_value")


def read(file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """JSON pages (one, several, one a line), an array of buckets, or CSV. A bucket that is not over is refused."""
    constants("openai", mapping, ())
    lines = _Numbers()
    return (lines.number(item) for item in read_rows(file, COLUMNS, partial(_bucket, now=now), envelope="data"))


class _Numbers:
    """Results of one bucket are on the line of the bucket: they are numbered on from it, so that each has its own."""

    def __init__(self) -> None:
        self._last = 0

    def number(self, item: Item) -> Item:
        self._last = max(self._last + 1, item.line)
        return replace(item, line=self._last)


def _bucket(row: Row, now: datetime) -> Iterator[Item]:
    start, end = row.time(now, "start_time"), scalar(row.first("end_time"))
    if start is None or end is None:
        raise BadValueError("start_time, end_time: missing")
    results = row.values.get("results")
    if results is not None and not isinstance(results, list):
        raise BadValueError("results: not a list")
    span = f"{scalar(row.first('start_time'))}-{end}"
    for values in [row.values] if results is None else results:
        yield _result(row, values, start, span, now)
    if results == []:
        yield Skipped(row.line, "nothing was used in this bucket")


def _result(row: Row, values: Any, start: datetime, span: str, now: datetime) -> Item:
    text = row.raw if values is row.values else orjson.dumps([span, values]).decode()
    if not isinstance(values, dict):
        return Rejection(row.line, "a result is not an object", text)
    result = Row(row.line, text, values)
    if all(result.first(name) is None for name in USED):
        return Skipped(row.line, "nothing was used in this bucket")
    try:
        _refuse_open(row, now)
        return _cost(result, start) if result.has("amount", "amount_value") else _usage(result, start)
    except BadValueError as error:
        return Rejection(row.line, str(error), text)


def _refuse_open(row: Row, now: datetime) -> None:
    """The ledger is append-only: a total that still grows would stay what it was when it was imported."""
    end = row.time(now, "end_time")
    if end is not None and end > now:
        raise BadValueError("end_time: the bucket is not over yet, its figures still grow; export it again later")


def _usage(result: Row, start: datetime) -> UsageRecord:
    kind = _kind(result)
    if kind not in ENDPOINTS:
        raise BadValueError(f"{kind.replace('_', ' ')} {NOT_COUNTED}")
    counts = {
        "input_tokens": result.count("input_tokens") or 0,
        "output_tokens": result.count("output_tokens") or 0,
        "cache_read_tokens": result.count("input_cached_tokens") or 0,
        "cache_write_5m_tokens": result.count("input_cache_write_30m_tokens", "input_cache_write_tokens") or 0,
        "cache_write_1h_tokens": result.count("input_cache_write_12h_tokens") or 0,
        "audio_input_tokens": result.count("input_audio_tokens") or 0,
        "audio_output_tokens": result.count("output_audio_tokens") or 0,
        "image_units": result.count("images") or 0,
    }
    if not result.first("input_cache_write_30m_tokens"):
        counts["cache_write_5m_tokens"] -= min(counts["cache_write_5m_tokens"], counts["cache_write_1h_tokens"])
    check_parts(counts)
    is_batch = str(result.first("batch")).lower() == "true"
    tier = result.text("service_tier")
    return UsageRecord(
        line=result.line,
        raw=result.raw,
        at=start,
        counts={name: count for name, count in counts.items() if count or name in ("input_tokens", "output_tokens")},
        model=result.text("model"),
        provider="openai",
        values=vocabulary.filled(
            {
                "endpoint": ENDPOINTS[kind],
                "request_count": result.count("num_model_requests"),
                "service_tier_served": "batch" if is_batch else tier,
                "tag_set": _tags(result),
            }
        ),
        context={"processing": "batch"} if is_batch else {"service_tier": tier} if tier else {},
    )


def _kind(result: Row) -> str:
    """`organization.usage.KIND.result`; the CSV does not say it, but its columns do."""
    name = result.text("object")
    if name is not None and name.startswith("organization.usage."):
        return name.split(".")[2]
    if result.has("images"):
        return "images"
    if result.has("output_tokens"):
        return "completions"
    if result.has("input_tokens"):
        is_moderation = "moderation" in (result.text("model") or "")
        return "moderations" if is_moderation else "embeddings"
    return "these"


def _cost(result: Row, start: datetime) -> UsageRecord:
    amount = result.mapping("amount") or {
        "value": result.first("amount_value"),
        "currency": result.first("amount_currency"),
    }
    text = scalar(amount.get("value"))
    if text is None:
        raise BadValueError("amount: has no value")
    value = parse_amount("amount", text, is_signed=True)
    currency = (scalar(amount.get("currency")) or "usd").upper()
    if len(currency) != 3 or not currency.isalpha():
        raise BadValueError(f"currency: {currency!r} is no ISO 4217 code")
    item = result.label("line_item")
    return UsageRecord(
        line=result.line,
        raw=result.raw,
        at=start,
        counts={},
        model=item.split(",")[0].strip() if item else None,
        provider="openai",
        values=vocabulary.filled(
            {"endpoint": "/v1/organization/costs", "request_count": 0, "tag_set": _tags(result, line_item=item)}
        ),
        amount=Amount(value, currency),
    )


def _tags(result: Row, **more: Any) -> dict[str, str] | None:
    names = ("project_id", "project_name", "api_key_id", "user_id", "organization_id")
    return vocabulary.tags({f"openai_{name}": result.label(name) for name in names} | more)
