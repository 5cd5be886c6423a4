"""Records of an export, whatever its shape: CSV, JSON lines, a JSON array, JSON pages around one. Pure, bounded."""

from collections.abc import Iterator
from typing import BinaryIO

from gateway.imports.records import Rejection, UnreadableFileError
from gateway.imports.rows import csvrows, jsonrows
from gateway.imports.rows.lines import first_byte
from gateway.imports.rows.row import Row

__all__ = ["Row", "rows"]


def rows(file: BinaryIO, *, envelope: str = "") -> Iterator[Row | Rejection]:
    """Every record in the file's order, with ascending and distinct `line`s; bad ones as rejections, none dropped.

    `envelope`: key of the list in JSON pages (`{"data": […]}`). Raises `UnreadableFileError` when nothing can be read.
    """
    first = first_byte(file)
    if not first:
        raise UnreadableFileError("the file is empty")
    if first in b"[{":
        yield from jsonrows.rows(file, envelope)
    else:
        yield from csvrows.Table(file).rows()
