"""Azure's public LLM inference traces: `TIMESTAMP,ContextTokens,GeneratedTokens`, CRLF, 100 ns digits, UTC; cells may
be in quotes, as spreadsheets write them.

Source of the format: github.com/Azure/AzurePublicDataset, AzureLLMInferenceTrace_*.csv (Patel et al., "Splitwise",
ISCA 2024). It names no model: `--mapping model=… [provider=…] [endpoint=…]` says which one to price.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import BinaryIO

from gateway.imports.formats.reading import constants
from gateway.imports.records import (
    BadValueError,
    Item,
    Rejection,
    UnreadableFileError,
    UsageRecord,
    decode,
    parse_count,
    parse_time,
    readable,
)
from gateway.imports.rows.lines import RawLine, read_lines

HEADER = b"TIMESTAMP,ContextTokens,GeneratedTokens"
CONSTANTS = ("model", "provider", "endpoint")
IS_KEYED = False


def read(file: BinaryIO, mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """Every mapping is a constant for the whole file."""
    given = constants("azure-trace", mapping, CONSTANTS)
    numbered = read_lines(file)
    first = next(numbered, None)
    if first is None or first.data.replace(b'"', b"").strip() != HEADER:
        found = "an empty file" if first is None else repr(readable(first.data[:80]))
        raise UnreadableFileError(f"the first line must be {HEADER.decode()}, found {found}")
    for line in numbered:
        if not line.data.strip():
            continue
        try:
            yield _record(line, given, now)
        except BadValueError as error:
            yield Rejection(line.number, str(error), readable(line.data))


def _record(line: RawLine, given: Mapping[str, str], now: datetime) -> UsageRecord:
    if line.is_cut:
        raise BadValueError("longer than 1 MiB")
    text = decode(line.data)
    fields = _quoted(text) if '"' in text else text.split(",")
    if len(fields) != 3:
        raise BadValueError(f"{len(fields)} columns instead of 3")
    return UsageRecord(
        line=line.number,
        raw=text,
        at=parse_time("TIMESTAMP", fields[0], now),
        counts={
            "input_tokens": parse_count("ContextTokens", fields[1]),
            "output_tokens": parse_count("GeneratedTokens", fields[2]),
        },
        model=given.get("model"),
        provider=given.get("provider"),
        values={"endpoint": given["endpoint"]} if "endpoint" in given else {},
    )


def _quoted(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise BadValueError(f"not CSV: {error}") from None
