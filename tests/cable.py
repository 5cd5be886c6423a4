"""A cable between a process and PostgreSQL's Unix socket that can be pulled and put back."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

NAME = ".s.PGSQL.5432"


class Cable:
    """Listens in `folder` and passes bytes on to the server that listens in `server`."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self._server = server / NAME
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.plug()

    def plug(self) -> None:
        """Take connections."""
        listener = self._listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / NAME))
        listener.listen(64)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def pull(self) -> None:
        """Refuse connections and break those that are open."""
        assert self._listener is not None
        (self.folder / NAME).unlink()
        for known in (self._listener, *self._sockets):
            with suppress(OSError):
                known.shutdown(socket.SHUT_RDWR)
            known.close()
        self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self._server))
            except OSError:
                return
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for known in (source, sink):
        with suppress(OSError):
            known.shutdown(socket.SHUT_RDWR)
