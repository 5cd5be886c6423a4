"""Records of a stored training file, a part in memory at a time."""

from collections.abc import Iterator
from typing import Any

import orjson

from finetuning.backends.base import Refused
from finetuning.models import FilePart, TuningFile
from gateway import credentials


def blocks_of(file: TuningFile) -> Iterator[bytes]:
    """The bytes in order; one query a part, so that a slow reader holds no cursor."""
    rows, last = FilePart.objects.filter(file=file).order_by("number"), -1
    while (part := rows.filter(number__gt=last).first()) is not None:
        last = part.number
        yield credentials.decrypt_bytes(bytes(part.data))


def lines_of(file: TuningFile) -> Iterator[bytes]:
    """The lines without their ends, empty ones included."""
    rest = b""
    for block in blocks_of(file):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest


def records_of(file: TuningFile, *, param: str = "training_file", limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The JSON objects of its lines; blank lines are left out. Raises `Refused` with the line that is none, and for
    more than `limit` records."""
    found = 0
    for number, line in enumerate(lines_of(file), start=1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            record = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Refused("invalid_file", f"Line {number} of {file.name} is not JSON: {error}.", param) from error
        if not isinstance(record, dict):
            raise Refused("invalid_file", f"Line {number} of {file.name} is not a JSON object.", param)
        found += 1
        if limit is not None and found > limit:
            raise Refused("file_too_long", f"{file.name} has more than {limit:,} records.", param)
        yield record
