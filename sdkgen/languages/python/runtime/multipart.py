"""`multipart/form-data` (RFC 7578) of fields and files, sent in pieces, so that a large file is never in memory."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from os import PathLike

File = Union[bytes, IO[bytes], "PathLike[str]", "tuple[str, bytes | IO[bytes]]", "tuple[str, bytes | IO[bytes], str]"]
PIECE = 256 * 1024


class Form:
    """A body. `length` is None when a file does not know its own; `rewind` is False when it cannot be sent again."""

    def __init__(self, fields: Mapping[str, Any], on_progress: Callable[[int, int | None], None] | None = None) -> None:
        from secrets import token_hex

        self.boundary = "gateway-" + token_hex(12)
        self.content_type = f"multipart/form-data; boundary={self.boundary}"
        self._on_progress = on_progress
        self._owned: list[Any] = []
        self._parts = [part for name, value in fields.items() for part in self._encode(name, value)]
        sizes = [_size(source) for _, source in self._parts]
        heads = sum(len(head) + 2 for head, _ in self._parts) + len(self.boundary) + 6
        self.length = None if None in sizes else heads + sum(size or 0 for size in sizes)
        self._starts = [source.tell() if _can_seek(source) else None for _, source in self._parts]

    def rewind(self) -> bool:
        """To the beginning, for a repeat."""
        for (_, source), start in zip(self._parts, self._starts, strict=True):
            if not isinstance(source, bytes):
                if start is None:
                    return False
                source.seek(start)
        return True

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for head, source in self._parts:
            for piece in (head, *([source] if isinstance(source, bytes) else ()), b""):
                if piece:
                    yield piece
                    sent = self._sent(sent, len(piece))
            if not isinstance(source, bytes):
                while piece := source.read(PIECE):
                    yield piece
                    sent = self._sent(sent, len(piece))
            yield b"\r\n"
            sent = self._sent(sent, 2)
        end = f"--{self.boundary}--\r\n".encode()
        yield end
        self._sent(sent, len(end))

    def close(self) -> None:
        """The files that were opened here, by their paths."""
        for source in self._owned:
            source.close()

    def _sent(self, before: int, more: int) -> int:
        if self._on_progress is not None:
            self._on_progress(before + more, self.length)
        return before + more

    def _encode(self, name: str, value: Any) -> Iterator[tuple[bytes, Any]]:
        if isinstance(value, (str, int, float, bool)):
            text = ("true" if value else "false") if isinstance(value, bool) else str(value)
            yield self._head(name), text.encode()
        elif isinstance(value, list):
            for one in value:
                yield from self._encode(name, one)
        elif isinstance(value, dict):
            import json

            yield self._head(name), json.dumps(value, separators=(",", ":")).encode()
        elif value is not None:
            filename, source, kind = _opened(value)
            if source is not value and not isinstance(value, (tuple, bytes, bytearray)):
                self._owned.append(source)
            yield self._head(name, filename, kind), source

    def _head(self, name: str, filename: str | None = None, kind: str = "") -> bytes:
        said = f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
        if filename is not None:
            said += f'; filename="{_quoted(filename)}"\r\nContent-Type: {kind}'
        return f"{said}\r\n\r\n".encode()


def _quoted(text: str) -> str:
    """As browsers do (HTML standard, "multipart/form-data encoding algorithm")."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _opened(value: Any) -> tuple[str, Any, str]:
    kind = "application/octet-stream"
    if isinstance(value, tuple):
        name, source = value[0], value[1]
        kind = value[2] if len(value) > 2 else kind
        if "\r" in kind or "\n" in kind:
            raise ValueError("a content type has no line breaks")
        return name, source, kind
    if isinstance(value, (bytes, bytearray)):
        return "file", bytes(value), kind
    if hasattr(value, "read"):
        named = getattr(value, "name", "file")
        return (named.replace("\\", "/").rpartition("/")[2] if isinstance(named, str) else "file"), value, kind
    import os

    path = os.fspath(value)
    return os.path.basename(path), open(path, "rb"), kind


def _can_seek(source: Any) -> bool:
    return not isinstance(source, bytes) and hasattr(source, "seekable") and bool(source.seekable())


def _size(source: Any) -> int | None:
    if isinstance(source, bytes):
        return len(source)
    if not _can_seek(source):
        return None
    here: int = source.tell()
    end: int = source.seek(0, 2)
    source.seek(here)
    return end - here
