"""JSON objects of a file: one a line, elements of an array, or of the array that pages wrap.

Pages come one a line, one after the other, or as a single document of any size, which is scanned and not loaded.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from gateway.imports.records import BadValueError, Rejection, decode, readable
from gateway.imports.rows.jsonscan import elements
from gateway.imports.rows.lines import KEPT_BYTES, MAX_RECORD_BYTES, RawLine, first_byte, read_lines
from gateway.imports.rows.row import Row


def rows(file: BinaryIO, envelope: str = "") -> Iterator[Row | Rejection]:
    """Objects in the file's order. Lines are the record's own; records that share one are numbered on from it."""
    last = 0
    found = elements(file, envelope) if is_document(file) else read_lines(file, MAX_RECORD_BYTES)
    for raw in found:
        if not raw.data.strip():
            continue
        try:
            text, value = _object(raw)
        except BadValueError as error:
            last = max(last + 1, raw.number)
            yield Rejection(last, str(error), readable(raw.data[:KEPT_BYTES]))
            continue
        inner = value.get(envelope) if envelope else None
        if not isinstance(inner, list):
            last = max(last + 1, raw.number)
            yield Row(last, text, value)
            continue
        for item in inner:
            last = max(last + 1, raw.number)
            yield _inner(last, item)


def _inner(line: int, item: Any) -> Row | Rejection:
    text = orjson.dumps(item).decode()
    return Row(line, text, item) if isinstance(item, dict) else Rejection(line, "not a JSON object", text[:KEPT_BYTES])


def _object(raw: RawLine) -> tuple[str, dict[str, Any]]:
    if raw.is_cut:
        is_long = len(raw.data) >= KEPT_BYTES
        raise BadValueError(
            "longer than 16 MiB" if is_long else "the file ends inside a record or before its list does"
        )
    text = decode(raw.data.strip())
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(value, dict):
        raise BadValueError("not a JSON object")
    return text, value


def is_document(file: BinaryIO) -> bool:
    """Whether the file is an array or an object over several lines, and not one object a line (the first perhaps
    broken)."""
    first = first_byte(file)
    if first != b"{":
        return first == b"["
    filled = (line.data.strip() for line in read_lines(file, MAX_RECORD_BYTES) if line.data.strip())
    line, following = next(filled, b""), next(filled, b"")
    file.seek(0)
    if _is_whole(line) or not line.endswith((b"{", b"[", b",")):
        return False
    return not (line.endswith(b",") and _is_whole(following))


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
