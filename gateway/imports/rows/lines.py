"""A file as numbered physical lines, bounded in length, and its identity by content."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gateway.imports.records import UnreadableFileError

MAX_LINE_BYTES = 1 << 20
MAX_RECORD_BYTES = 16 << 20  # exports that hold prompts and images
KEPT_BYTES = 64 * 1024
_CHUNK = 1 << 20
_BOM = b"\xef\xbb\xbf"


class RawLine(NamedTuple):
    """`number` is 1-based; `data` has no line end; `is_cut` marks one that is too long, of which 64 KiB are kept."""

    number: int
    data: bytes
    is_cut: bool = False


class Content(NamedTuple):
    """SHA-256 (hex) of the bytes, and how many lines they have."""

    digest: str
    lines: int


def inspect(path: Path) -> Content:
    """Identity and size of a file in one pass. Raises `UnreadableFileError`."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
                lines += block.count(b"\n")
                last = block[-1:]
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror}") from error
    return Content(digest.hexdigest(), lines + (last != b"\n"))


def read_lines(file: BinaryIO, longest: int = MAX_LINE_BYTES) -> Iterator[RawLine]:
    """Physical lines; a byte-order mark at the start is dropped. Memory stays bounded whatever the file holds."""
    number = 0
    while data := file.readline(longest):
        number += 1
        is_cut = len(data) == longest and not data.endswith(b"\n")
        if is_cut:
            _skip_rest(file)
            data = data[:KEPT_BYTES]
        if number == 1:
            data = data.removeprefix(_BOM)
        yield RawLine(number, data.rstrip(b"\r\n"), is_cut)


def _skip_rest(file: BinaryIO) -> None:
    while (rest := file.readline(_CHUNK)) and not rest.endswith(b"\n"):
        pass


def first_byte(file: BinaryIO) -> bytes:
    """The first byte that is neither white space nor a byte-order mark; empty without one. Stays at the start."""
    found = b""
    for chunk in without_mark(iter(lambda: file.read(_CHUNK), b"")):
        if found := chunk.lstrip()[:1]:
            break
    file.seek(0)
    return found


def without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks of a file without its byte-order mark; the first chunk must hold three bytes, if the file has them."""
    for index, chunk in enumerate(chunks):
        yield chunk.removeprefix(_BOM) if index == 0 else chunk
