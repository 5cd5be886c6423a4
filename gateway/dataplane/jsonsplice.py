"""Textual edits of a JSON object's top level: the body stays byte for byte what the caller sent, but for the splice.

Numbers keep their digits and unknown fields their form; nothing is parsed and serialised again.
"""

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

import orjson

# Strings are consumed whole, so that braces and keys inside them never count.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)
_STRING_VALUE = re.compile(rb'\s*:\s*("(?:[^"\\]|\\.)*")', re.DOTALL)
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
MAX_SCANNED = 250_000  # brackets and strings that `top_level` walks over one by one, in about half a second


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


def has_escaped_letters(body: bytes) -> bool:
    """Whether a key may be written in another way than letter by letter."""
    return b"\\u00" in body and _ESCAPED_LETTER.search(body) is not None


def refuse_duplicates(body: bytes, fields: Mapping[str, object]) -> None:
    """Raises `DuplicateKeyError` when a top-level key of `body`, which was read as `fields`, appears twice."""
    if not has_escaped_letters(body):
        for name in fields:
            if not _is_single(body, name):
                break
        else:
            return
    # in C from end to end: a body of millions of brackets must not hold up every other call
    pairs = json.loads(body.decode("utf-8"), object_pairs_hook=list, parse_int=str, parse_float=str)
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise DuplicateKeyError(name)
        seen.add(name)


def _is_single(body: bytes, name: str) -> bool:
    token = b'"%b"' % name.encode("utf-8", "replace")
    return body.count(token) == 1 or len(re.findall(re.escape(token) + rb"\s*:", body)) == 1


def is_too_long_to_scan(body: bytes) -> bool:
    """Whether `top_level` would take longer than one call may hold up the others."""
    if len(body) <= MAX_SCANNED:
        return False
    return body.count(b"[") + body.count(b"{") + body.count(b'"') // 2 > MAX_SCANNED


def _single_string(body: bytes, key: str) -> Span | None:
    """Where the string value of a key stands that is known to be at the top level; None when it has to be searched."""
    token = b'"%b"' % key.encode()
    if body.count(token) != 1 or has_escaped_letters(body):
        return None
    found = _STRING_VALUE.match(body, body.index(token) + len(token))
    return Span(*found.span(1)) if found else None


def needs_scan(body: bytes, key: str, fields: Container[str]) -> bool:
    """Whether setting `key` takes a walk over the whole body."""
    return key in fields and _single_string(body, key) is None


def _spans(body: bytes, keys: Mapping[str, object], fields: Container[str]) -> dict[str, Span]:
    present = [key for key in keys if key in fields]
    quick = {key: span for key in present if (span := _single_string(body, key)) is not None}
    return quick if len(quick) == len(present) else top_level(body)


def splice(body: bytes, changes: Mapping[str, object], fields: Container[str]) -> bytes:
    """`body` with top-level keys set to new values: replaced in place, or inserted at the front when absent.

    `fields` are the top-level keys of `body`, of which there is at least one.
    """
    spans = _spans(body, changes, fields)
    replaced = sorted((spans[key].start, spans[key].end, value) for key, value in changes.items() if key in spans)
    parts, position = [], 0
    for start, end, value in replaced:
        parts += [body[position:start], orjson.dumps(value)]
        position = end
    parts.append(body[position:])
    added = {key: value for key, value in changes.items() if key not in spans}
    return _insert(b"".join(parts), added)


def _insert(body: bytes, added: dict[str, object]) -> bytes:
    if not added:
        return body
    brace = body.index(b"{") + 1
    return body[:brace] + orjson.dumps(added)[1:-1] + b"," + body[brace:]
