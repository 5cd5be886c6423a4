"""The file of a backup: a tar whose members have checksums in a manifest, which is its last member but one. Pure.

Members are written as they come, so that a dump needs no room twice; a header is written again once its size is known.
"""

import hashlib
import json
import os
import tarfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

MANIFEST, CHECKSUM = "manifest.json", "manifest.sha256"
PARTIAL = ".gateway-backup"
FORMAT = 1
BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20


class ArchiveError(Exception):
    """The file is no whole backup; one line with what is wrong."""


class Writer:
    """Writes `path` under a hidden name and renames it at the end of `with`; a failure leaves nothing, a kill only the
    hidden file, which the next backup to the same place removes. Readable by this user alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
        self.members: list[dict[str, Any]] = []
        self._now = int(time.time())

    def __enter__(self) -> "Writer":
        self._sweep()
        fd = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file: IO[bytes] = os.fdopen(fd, "wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.write(bytes(2 * BLOCK))
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if kind is not None:
            self.partial.unlink(missing_ok=True)
            return
        self.partial.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _sweep(self) -> None:
        for path in self.path.parent.glob(f".*{PARTIAL}"):
            pid = path.name.split(".")[-2]
            if pid.isdigit() and not Path(f"/proc/{pid}").exists():
                path.unlink(missing_ok=True)

    def add(self, name: str, chunks: Iterable[bytes]) -> int:
        """One member, of a size that is known at its end only; the size."""
        start, size, digest = self._file.tell(), 0, hashlib.sha256()
        self._file.write(self._header(name, 0))
        for chunk in chunks:
            self._file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        self._file.write(bytes(-size % BLOCK))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(self._header(name, size))
        self._file.seek(end)
        self.members.append({"name": name, "size": size, "sha256": digest.hexdigest()})
        return size

    def _header(self, name: str, size: int) -> bytes:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._now
        header = info.tobuf(tarfile.GNU_FORMAT)
        if len(header) != BLOCK:
            raise ArchiveError(f"{name} is too long a name")
        return header

    def finish(self, manifest: dict[str, Any]) -> None:
        """The manifest, with every member before it."""
        text = json.dumps({"format": FORMAT, **manifest, "files": self.members}, indent=2).encode() + b"\n"
        self.add(MANIFEST, [text])
        self.add(CHECKSUM, [f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()])


class Reader:
    """A backup's members. Raises `ArchiveError` for anything that is no whole backup of a known format."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._tar = tarfile.open(path, "r:")  # noqa: SIM115  (closed by close())
            self._members = {member.name: member for member in self._tar.getmembers()}
        except FileNotFoundError:
            raise ArchiveError(f"{path} does not exist") from None
        except (tarfile.TarError, OSError) as error:
            raise ArchiveError(f"{path} is damaged, cut short or no backup: {error}") from None
        self.manifest = self._read_manifest()

    def close(self) -> None:
        self._tar.close()

    def _read_manifest(self) -> dict[str, Any]:
        if MANIFEST not in self._members or CHECKSUM not in self._members:
            raise ArchiveError(f"{self.path} has no manifest: it is cut short, or no backup")
        last = max(self._members.values(), key=lambda member: member.offset_data)
        if self.path.stat().st_size != last.offset_data + last.size + -last.size % BLOCK + 2 * BLOCK:
            raise ArchiveError(f"{self.path} is cut short, or something was added to it")
        text = b"".join(self.chunks(MANIFEST))
        if hashlib.sha256(text).hexdigest().encode() not in b"".join(self.chunks(CHECKSUM)):
            raise ArchiveError("the manifest is damaged: its checksum is another one")
        manifest: dict[str, Any] = json.loads(text)
        if manifest.get("format") != FORMAT:
            raise ArchiveError(f"format {manifest.get('format')} is unknown to this release, which knows {FORMAT}")
        return manifest

    def names(self, prefix: str = "") -> list[str]:
        return [name for name in self._members if name.startswith(prefix)]

    def chunks(self, name: str) -> Iterator[bytes]:
        file = self._tar.extractfile(self._members[name])
        assert file is not None
        try:
            while chunk := file.read(CHUNK):
                yield chunk
        except tarfile.TarError as error:
            raise ArchiveError(f"{name} is cut short: {error}") from None

    def check(self) -> int:
        """Compare every member with the manifest; bytes read. Raises `ArchiveError` naming the first that differs."""
        total = 0
        for member in self.manifest["files"]:
            name = member["name"]
            if name not in self._members:
                raise ArchiveError(f"{name} is missing")
            digest, size = hashlib.sha256(), 0
            for chunk in self.chunks(name):
                digest.update(chunk)
                size += len(chunk)
            if (size, digest.hexdigest()) != (member["size"], member["sha256"]):
                raise ArchiveError(f"{name} is damaged: its checksum is another one")
            total += size
        return total
