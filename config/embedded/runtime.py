"""What one running `up` owns: the lock, the listening sockets and the file that says what runs."""

import errno
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

UNIX_PATH_LIMIT = 107


class StartError(RuntimeError):
    """`up` cannot start; the message is one line with the remedy."""


class UpLock:
    """Held for the life of the process, freed by the kernel however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "run" / "up.lock"
        self._fd: int | None = None

    def acquire(self) -> None:
        """Raises StartError naming the running process when there is one."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 200).decode(errors="replace").split()
            os.close(fd)
            what = f"process {holder[0]}" if holder else "another process"
            where = f", {holder[1]}" if len(holder) > 1 else ""
            raise StartError(
                f"The gateway already runs on this data directory ({what}{where}): "
                "stop it with Ctrl-C there, or start a second one with --port and --data-dir."
            ) from None
        self._fd = fd
        self.describe("")

    def describe(self, url: str) -> None:
        """Write who holds the lock: process id and console URL."""
        assert self._fd is not None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()} {url}\n".encode(), 0)


def listen_tcp(host: str, port: int, *, option: str = "--port", patience: float = 2.0) -> socket.socket:
    """A listening socket for a child; waits `patience` s for one that a killed predecessor still closes.

    Raises StartError naming the port and how to choose another.
    """
    deadline = time.monotonic() + patience
    while True:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise StartError(_why_no_port(error, host, port, option)) from None
        return listener


def _why_no_port(error: OSError, host: str, port: int, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is used by another program: stop it, or choose another with {option} {port + 1}."
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has: choose one above 1023 with {option} 8000."
    return f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with {option}."


def port_is_free(host: str, port: int) -> bool:
    """Could a server listen there now?"""
    try:
        listen_tcp(host, port, patience=0).close()
    except StartError:
        return False
    return True


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket only this user can enter; replaces the file a killed predecessor left."""
    if len(os.fsencode(path)) > UNIX_PATH_LIMIT:
        raise StartError(f"The socket path {path} is longer than {UNIX_PATH_LIMIT} bytes: choose a shorter --data-dir.")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(1024)
    return listener


class StateFile:
    """`run/state.json`: process ids, ports and restarts of the children, replaced as a whole."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "run" / "state.json"
        self.values: dict[str, Any] = {"pid": os.getpid(), "children": {}}

    def write(self) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.values, indent=2) + "\n")
        temporary.replace(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
