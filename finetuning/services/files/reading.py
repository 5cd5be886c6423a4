"""Content of a file: decrypted piece by piece, never whole in memory."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.fernet import InvalidToken

from finetuning.choices import FileStatus
from finetuning.models import FilePart, TuningFile
from gateway import credentials
from gateway.services.errors import Conflict, Gone


def blocks_of(file: TuningFile) -> Iterator[bytes]:
    """The bytes in order, at most 1 MiB each; one query a block, so that a slow reader holds no cursor. Raises `Gone`
    for a deleted file, `Conflict` (`file_not_ready`, `file_unreadable`, `file_damaged`)."""
    if file.deleted_at is not None:
        raise Gone("file_deleted", "The file was deleted.")
    if file.status != FileStatus.PROCESSED:
        raise Conflict("file_not_ready", "The file is not complete.")
    return _blocks(file)


def _blocks(file: TuningFile) -> Iterator[bytes]:
    digest, last = hashlib.sha256(), -1
    rows = FilePart.objects.filter(file=file).order_by("number")
    while (part := rows.filter(number__gt=last).first()) is not None:
        last, block = part.number, opened(part)
        digest.update(block)
        yield block
    if file.sha256 != digest.hexdigest():
        raise Conflict("file_damaged", "What is stored of the file is not what was uploaded.")


def opened(part: FilePart) -> bytes:
    """Raises `Conflict` when no configured key fits."""
    try:
        return credentials.decrypt_bytes(bytes(part.data))
    except InvalidToken as error:
        raise Conflict("file_unreadable", "The key that the file was encrypted with is not configured.") from error


@contextmanager
def open_file(file: TuningFile) -> Iterator[BinaryIO]:
    """A seekable temporary file, open at its beginning, gone afterwards. Raises as `blocks_of`."""
    blocks = blocks_of(file)
    with tempfile.TemporaryFile(prefix="tuning-file-") as copy:
        copy.writelines(blocks)
        copy.seek(0)
        yield cast("BinaryIO", copy)


@contextmanager
def path_of(file: TuningFile) -> Iterator[Path]:
    """The same by a path, for readers that open it themselves; only this user can read it."""
    blocks = blocks_of(file)
    with tempfile.NamedTemporaryFile(prefix="tuning-file-", suffix=".jsonl") as copy:
        copy.writelines(blocks)
        copy.flush()
        yield Path(copy.name)
