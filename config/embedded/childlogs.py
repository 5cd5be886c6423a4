"""Children's output: one thread copies every pipe to a file per child, rotated by size."""

import os
import selectors
import threading
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 8 << 20
KEPT = 3  # name.log, name.log.1, name.log.2


class RotatingLog:
    """Append-only file of at most `max_bytes`; older text moves to `.1`, `.2`."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        if self._file.tell() + len(data) > self._max_bytes:
            self._rotate()
        self._file.write(data)

    def _rotate(self) -> None:
        self._file.close()
        for index in range(KEPT - 1, 0, -1):
            older = self.path if index == 1 else self.path.with_name(f"{self.path.name}.{index - 1}")
            if older.exists():
                older.replace(self.path.with_name(f"{self.path.name}.{index}"))
        self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        self._file.close()


class LogPump:
    """Reads the pipes of all children; `echo(name, text)` gets whole lines as well when it is given."""

    def __init__(self, directory: Path, echo: Callable[[str, str], None] | None = None) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)  # slow statements hold values
        self.directory = directory
        self._echo = echo
        self._selector = selectors.DefaultSelector()
        self._logs: dict[str, RotatingLog] = {}
        self._rest: dict[int, bytes] = {}
        self._wake_r, self._wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._wake_r, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="log-pump", daemon=True)
        self._thread.start()

    def path(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def pipe(self, name: str) -> int:
        """The writing end for a new child; the caller closes its copy after the spawn."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        with self._lock:
            self._logs.setdefault(name, RotatingLog(self.path(name)))
            self._selector.register(reader, selectors.EVENT_READ, name)
        os.write(self._wake_w, b"\0")
        return writer

    def last_line(self, name: str) -> str:
        """The last non-empty line of the child's log, to say why it ended; empty when there is none."""
        try:
            with self.path(name).open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 8192))
                lines = log.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake_r, 4096)
                else:
                    self._copy(key.fd, key.data)

    def _copy(self, fd: int, name: str) -> None:
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        if not data:
            with self._lock:
                self._selector.unregister(fd)
            os.close(fd)
            self._rest.pop(fd, None)
            return
        self._logs[name].write(data)
        if self._echo is not None:
            *lines, self._rest[fd] = (self._rest.get(fd, b"") + data).split(b"\n")
            for line in lines:
                self._echo(name, line.decode(errors="replace"))
