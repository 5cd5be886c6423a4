"""What the readers of other systems' exports share: the loop over rows, and constants instead of a mapping."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import BinaryIO

from gateway.imports.records import (
    BadValueError,
    Item,
    Rejection,
    UnreadableFileError,
    UsageRecord,
    parse_text,
)
from gateway.imports.rows import Row, rows
from gateway.imports.rows.lines import KEPT_BYTES

Reader = Callable[[Row], Item | Iterator[Item]]
CONSTANTS = ("provider", "endpoint")


def constants(name: str, mapping: Mapping[str, str], known: tuple[str, ...] = CONSTANTS) -> dict[str, str]:
    """The mapping of a format whose columns are given: values for the whole file. Raises `UnreadableFileError`."""
    if unknown := sorted(set(mapping) - set(known)):
        raise UnreadableFileError(
            f"{name} knows no mapping {', '.join(unknown)}; it takes {', '.join(known) or 'none'}"
        )
    try:
        return {field: parse_text(field, value.removeprefix("=")) for field, value in mapping.items()}
    except BadValueError as error:
        raise UnreadableFileError(str(error)) from error


def read_rows(
    file: BinaryIO, columns: Mapping[str, tuple[str, ...]], one: Reader, *, envelope: str = ""
) -> Iterator[Item]:
    """Items of every row. `columns`: what the first row must have, as name → its spellings; else the file is another
    system's and the whole of it is refused (`UnreadableFileError`)."""
    is_known = False
    for row in rows(file, envelope=envelope):
        if isinstance(row, Rejection):
            yield row
            continue
        if not is_known:
            _check(row, columns)
            is_known = True
        try:
            found = one(row)
            if isinstance(found, Iterator):
                yield from found
            else:
                yield found
        except BadValueError as error:
            yield Rejection(row.line, str(error), row.raw[:KEPT_BYTES])


def _check(row: Row, columns: Mapping[str, tuple[str, ...]]) -> None:
    missing = [name for name, spellings in columns.items() if not row.has(*spellings)]
    if missing:
        shown = ", ".join(list(row.values)[:12])
        raise UnreadableFileError(f"no column {', '.join(missing)}; the first record has {shown}")


def milliseconds(start: datetime, end: datetime | None) -> float | None:
    """Between two times; None without an end, or when it lies before the start."""
    if end is None or end < start:
        return None
    return round((end - start).total_seconds() * 1000, 3)


def with_constants(record: UsageRecord, given: Mapping[str, str]) -> UsageRecord:
    """The record with what the mapping sets for the whole file."""
    if not given:
        return record
    values = {**record.values, **({"endpoint": given["endpoint"]} if "endpoint" in given else {})}
    return UsageRecord(
        record.line, record.raw, record.at, record.counts, record.model, given.get("provider", record.provider),
        values, record.key, record.amount, record.context,
    )  # fmt: skip
