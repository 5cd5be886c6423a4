"""Where archives lie: a folder, or a bucket of an S3-compatible store. A file appears whole or not at all."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

PARTIAL = ".partial"


class Sink(Protocol):
    """What a Parquet writer writes to."""

    def write(self, data: bytes) -> int: ...


class Store(Protocol):
    """Keys are relative to `ARCHIVE_URL` and have `/` between their parts. What goes wrong is an OSError."""

    name: str

    def writing(self, key: str) -> AbstractContextManager[Sink]:
        """A sink; the file is there, in place of an older one, when the block ends without an exception."""
        ...

    def read(self, key: str) -> bytes | None:
        """The whole content; None when there is no such file."""
        ...

    def open(self, key: str) -> IO[bytes]:
        """For reading at any place. Raises `FileNotFoundError`."""
        ...

    def delete(self, key: str) -> None:
        """Nothing happens when it is gone already."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Every file in the folder `prefix`, in the order of their names."""
        ...

    def sweep(self, prefix: str) -> int:
        """Give up what was begun below `prefix` and never finished; returns how much. Only for who owns the prefix."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """`ARCHIVE_URL` and what reaching a bucket takes; without a key pair botocore looks where it always does
    (environment, profile, role of the machine). `encryption`: `AES256` or `aws:kms`, empty for the bucket's own."""

    url: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""
    encryption: str = ""
    encryption_key: str = ""


def store_of(place: Place) -> Store:
    """The store that the URL names. Raises ValueError for one of another kind."""
    parts = urlsplit(place.url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FolderStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        from gateway.ledger.archive.s3 import BucketStore  # botocore costs half a second: only where it is used

        return BucketStore(place, bucket=parts.netloc, prefix=parts.path.strip("/"))
    raise ValueError("it is neither s3://bucket/prefix nor file:///folder")


class FolderStore:
    """A folder of this machine, or a mounted one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = f"file://{root}"

    @contextmanager
    def writing(self, key: str) -> Iterator[Sink]:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=PARTIAL, delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).rename(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        _sync(path.parent)

    def read(self, key: str) -> bytes | None:
        path = self.root / key
        return path.read_bytes() if path.exists() else None

    def open(self, key: str) -> IO[bytes]:
        return (self.root / key).open("rb")

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        found = [path.name for path in (self.root / prefix).glob("*") if path.suffix != PARTIAL]
        return [f"{prefix}/{name}" for name in sorted(found)]

    def sweep(self, prefix: str) -> int:
        left = list((self.root / prefix).glob(f"*{PARTIAL}"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def _sync(folder: Path) -> None:
    """The name of a file is durable when its folder is."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class Ranges(io.RawIOBase):
    """A file of known size, read by ranges."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._at = 0

    def read_range(self, start: int, end: int) -> bytes:
        """Bytes `[start, end)`."""
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self.size if size < 0 else min(self._at + size, self.size)
        if end <= self._at:
            return b""
        data = self.read_range(self._at, end)
        self._at += len(data)
        return data
