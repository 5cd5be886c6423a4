"""Ledger lines as rows of PostgreSQL's COPY text format and as JSON records. Pure.

Format: PostgreSQL documentation, "COPY", section "Text Format".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from gateway.ledger.schema import COLUMNS, DEFAULTS

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})
_NUMBERS = frozenset({int, float})
COLUMN_LIST = ", ".join(f'"{name}"' for name in COLUMNS)


def _text(value: object) -> str:
    text = value if value.__class__ is str else str(value)
    # what is printable and has no backslash needs no escape, and that is nearly everything
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def _number(value: object) -> str:
    """A malformed number goes through `_text`: it must not break out of its field."""
    return str(value) if value.__class__ in _NUMBERS else _text(value)


def _boolean(value: object) -> str:
    return "t" if value else "f"


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode().replace("\\", "\\\\")


def _bytes(value: object) -> str:
    return "\\\\x" + bytes(value).hex()  # type: ignore[call-overload]


def _encoder(sql_type: str) -> Callable[[object], str]:
    kind = sql_type.split()[0]
    special = {"jsonb": _json, "bytea": _bytes, "boolean": _boolean, "smallint": _number, "integer": _number,
               "bigint": _number, "double": _number}  # fmt: skip
    return special.get(kind, _text)


NULL = "\\N"
_ENCODERS = {name: _encoder(kind) for name, kind in COLUMNS.items()}
_BLANK = {name: encode(DEFAULTS[name]) if name in DEFAULTS else NULL for name, encode in _ENCODERS.items()}
JSON_BYTES = frozenset(name for name, kind in COLUMNS.items() if kind.startswith("bytea"))


def copy_row(line: Mapping[str, Any]) -> str:
    """One line of COPY text, newline included; missing keys take the column's default or NULL."""
    fields = _BLANK.copy()
    for name, value in line.items():
        encode = _ENCODERS.get(name)
        if encode is not None:
            fields[name] = NULL if value is None else encode(value)
    return "\t".join(fields.values()) + "\n"


def copy_block(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Many lines as one COPY buffer. Lone surrogates become `?`: the database takes UTF-8 alone."""
    return "".join(map(copy_row, lines)).encode("utf-8", "replace")


def json_records(lines: Iterable[Mapping[str, Any]]) -> str:
    """Lines as a JSON array for `jsonb_populate_recordset`, with the defaults filled in."""
    return orjson.dumps([_record(line) for line in lines], default=str).decode()


def _record(line: Mapping[str, Any]) -> dict[str, Any]:
    record = {**DEFAULTS, **line}
    for name in JSON_BYTES:
        if record.get(name) is not None:
            record[name] = "\\x" + bytes(record[name]).hex()
    return record
