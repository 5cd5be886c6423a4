"""The hash chain of an exported audit trail: what a line says, and whether each follows from the one before. Pure.

The export is JSON lines: a line for each sealed event, in order. `hash` = SHA-256(previous hash ‖ canonical JSON of
the line without `hash` and `previous_hash`), canonical: keys sorted, no spaces, UTF-8, nothing escaped that need not
be. The first line's previous hash is 32 zero bytes. Whoever has the file and SHA-256 can check it; nothing of the
gateway is needed. Personal values are ciphertext, as they are hashed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = bytes(32)
HASHED = (
    "id", "organization", "at", "actor", "actor_key", "verb", "object_type", "object_id", "before", "after",
    "request_id", "sequence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Walked:
    """`events` lines that are in order; `head_hash` (hex) of the last of them; `problem` is empty when all are."""

    events: int
    head_hash: str
    problem: str


def hash_of(row: Mapping[str, Any], previous: bytes) -> bytes:
    """The hash of an event: `row` has the names of `HASHED`, others are ignored."""
    hashed = {name: row[name] for name in HASHED}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + text.encode("utf-8", "surrogatepass")).digest()


def line_of(row: Mapping[str, Any], previous: bytes, own: bytes) -> str:
    """A line of the export, without its end."""
    line = {**{name: row[name] for name in HASHED}, "previous_hash": previous.hex(), "hash": own.hex()}
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def walk(lines: Iterable[str]) -> Walked:
    """Check an export from its first line on, and stop at the first that is wrong."""
    previous, count = GENESIS, 0
    for count, text in enumerate(lines, start=1):
        problem = _fault(text, count, previous)
        if problem:
            return Walked(count - 1, previous.hex(), problem)
        previous = bytes.fromhex(json.loads(text)["hash"])
    return Walked(count, previous.hex(), "")


def _fault(text: str, expected: int, previous: bytes) -> str:
    try:
        line = json.loads(text)
        sequence, claimed, own = line["sequence"], line["previous_hash"], line["hash"]
        computed = hash_of(line, previous).hex()
    except (ValueError, KeyError, TypeError) as error:
        return f"Line {expected} cannot be read: {type(error).__name__}."
    if sequence != expected:
        return f"Event {expected} is missing: the export goes on with {sequence}."
    if claimed != previous.hex():
        return f"Event {expected} does not point at event {expected - 1}."
    return "" if own == computed else f"Event {expected} was changed after it was sealed."
