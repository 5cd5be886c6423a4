"""Server-sent events as the HTML standard has them ("9.2.6 Interpreting an event stream"), from bytes in any pieces."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """An event that would fill the memory."""


class Parser:
    """`feed` returns the events that are complete, as `(name, data)`; `comments` collects comment lines that begin with
    the gateway's mark. Lines end with LF, CRLF or CR, also when the pair is parted; a BOM at the beginning is skipped.
    An event without its blank line at the end of the body is none, as the standard says."""

    __slots__ = ("_data", "_head", "_name", "_rest", "_size", "_skip_lf", "_started", "comments", "limit", "retry_ms")

    def __init__(self, limit: int = 32 * 1024 * 1024) -> None:
        self.limit = limit
        self.comments: list[bytes] = []
        self.retry_ms: int | None = None
        self._rest: list[bytes] = []  # of a line that has not ended
        self._size = 0
        self._data: list[bytes] = []
        self._name = b""
        self._head = b""  # bytes that may be a BOM
        self._started = False
        self._skip_lf = False

    def feed(self, piece: bytes) -> list[tuple[str, bytes]]:
        if not self._started:
            piece = self._without_bom(piece)
        if not piece:
            return []
        if self._skip_lf:
            self._skip_lf = False
            if piece.startswith(b"\n"):
                piece = piece[1:]
        if b"\r" in piece:
            self._skip_lf = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in piece:
            self._keep(piece)
            return []
        lines = piece.split(b"\n")
        if self._rest:
            self._rest.append(lines[0])
            lines[0] = b"".join(self._rest)
            self._rest = []
        last = lines.pop()
        events = self._lines(lines)
        self._size = sum(map(len, self._data))
        self._keep(last)
        return events

    @property
    def is_within(self) -> bool:
        """Whether an event has begun and not ended."""
        return bool(self._data or self._name or self._rest)

    def _without_bom(self, piece: bytes) -> bytes:
        head = self._head + piece
        if len(head) < 3 and BOM.startswith(head):
            self._head = head
            return b""
        self._started = True
        self._head = b""
        return head[3:] if head.startswith(BOM) else head

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._size += len(piece)
            if self._size > self.limit:
                raise EventTooLarge(f"an event of more than {self.limit} bytes")
            self._rest.append(piece)

    def _lines(self, lines: list[bytes]) -> list[tuple[str, bytes]]:
        events = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                if data:
                    events.append((self._name.decode("utf-8", "replace"), b"\n".join(data)))
                    data = self._data = []
                self._name = b""
            else:
                self._other(line)
        return events

    def _other(self, line: bytes) -> None:
        if line.startswith(b":"):
            if line.startswith(b": gateway "):
                self.comments.append(line[10:])
            return
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"event":
            self._name = value
        elif field == b"data":
            self._data.append(value)
        elif field == b"retry" and value.isdigit():
            self.retry_ms = int(value)
