"""Numbered places of running processes: files in `$DATA_DIR/alive`, each locked by the process that has it. No Django.

A process that is started again gets the place of the one before, whose lock ended with it, and so the name of its
heartbeat. While it works it touches the file: `manage.py alive` reads the age, and needs no database for it.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import secrets
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LOOKED_AT_S = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """`name` is the heartbeat's: `kind:host:folder.number`. `id` stays what it is when the folder moves to a host of
    another name, as a container's volume does."""

    kind: str
    name: str
    id: str
    lock: int

    def touch(self) -> None:
        """Say that the process works. What cannot be said shows as age."""
        with contextlib.suppress(OSError):
            os.utime(self.lock)

    def leave(self) -> None:
        """Free the place, as the end of the process does."""
        os.close(self.lock)


def take(kind: str, data_dir: Path) -> Place:
    """The first place of this kind that no process has."""
    folder = _made(data_dir)
    for number in itertools.count(1):
        lock = os.open(folder / f"{kind}.{number}", os.O_RDWR | os.O_CREAT, 0o600)
        if not _locks(lock):
            os.close(lock)
            continue
        with contextlib.suppress(OSError):  # a full disk keeps no process from starting
            os.truncate(lock, 0)
            os.pwrite(lock, socket.gethostname().encode(), 0)
        name = f"{kind}:{socket.gethostname()[:64]}:{_path_id(folder)}.{number}"
        place = Place(kind, name, f"{_identity(folder)}.{number}", lock)
        place.touch()
        return place
    raise AssertionError("there are as many places as numbers")


def ages(kind: str, data_dir: Path) -> list[float]:
    """Seconds since each process of this kind that runs on this host, over this folder, has touched its place."""
    found = []
    for folder in filter(_is_ours, _folders(data_dir)):
        for path in folder.glob(f"{kind}.*"):
            lock = os.open(path, os.O_RDONLY)
            try:
                if os.pread(lock, 256, 0).decode() in ("", socket.gethostname()) and not _is_free(lock):
                    found.append(max(0.0, time.time() - os.fstat(lock).st_mtime))
            finally:
                os.close(lock)
    return found


def _locks(descriptor: int) -> bool:
    """Whether the place is ours now. Whoever only looks at it has it for an instant too, so it is tried twice."""
    for pause_s in (LOOKED_AT_S, 0.0):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause_s)
        else:
            return True
    return False


def _is_free(descriptor: int) -> bool:
    """Others may look at the same time."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folders(data_dir: Path) -> tuple[Path, Path]:
    """Where places are, and where they are when the data directory cannot be written to."""
    user = os.geteuid()
    return data_dir / "alive", Path(tempfile.gettempdir()) / f"llm-gateway-{user}-{_path_id(data_dir)}"


def _made(data_dir: Path) -> Path:
    first, second = _folders(data_dir)
    try:
        first.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(first, os.W_OK):
            return first
    except OSError:
        pass
    second.mkdir(mode=0o700, exist_ok=True)
    if not _is_ours(second):  # anybody may make a folder of any name there
        raise PermissionError(f"{second} is somebody else's.")
    return second


def _is_ours(folder: Path) -> bool:
    """Whether it is a folder that this user made."""
    return folder.is_dir() and not folder.is_symlink() and folder.lstat().st_uid == os.geteuid()


def _path_id(path: Path) -> str:
    return hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:6]


def _identity(folder: Path) -> str:
    """What this folder is known by wherever it is; made by the first process."""
    path, own = folder / "id", folder / f"id.{os.getpid()}"
    try:
        if not path.exists():
            own.write_text(secrets.token_hex(6))
            with contextlib.suppress(FileExistsError):
                os.link(own, path)
            own.unlink()
        return path.read_text()
    except OSError:
        return _path_id(folder)
