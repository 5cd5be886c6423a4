"""What the readers share: records of a file, bounded and strict; one bad record refuses the whole file, by its line.

Times without a zone are UTC. A usage record covers a day at most: a longer one cannot be set against days.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, cast

from costs.invoices.items import USAGE, Billed, Collector
from gateway.imports.records import BadValueError, Rejection, UnreadableFileError, parse_time
from gateway.imports.rows import Row, rows
from gateway.imports.rows.row import scalar

MOST_ROWS = 2_000_000
MOST_LINES = 200_000
MOST_BYTES = 4 << 30
MOST_ERRORS = 20
MOST_QUANTITY = Decimal(10) ** 15
MOST_COST = Decimal(10) ** 9
MOST_NAME = 200
MOST_WORD = 60
DAY = timedelta(days=1)


class BadFileError(UnreadableFileError):
    """A file that is refused, with the first lines at fault. `errors`: (line or 0, reason)."""

    def __init__(self, message: str, errors: Iterable[tuple[int, str]] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class Piece:
    """What a reader makes of one record, before days and repeats are looked after. Times are aware."""

    start: datetime
    end: datetime | None
    model: str
    meter: str
    quantity: Decimal | None
    cost: Decimal | None
    currency: str = "USD"
    tier: str | None = None
    kind: str = USAGE
    label: str = ""
    mark: str = ""
    """What tells it from other pieces of its record, where the record's text does not."""


@dataclass(slots=True)
class Document:
    """An export that was read. `skipped`: records that are of other products, or empty. `vendors`: who sells it, as
    the price book names them; empty when the file does not say."""

    format: str
    collector: Collector = field(default_factory=Collector)
    skipped: int = 0
    vendors: set[str] = field(default_factory=set)

    @property
    def start(self) -> date | None:
        return min(self.collector.days, default=None)

    @property
    def end(self) -> date | None:
        """The first day that is not covered."""
        return max(self.collector.days) + DAY if self.collector.days else None


Reader = Callable[[Row, Document, datetime], Iterator[Piece] | None]
"""Pieces of a record; None when it is of another product."""


def collect(document: Document, records: Iterable[Row | Rejection], reader: Reader, now: datetime) -> Document:
    """Read every record. One that stood in the file before, word for word, is marked. Raises `BadFileError`."""
    seen: set[bytes] = set()
    errors: list[tuple[int, str]] = []
    for count, row in enumerate(records, 1):
        if count > MOST_ROWS:
            raise BadFileError(f"more than {MOST_ROWS:,} records; split the file by days")
        if isinstance(row, Rejection):
            errors.append((row.line, row.reason))
        else:
            try:
                _read(document, row, reader, now, seen)
            except BadValueError as error:
                errors.append((row.line, str(error)))
        if len(errors) >= MOST_ERRORS:
            break
    if errors:
        first = "; ".join(f"line {line}: {reason}" for line, reason in errors[:3])
        more = f" and {len(errors) - 3} more" if len(errors) > 3 else ""
        raise BadFileError(f"{first}{more}. Nothing was stored.", errors)
    if not document.collector.rows:
        raise BadFileError("the file has no billed usage that this format knows. Nothing was stored.")
    return document


def _read(document: Document, row: Row, reader: Reader, now: datetime, seen: set[bytes]) -> None:
    pieces = reader(row, document, now)
    if pieces is None:
        document.skipped += 1
        return
    found = list(pieces)
    if not found:
        document.skipped += 1
    for piece in found:
        if piece.kind == USAGE and piece.end is not None and piece.end - piece.start > DAY:
            raise BadValueError("covers more than a day; export by day or by hour")
        if not piece.quantity and not piece.cost:
            document.collector.see(piece.start.astimezone(UTC).date())
            continue
        text = f"{piece.start}\0{piece.meter}\0{piece.mark or row.raw}"
        mark = hashlib.blake2b(text.encode(), digest_size=8).digest()
        is_repeat = mark in seen
        seen.add(mark)
        document.collector.add(
            Billed(
                row.line, piece.start.astimezone(UTC).date(), piece.model[:MOST_NAME], piece.meter[:MOST_WORD],
                piece.tier and piece.tier[:MOST_WORD], piece.quantity, piece.cost, piece.currency, piece.kind,
                piece.label[:MOST_NAME], is_repeat,
            )
        )  # fmt: skip
        if len(document.collector.lines) > MOST_LINES:
            raise BadFileError(f"more than {MOST_LINES:,} different days, models and meters; split the file by days")


def records(file: BinaryIO, envelope: str = "") -> Iterator[Row | Rejection]:
    """Records of CSV, JSON lines, a JSON array or pages around one."""
    return rows(file, envelope=envelope)


def plain(file: BinaryIO) -> BinaryIO:
    """The file, unpacked when it is gzip; reading stops with an error past 4 GiB. Raises `UnreadableFileError`."""
    file.seek(0)
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return cast("BinaryIO", _Unpacked(file)) if is_packed else file


class _Unpacked:
    """What the readers need of a file, over gzip."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=file)
        self._read = 0

    def _count(self, data: bytes) -> bytes:
        self._read += len(data)
        if self._read > MOST_BYTES:
            raise UnreadableFileError("the file unpacks to more than 4 GiB")
        return data

    def read(self, size: int = -1) -> bytes:
        try:
            return self._count(self._file.read(size))
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"the gzip file is damaged: {error}") from error

    def readline(self, size: int = -1) -> bytes:
        try:
            return self._count(self._file.readline(size))
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"the gzip file is damaged: {error}") from error

    def seek(self, position: int) -> int:
        self._read = 0
        return self._file.seek(position)


def time(row: Row, now: datetime, *names: str) -> datetime:
    """The first filled column as an aware time. Raises `BadValueError` when there is none."""
    value = scalar(row.first(*names))
    if value is None:
        raise BadValueError(f"{names[0]}: missing")
    return at(names[0], value, now)


def at(name: str, text: str, now: datetime) -> datetime:
    """ISO 8601, Unix seconds, or `06/30/2026` as Azure writes it, → aware UTC time."""
    parts = text.strip().split(" ")[0].split("/")
    if len(parts) == 3 and all(part.isdigit() for part in parts) and len(parts[2]) == 4:
        text = f"{parts[2]}-{int(parts[0]):02}-{int(parts[1]):02}"
    return parse_time(name, text, now + timedelta(days=40))


def number(row: Row, *names: str, most: Decimal = MOST_QUANTITY) -> Decimal | None:
    """A decimal of any sign; None without one. Raises `BadValueError`."""
    value = scalar(row.first(*names))
    if value is None or not value.strip():
        return None
    try:
        found = Decimal(value.strip())
    except InvalidOperation:
        raise BadValueError(f"{names[0]}: {value[:40]!r} is not a number") from None
    if not found.is_finite() or abs(found) > most:
        raise BadValueError(f"{names[0]}: {value[:40]!r} is out of range")
    return found


def amount(row: Row, *names: str) -> Decimal | None:
    """Money of any sign; None without one. Raises `BadValueError`."""
    return number(row, *names, most=MOST_COST)


def currency(row: Row, *names: str, default: str = "") -> str:
    """ISO 4217 in capitals. Raises `BadValueError` where nothing says it."""
    found = (row.text(*names) or default).strip().upper()
    if not found:
        raise BadValueError(f"{names[0]}: the currency is not stated")
    if len(found) != 3 or not found.isascii() or not found.isalpha():
        raise BadValueError(f"{names[0]}: {found!r} is no ISO 4217 code")
    return found


def lowered(row: Row) -> Row:
    """The row with its columns' names in lower case, for vendors that spell them in several ways."""
    return Row(row.line, row.raw, {name.lower(): value for name, value in row.values.items()})


def counts(meters: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    """Meters that were used."""
    for meter, quantity in meters.items():
        if quantity:
            yield meter, Decimal(quantity)
