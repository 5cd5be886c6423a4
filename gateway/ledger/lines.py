"""Ledger lines as dictionaries: out of a frame's body, and completed for booking. Pure."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from gateway.ledger.copyformat import JSON_BYTES
from gateway.ledger.ids import ledger_shard, started_at_text

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def decode_body(body: bytes) -> dict[str, Any]:
    """Frame body → line; binary columns travel as hexadecimal text. Raises `ValueError` for what is no line."""
    line = orjson.loads(body)
    if not isinstance(line, dict):
        raise ValueError("a line is a JSON object")
    for name in JSON_BYTES:
        if line.get(name) is not None:
            line[name] = bytes.fromhex(line[name])
    return line


def prepared(line: Mapping[str, Any], booked_at: str) -> dict[str, Any]:
    """A copy with the columns that are ours to derive. Raises `ValueError` for an id that is no UUID."""
    identity = line["id"]
    if identity.__class__ is not str or not _CANONICAL(identity):
        identity = str(UUID(str(identity)))
    complete = {"booked_at": booked_at, **line, "id": identity, "started_at": started_at_text(identity)}
    if line.get("ledger_shard") is None:
        complete["ledger_shard"] = ledger_shard(str(line["organization"]), str(line["project"]))
    if complete["booked_at"] is None:
        complete["booked_at"] = booked_at
    return complete
