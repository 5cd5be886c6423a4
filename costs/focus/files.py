"""Reads the files that a FOCUS export is written in: CSV with a header, JSON lines. Row by row."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class UnreadableFile(ValueError):
    """Neither CSV with a header nor JSON lines; the message says what is wrong."""


@contextmanager
def open_rows(path: Path) -> Iterator[tuple[Sequence[str], Iterator[Mapping[str, Any]]]]:
    """Columns and rows of `*.csv`, or of `*.ndjson` (the columns are those of the first object). Raises
    `UnreadableFile`, also while rows are read, and OSError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            reader = csv.DictReader(file)
            columns = _header(reader)
            if not columns:
                raise UnreadableFile("The file is empty: it has no header.")
            yield list(columns), _csv_rows(reader)
        elif path.suffix == ".ndjson":
            rows = _objects(file)
            first = next(rows, None)
            if first is None:
                raise UnreadableFile("The file is empty: it has no columns.")
            yield list(first), _after(first, rows)
        else:
            raise UnreadableFile(f"A file named *.csv or *.ndjson is wanted, not {path.name}.")


def _header(reader: "csv.DictReader[str]") -> Sequence[str]:
    try:
        return reader.fieldnames or ()
    except csv.Error as error:
        raise UnreadableFile(f"The header is no CSV: {error}") from None
    except UnicodeDecodeError:
        raise UnreadableFile("The file is not in UTF-8.") from None


def _csv_rows(reader: "csv.DictReader[str]") -> Iterator[Mapping[str, Any]]:
    try:
        for row in reader:
            if None in row or None in row.values():
                raise UnreadableFile(f"Line {reader.line_num} has another number of values than the header.")
            yield row
    except csv.Error as error:
        raise UnreadableFile(f"Line {reader.line_num} is no CSV: {error}") from None
    except UnicodeDecodeError:
        raise UnreadableFile("The file is not in UTF-8.") from None


def _objects(file: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    try:
        for number, line in enumerate(file, 1):
            found = json.loads(line, parse_float=str, parse_int=str)
            if not isinstance(found, dict):
                raise UnreadableFile(f"Line {number} is no JSON object.")
            yield found
    except json.JSONDecodeError as error:
        raise UnreadableFile(f"There is no JSON in a line: {error}") from None
    except UnicodeDecodeError:
        raise UnreadableFile("The file is not in UTF-8.") from None


def _after(first: Mapping[str, Any], rest: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    yield first
    yield from rest
