"""Any CSV, JSON or JSON lines, with a mapping of fields to columns: `day=Datum`, `cost=Betrag`, `currency==EUR`.

Fields: `day` and `currency` (must), `cost` and `quantity` (one of them), `model`, `meter`, `tier`, `kind`, `label`,
`vendor`; or a column for each of `input_tokens`, `cache_read_tokens`, `cache_write_tokens`, `output_tokens` instead of
`meter` and `quantity`. A field that is not mapped is looked for under its own name. `=` before a value sets it for the
whole file. Days without a zone are UTC.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from costs.invoices.formats import reading
from costs.invoices.formats.reading import Document, Piece
from costs.invoices.items import KINDS, USAGE, tier_of
from costs.pricing import meters as m
from costs.pricing.listing import canonical_provider
from gateway.imports.records import BadValueError, UnreadableFileError
from gateway.imports.rows.row import Row

NAME = "table"
ENVELOPE = ""
WIDE = {
    "input_tokens": m.INPUT, "cache_read_tokens": m.CACHE_READ, "cache_write_tokens": m.CACHE_WRITE_5M,
    "output_tokens": m.OUTPUT,
}  # fmt: skip
FIELDS = ("day", "model", "meter", "tier", "quantity", "cost", "currency", "kind", "label", "vendor", *WIDE)


def check(mapping: Mapping[str, str]) -> None:
    """Raises `UnreadableFileError` for a field that does not exist."""
    if unknown := sorted(set(mapping) - set(FIELDS)):
        raise UnreadableFileError(f"no field {', '.join(unknown)}; there are {', '.join(FIELDS)}")


def reader(mapping: Mapping[str, str]) -> reading.Reader:
    """A reader of this mapping."""

    def read(row: Row, document: Document, now: datetime) -> Iterator[Piece]:
        values = {field: _value(row, mapping, field) for field in FIELDS}
        found = Row(row.line, row.raw, {field: value for field, value in values.items() if value is not None})
        if vendor := found.label("vendor"):
            document.vendors.add(canonical_provider(vendor))
        yield from _pieces(found, now)

    return read


def _value(row: Row, mapping: Mapping[str, str], field: str) -> object:
    column = mapping.get(field, field)
    return column[1:] if column.startswith("=") else row.first(column)


def _pieces(row: Row, now: datetime) -> Iterator[Piece]:
    start = reading.time(row, now, "day")
    currency = reading.currency(row, "currency")
    cost, quantity = reading.amount(row, "cost"), reading.number(row, "quantity")
    kind = (row.label("kind") or USAGE).lower()
    if kind not in KINDS:
        raise BadValueError(f"kind: {kind!r} is none of {', '.join(KINDS)}")
    tier = tier_of(row.text("tier")) if row.has("tier") else None
    meter = (row.text("meter") or "").lower()
    if meter and meter not in m.METERS:
        raise BadValueError(f"meter: {meter!r} is none of {', '.join(m.METERS)}")
    model = row.text("model") or ""
    wide = {WIDE[field]: count for field in WIDE if (count := reading.number(row, field))}
    if wide and cost is None:
        for name, count in wide.items():
            yield Piece(start, None, model, name, count, None, currency, tier, kind, row.label("label") or "")
        return
    if cost is None and quantity is None:
        raise BadValueError("cost, quantity: both are missing")
    if wide:
        meter, quantity = "", None  # one cost for several meters: it is compared as a whole
    yield Piece(
        start, None, model, meter, Decimal(quantity) if quantity is not None else None, cost, currency, tier, kind,
        row.label("label") or "",
    )  # fmt: skip
