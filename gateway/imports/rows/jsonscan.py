"""Cuts a large JSON document into its records without loading it: only brackets and strings are looked at.

A record that is not valid JSON is cut out like any other; what is inside is for the caller to parse.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from gateway.imports.rows.lines import KEPT_BYTES, MAX_RECORD_BYTES, RawLine, without_mark

CHUNK = 1 << 20
_OUTSIDE = re.compile(rb'["{}\[\],\n]')
_INSIDE = re.compile(rb'["\\\n]')
_OPEN, _CLOSE = frozenset(b"{["), frozenset(b"}]")
_QUOTE, _BACKSLASH, _NEWLINE, _COMMA, _LIST = b'"\\\n,['


def elements(file: BinaryIO, envelope: str) -> Iterator[RawLine]:
    """The records: elements of an outermost array, of the array named `envelope` in an outermost object, or else the
    outermost objects. A file that ends inside a list or a record yields a last one with `is_cut`."""
    scanner = _Scanner(envelope.encode())
    for chunk in without_mark(iter(lambda: file.read(CHUNK), b"")):
        yield from scanner.scan(chunk)
    yield from scanner.end()


class _Scanner:
    """`base` is the depth at which records stand: 0 outside of any list, 1 in an array, 2 in the array of a page."""

    def __init__(self, envelope: bytes) -> None:
        self._envelope = envelope
        self._line, self._depth, self._base = 1, 0, 0
        self._in_string = self._is_escaped = self._is_page_over = False
        self._key = bytearray()
        self._pieces: list[bytes] = []
        self._size = 0
        self._started: int | None = None

    def scan(self, chunk: bytes) -> Iterator[RawLine]:
        """Records that end in this chunk."""
        start = at = 0
        if self._is_escaped:
            self._is_escaped, at = False, 1
        while match := (_INSIDE if self._in_string else _OUTSIDE).search(chunk, at):
            position = match.start()
            token = chunk[position]
            if self._in_string and self._depth == 1 and len(self._key) < 64:
                self._key += chunk[at:position]
            at = position + 1
            if token == _NEWLINE:
                self._line += 1
            elif token == _BACKSLASH:
                at += 1
            elif token == _QUOTE:
                self._quote()
            elif end := self._bracket(token):
                kept = chunk[start : position if end in ("before", "page") else at]
                start = at
                yield from self._take(kept, is_record=end != "nothing")
                self._is_page_over = self._is_page_over or end == "page"
        self._is_escaped = at > len(chunk)
        if self._in_string and self._depth == 1 and len(self._key) < 64:
            self._key += chunk[at:]
        self._keep(chunk[start:])

    def _quote(self) -> None:
        self._in_string = not self._in_string
        if self._in_string:
            self._begin()
            if self._depth == 1:
                self._key.clear()

    def _begin(self) -> None:
        if self._started is None:
            self._started = self._line

    def _bracket(self, token: int) -> str:
        """What ends here: a record `before` the token, one `with` it, the list of a `page` and perhaps a record in it,
        `nothing` that is kept; "" when nothing ends."""
        if token == _COMMA:
            return "before" if self._depth == self._base and self._base else ""
        if token in _OPEN:
            return self._enter(token)
        self._depth = max(0, self._depth - 1)
        if self._base and self._depth == self._base - 1:  # the list ends, and perhaps a last record with it
            ended = "page" if self._base == 2 else "before"
            self._base = 0
            return ended
        if self._depth == 0 and self._base == 0:
            ended, self._is_page_over = "nothing" if self._is_page_over else "with", False
            return ended
        return ""

    def _enter(self, token: int) -> str:
        self._depth += 1
        is_list = token == _LIST and self._base == 0
        if is_list and self._depth == 1:
            self._base = 1
            return "nothing"
        if is_list and self._depth == 2 and self._envelope and bytes(self._key) == self._envelope:
            self._base = 2
            return "nothing"
        self._begin()
        return ""

    def _keep(self, data: bytes) -> None:
        if data and not self._is_page_over:
            room = (KEPT_BYTES if self._size >= MAX_RECORD_BYTES else MAX_RECORD_BYTES) - self._size
            if room > 0:
                self._pieces.append(data[:room])
            self._size += len(data)

    def _take(self, data: bytes, *, is_record: bool) -> Iterator[RawLine]:
        self._keep(data)
        record, size = b"".join(self._pieces), self._size
        number = self._started or self._line
        self._pieces, self._size, self._started = [], 0, None
        if is_record and record.strip():
            is_cut = size > MAX_RECORD_BYTES
            yield RawLine(number, record[:KEPT_BYTES] if is_cut else record.strip(), is_cut)

    def end(self) -> Iterator[RawLine]:
        """What the file ended in."""
        rest = b"".join(self._pieces).strip()
        if self._depth or self._in_string:
            yield RawLine(self._started or self._line, rest[:KEPT_BYTES] or b"(the list is not closed)", is_cut=True)
        elif rest and not self._is_page_over:
            yield RawLine(self._started or self._line, rest[:KEPT_BYTES])
