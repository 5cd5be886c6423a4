"""Textual edits of a JSON object's top level: the body stays byte for byte what the caller sent, but for the splice.

Numbers keep their digits and unknown fields their form; nothing is parsed and serialised again.
"""

import json
import re
from dataclasses import dataclass

import orjson

# Strings are consumed whole, so that braces and keys inside them never count.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)


class DuplicateKeyError(ValueError):
    """A top-level key appears twice: readers disagree about which one counts."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where the value of a top-level key stands in the body."""

    start: int
    end: int


def top_level(body: bytes) -> dict[str, Span]:
    """Spans of the values of a valid JSON object's top-level keys. Raises `DuplicateKeyError`."""
    spans: dict[str, Span] = {}
    depth, key, value_start, expecting_key = 0, None, 0, False
    for match in _TOKEN.finditer(body):
        token, position = match.group()[:1], match.start()
        if token in b"{[":
            depth += 1
            expecting_key = expecting_key or (depth == 1)
        elif depth == 1 and token == b'"' and expecting_key:
            key, expecting_key = _key(match.group()), False
        elif depth == 1 and token == b":" and key is not None and not value_start:
            value_start = position + 1
        elif token in b"}]" or (token == b"," and depth == 1):
            if depth == 1 and key is not None:
                _add(spans, key, body, value_start, position)
                key, value_start, expecting_key = None, 0, True
            depth -= token in b"}]"
    return spans


def _key(token: bytes) -> str:
    try:
        key = orjson.loads(token)
    except orjson.JSONDecodeError:  # a lone surrogate: valid by JSON's grammar, refused by the fast parser
        key = json.loads(token)
    return str(key)


def _add(spans: dict[str, Span], key: str, body: bytes, start: int, end: int) -> None:
    if key in spans:
        raise DuplicateKeyError(key)
    raw = body[start:end]
    left = len(raw) - len(raw.lstrip(b" \t\r\n"))
    spans[key] = Span(start + left, start + len(raw.rstrip(b" \t\r\n")))


def splice(body: bytes, changes: dict[str, object]) -> bytes:
    """`body` with top-level keys set to new values: replaced in place, or inserted at the front when absent."""
    spans = top_level(body)
    replaced = sorted((spans[key].start, spans[key].end, value) for key, value in changes.items() if key in spans)
    parts, position = [], 0
    for start, end, value in replaced:
        parts += [body[position:start], orjson.dumps(value)]
        position = end
    parts.append(body[position:])
    added = {key: value for key, value in changes.items() if key not in spans}
    return _insert(b"".join(parts), added, has_others=bool(spans))


def _insert(body: bytes, added: dict[str, object], *, has_others: bool) -> bytes:
    if not added:
        return body
    brace = body.index(b"{") + 1
    inner = orjson.dumps(added)[1:-1]
    return body[:brace] + inner + (b"," if has_others else b"") + body[brace:]
