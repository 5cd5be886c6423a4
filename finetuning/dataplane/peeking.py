"""The purpose of an uploaded file, read from the form while it comes. Pure.

OpenAI's Python client sends the field before the file; a form that was written in another order has to be read further.
"""

import re

from gateway.dataplane.forms import MAX_PART_HEAD_BYTES, boundary_of

_NAMED = re.compile(rb'content-disposition:[^\r\n]*;\s*name="?purpose"?\s*(?:;|\r|$)', re.IGNORECASE)


class Peek:
    """`body` is what was read. Raises `FormError` for a content type without a boundary."""

    def __init__(self, content_type: str) -> None:
        self._delimiter = b"\r\n--" + boundary_of(content_type)
        self._seen = bytearray(b"\r\n")  # so that the first boundary is like the others
        self._start = self._from = 0

    @property
    def body(self) -> bytes:
        with memoryview(self._seen) as seen:
            return bytes(seen[2:])

    def __len__(self) -> int:
        return len(self._seen) - 2

    def add(self, piece: bytes) -> str | None:
        """The field's value once it is whole; "" when the form ends without it; None: read on."""
        self._seen += piece
        while (end := self._seen.find(self._delimiter, self._from)) >= 0:
            value = self._value(end)
            if value is not None:
                return value
            self._start = self._from = end + len(self._delimiter)
        self._from = max(self._start, len(self._seen) - len(self._delimiter))
        return "" if self._start and self._seen.startswith(b"--", self._start) else None

    def _value(self, end: int) -> str | None:
        """Of the part that ends there, if it is the one."""
        head_end = self._seen.find(b"\r\n\r\n", self._start, min(end, self._start + MAX_PART_HEAD_BYTES))
        if head_end < 0 or not _NAMED.search(self._seen[self._start : head_end]):
            return None
        return self._seen[head_end + 4 : end].decode("utf-8", "replace").strip()
