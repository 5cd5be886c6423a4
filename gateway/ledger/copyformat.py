"""Ledger lines as rows of PostgreSQL's COPY text format and as JSON records. Pure.

Format: PostgreSQL documentation, "COPY", section "Text Format".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from gateway.ledger.schema import COLUMNS, DEFAULTS

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})
COLUMN_LIST = ", ".join(f'"{name}"' for name in COLUMNS)


def _text(value: object) -> str:
    return str(value).translate(_ESCAPES)


def _boolean(value: object) -> str:
    return "t" if value else "f"


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode().replace("\\", "\\\\")


def _bytes(value: object) -> str:
    return "\\\\x" + bytes(value).hex()  # type: ignore[call-overload, no-any-return]


def _encoder(sql_type: str) -> Callable[[object], str]:
    kind = sql_type.split()[0]
    special = {"text": _text, "jsonb": _json, "bytea": _bytes, "boolean": _boolean, "uuid": _text}
    # numbers and times go through `_text` as well: a malformed one must not break out of its field
    return special.get(kind, _text)


_ENCODERS = [(name, DEFAULTS.get(name), _encoder(kind)) for name, kind in COLUMNS.items()]
JSON_BYTES = frozenset(name for name, kind in COLUMNS.items() if kind.startswith("bytea"))


def copy_row(line: Mapping[str, Any]) -> str:
    """One line of COPY text, newline included; missing keys take the column's default or NULL."""
    get = line.get
    fields = []
    for name, default, encode in _ENCODERS:
        value = get(name, default)
        fields.append("\\N" if value is None else encode(value))
    return "\t".join(fields) + "\n"


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
