"""Azure's public LLM inference traces: `TIMESTAMP,ContextTokens,GeneratedTokens`, CRLF, 100 ns digits, UTC.

Source of the format: github.com/Azure/AzurePublicDataset, AzureLLMInferenceTrace_*.csv (Patel et al., "Splitwise",
ISCA 2024). It names no model: `--mapping model=… [provider=…] [endpoint=…]` says which one to price.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from gateway.imports.lines import RawLine
from gateway.imports.records import (
    BadValueError,
    Item,
    Rejection,
    UnreadableFileError,
    UsageRecord,
    decode,
    parse_count,
    parse_text,
    parse_time,
    readable,
)

HEADER = b"TIMESTAMP,ContextTokens,GeneratedTokens"
CONSTANTS = ("model", "provider", "endpoint")


def read(lines: Iterable[RawLine], mapping: Mapping[str, str], now: datetime) -> Iterator[Item]:
    """Every mapping is a constant for the whole file."""
    constants = _constants(mapping)
    numbered = iter(lines)
    first = next(numbered, None)
    if first is None or first.data.strip() != HEADER:
        found = "an empty file" if first is None else repr(readable(first.data[:80]))
        raise UnreadableFileError(f"the first line must be {HEADER.decode()}, found {found}")
    for line in numbered:
        if not line.data.strip():
            continue
        try:
            yield _record(line, constants, now)
        except BadValueError as error:
            yield Rejection(line.number, str(error), readable(line.data))


def _constants(mapping: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(mapping) - set(CONSTANTS)):
        raise UnreadableFileError(f"azure-trace knows no mapping {', '.join(unknown)}; it takes {', '.join(CONSTANTS)}")
    return {name: parse_text(name, value.removeprefix("=")) for name, value in mapping.items()}


def _record(line: RawLine, constants: Mapping[str, str], now: datetime) -> UsageRecord:
    if line.is_cut:
        raise BadValueError("longer than 1 MiB")
    text = decode(line.data)
    fields = text.split(",")
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
        model=constants.get("model"),
        provider=constants.get("provider"),
        values={"endpoint": constants["endpoint"]} if "endpoint" in constants else {},
    )
