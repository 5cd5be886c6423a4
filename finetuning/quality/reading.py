"""Lines of a JSONL file, one at a time, and again by their place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longer lines are read to their end and judged as broken, so that no file can take the memory."""
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """``number``: 1-based. ``raw``: without line ending and byte order mark; cut at ``MAX_LINE_BYTES``."""

    number: int
    offset: int
    raw: bytes
    is_whole: bool = True
    had_bom: bool = False


def lines(path: Path) -> Iterator[Line]:
    """Every line; nothing after the last line ending is no line. Raises ``OSError``."""
    with path.open("rb") as file:
        number = offset = 0
        while raw := file.readline(MAX_LINE_BYTES):
            number += 1
            start, size = offset, len(raw)
            is_whole = size < MAX_LINE_BYTES or raw.endswith(b"\n")
            while not raw.endswith(b"\n") and (more := file.readline(MAX_LINE_BYTES)):
                size += len(more)
                if more.endswith(b"\n"):
                    break
            offset += size
            had_bom = number == 1 and raw.startswith(BOM)
            yield Line(number, start, raw.removeprefix(BOM if had_bom else b"").rstrip(b"\r\n"), is_whole, had_bom)


def line_at(file: object, offset: int) -> bytes:
    """The line that begins at ``offset`` of an open binary file."""
    file.seek(offset)  # type: ignore[attr-defined]
    raw: bytes = file.readline(MAX_LINE_BYTES)  # type: ignore[attr-defined]
    return raw.removeprefix(BOM if offset == 0 else b"").rstrip(b"\r\n")
