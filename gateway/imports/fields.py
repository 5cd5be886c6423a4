"""Which column of a generic table is which field of a usage record, and reading a row by that plan."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.choices import LineStatus
from gateway.imports import vocabulary
from gateway.imports.records import (
    Amount,
    BadValueError,
    UnreadableFileError,
    UsageRecord,
    check_parts,
    parse_amount,
    parse_count,
    parse_duration,
    parse_flag,
    parse_text,
    parse_time,
)

# field → columns it is looked for in when the mapping does not name one
TIME = {"started_at": ("started_at", "timestamp", "time", "created_at", "start_time", "created")}
COUNTS = {
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "cache_read_tokens": ("cache_read_tokens", "cached_tokens"),
    "cache_write_5m_tokens": ("cache_write_5m_tokens",),
    "cache_write_1h_tokens": ("cache_write_1h_tokens",),
    "reasoning_tokens": ("reasoning_tokens",),
    "audio_input_tokens": ("audio_input_tokens",),
    "audio_output_tokens": ("audio_output_tokens",),
    "image_units": ("image_units",),
    "tool_calls": ("tool_calls",),
}
TEXTS = {
    "id": ("id",),
    "request_id": ("request_id",),
    "model": ("model", "model_name"),
    "model_requested": ("model_requested",),
    "provider": ("provider",),
    "endpoint": ("endpoint",),
    "end_user": ("end_user",),
    "finish_reason": ("finish_reason",),
    "sdk": ("sdk",),
    "status": ("status",),
    "error_type": ("error_type",),
    "service_tier_served": ("service_tier", "service_tier_served"),
    "currency": ("currency",),
}
NUMBERS = {"duration_ms": ("duration_ms", "latency_ms"), "ttft_ms": ("ttft_ms",)}
WHOLES = {"http_status": ("http_status",), "max_tokens": ("max_tokens",), "request_count": ("request_count",)}
FLAGS = {"is_stream": ("is_stream", "stream")}
AMOUNTS = {"cost": ("cost", "cost_usd"), "list_cost": ("list_cost",)}
FIELDS: dict[str, tuple[str, ...]] = {**TIME, **COUNTS, **TEXTS, **NUMBERS, **WHOLES, **FLAGS, **AMOUNTS}
REQUIRED = ("started_at", "input_tokens", "output_tokens")
TAG = "tag."
STATUSES = frozenset(LineStatus.values) - {LineStatus.DENIED}
_OWN = frozenset({"id", "model", "provider", "currency"})
_LIMITS = {"http_status": (100, 599), "request_count": (0, 10**9), "max_tokens": (0, 10**9)}

Lookup = Callable[[str], str | None]
"""Column name → its text in one row; None or "" when the row does not have it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where every field comes from: the first of some columns that a row fills, or a constant for the whole file."""

    columns: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str]

    @property
    def flags(self) -> frozenset[str]:
        """Columns that are true or false."""
        return frozenset(column for field in FLAGS for column in self.columns.get(field, ()))

    def record(self, line: int, raw: str, lookup: Lookup, now: datetime) -> UsageRecord:
        """Read one row. Raises `BadValueError` naming the column."""
        texts = {field: self._text(field, lookup) for field in TEXTS}
        counts = {}
        for field in COUNTS:
            if (text := self._value(field, lookup)) is not None:
                counts[field] = parse_count(field, text)
        check_parts(counts)
        tier = texts["service_tier_served"]
        return UsageRecord(
            line=line,
            raw=raw,
            at=parse_time("started_at", self._value("started_at", lookup) or "", now),
            counts=counts,
            model=texts["model"],
            provider=texts["provider"],
            values=self._values(texts, lookup),
            key=texts["id"],
            amount=self._amount(texts, lookup),
            context={"processing": "batch"} if tier == "batch" else {"service_tier": tier} if tier else {},
        )

    def _values(self, texts: Mapping[str, str | None], lookup: Lookup) -> dict[str, Any]:
        values: dict[str, Any] = {name: text for name, text in texts.items() if text and name not in _OWN}
        if values.get("status", "ok") not in STATUSES:
            raise BadValueError(f"status: {values['status']!r} is none of {', '.join(sorted(STATUSES))}")
        for field in NUMBERS:
            if (text := self._value(field, lookup)) is not None:
                values[field] = parse_duration(field, text)
        for field, (least, most) in _LIMITS.items():
            if (text := self._value(field, lookup)) is not None:
                values[field] = parse_count(field, text)
                if not least <= values[field] <= most:
                    raise BadValueError(f"{field}: {values[field]} is not between {least} and {most}")
        for field in FLAGS:
            if (text := self._value(field, lookup)) is not None:
                values[field] = parse_flag(field, text)
        if tags := vocabulary.tags({name.removeprefix(TAG): self._value(name, lookup) for name in self._tags()}):
            values["tag_set"] = tags
        return values

    def _tags(self) -> list[str]:
        return [name for name in (*self.columns, *self.constants) if name.startswith(TAG)]

    def _amount(self, texts: Mapping[str, str | None], lookup: Lookup) -> Amount | None:
        """`cost` is what was paid; `list_cost` alone is an estimate at list prices."""
        currency = (texts["currency"] or "USD").upper()
        if len(currency) != 3 or not currency.isalpha():
            raise BadValueError(f"currency: {currency!r} is no ISO 4217 code")
        for field in AMOUNTS:
            if (text := self._value(field, lookup)) is not None:
                return Amount(parse_amount(field, text), currency, is_list=field == "list_cost")
        return None

    def _value(self, field: str, lookup: Lookup) -> str | None:
        if field in self.constants:
            return self.constants[field]
        for column in self.columns.get(field, ()):
            if (value := lookup(column)) is not None and value.strip():
                return value
        if field in REQUIRED:
            raise BadValueError(f"{field}: missing")
        return None

    def _text(self, field: str, lookup: Lookup) -> str | None:
        value = self._value(field, lookup)
        return None if value is None else parse_text(field, value.strip())


def parse_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """`FIELD=COLUMN` and `FIELD==VALUE` as people write them → field to column. Raises `ValueError`."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, column = (part.strip() for part in pair.partition("="))
        if not (name and column):
            raise ValueError(f"{pair!r} is not FIELD=COLUMN or FIELD==VALUE.")
        found[name] = column
    return found


def plan(
    mapping: Mapping[str, str], has_column: Callable[[str], bool], shown: Collection[str], *, is_fixed: bool = True
) -> Plan:
    """Resolve `field=column` pairs against a file's columns.

    A text field whose right side is no column is a constant (`model=gpt-4o`); `field==value` is always one;
    `tag.NAME=column` keeps a column as a tag. `is_fixed`: every row has the same columns; else a default name is looked
    for in each row anew. Raises `UnreadableFileError` for an unknown field, a missing column and a required field
    without any.
    """
    tags = {name: (name,) for name in mapping if name.startswith(TAG) and name != TAG}
    if unknown := sorted(set(mapping) - set(FIELDS) - set(tags)):
        known = f"{', '.join(FIELDS)}, tag.NAME"
        raise UnreadableFileError(f"unknown fields in the mapping: {', '.join(unknown)}; known: {known}")
    columns: dict[str, tuple[str, ...]] = {}
    constants: dict[str, str] = {}
    for field, names in {**FIELDS, **tags}.items():
        if (right := mapping.get(field)) is None:
            found = tuple(filter(has_column, names))
            if field in REQUIRED and not found:
                raise UnreadableFileError(
                    f"no column for {field}; the file has {', '.join(shown)}. Say which: --mapping {field}=COLUMN"
                )
            columns[field] = found if is_fixed else names
        elif right.startswith("="):
            constants[field] = right[1:]
        elif has_column(right):
            columns[field] = (right,)
        elif (field in TEXTS and field != "id") or field in tags:
            constants[field] = right
        else:
            raise UnreadableFileError(f"no column {right!r} for {field}; the file has {', '.join(shown)}")
    return Plan(columns, constants)
