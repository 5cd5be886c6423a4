"""What a dataset gives and a format writes: typed columns and a stream of rows. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["text", "time", "integer", "number", "ratio", "money", "boolean"]
Progress = Callable[[int], None]
"""Called now and then with the number of rows so far; it may raise to stop the work."""


class TooManyRows(ValueError):
    """The file would be longer than its format allows; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind`: text, an aware time, a whole number, any number, a share of one, Decimal money, a truth
    value; None is always allowed and means unknown."""

    name: str
    label: str
    kind: Kind = "text"


@dataclass(slots=True)
class Table:
    """Rows in the order of `columns`, to be read once. `expected`: about how many, None when nobody knows."""

    title: str
    columns: Sequence[Column]
    rows: Iterator[Sequence[Any]]
    currency: str = "USD"
    expected: int | None = None
    notes: list[str] = field(default_factory=list)


def counted(table: Table, limit: int, progress: Progress) -> Iterator[Sequence[Any]]:
    """The rows, counted; raises `TooManyRows` beyond `limit`."""
    for count, row in enumerate(table.rows, 1):
        if count > limit:
            raise TooManyRows(
                f"There are more than {limit:,} rows, the most that this format takes. Narrow the window or the "
                "filters, or take another format."
            )
        if count % 1_000 == 0:
            progress(count)
        yield row


def exact(value: Any) -> Any:
    """For machines: money as text with every digit, a time as RFC 3339 in UTC; everything else as it is."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
