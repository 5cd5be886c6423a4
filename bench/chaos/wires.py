"""A wire between two parts (TCP or Unix socket) that can be slow, stand still, be cut, or be cut in one direction."""

import asyncio
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.chaos.loops import LoopThread

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST instead of FIN
Address = tuple[str, int] | Path


@dataclass(slots=True, eq=False)
class _Connection:
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    is_deaf: bool = False
    """Nothing more comes from the server."""


class Wire:
    """Listens at `here` and passes bytes to and from `there`. Orders are given from any thread."""

    def __init__(self, thread: LoopThread, name: str, here: Address, there: Address) -> None:
        self.name = name
        self._thread, self._here, self._there = thread, here, there
        self.delay_s = 0.0
        self.is_refusing = False
        self._flows = asyncio.Event()
        self._open: set[_Connection] = set()
        thread.call(self._listen())

    async def _listen(self) -> None:
        self._flows.set()
        if isinstance(self._here, Path):
            self._here.unlink(missing_ok=True)
            await asyncio.start_unix_server(self._serve, str(self._here))
        else:
            await asyncio.start_server(self._serve, *self._here)

    # ---- orders ------------------------------------------------------------------------------------------------
    def freeze(self) -> None:
        """Bytes stay where they are; connections stay open."""
        self._thread.loop.call_soon_threadsafe(self._flows.clear)

    def thaw(self) -> None:
        self._thread.loop.call_soon_threadsafe(self._flows.set)

    def reset(self) -> None:
        """Every open connection ends with RST, on both sides."""
        self._thread.call(self._reset())

    def half_close(self) -> None:
        """The server's side of every open connection is shut towards the client; the client may go on sending."""
        self._thread.call(self._half_close())

    def heal(self) -> None:
        """As new; what was cut in one direction ends."""
        self.delay_s, self.is_refusing = 0.0, False
        self.thaw()
        self._thread.call(self._end_deaf())

    async def _reset(self) -> None:
        for connection in list(self._open):
            _abort(connection.near)
            _abort(connection.far)

    async def _half_close(self) -> None:
        for connection in list(self._open):
            connection.is_deaf = True
            with suppress(OSError, RuntimeError):
                connection.near.write_eof()

    async def _end_deaf(self) -> None:
        for connection in [each for each in self._open if each.is_deaf]:
            _abort(connection.near)
            _abort(connection.far)

    # ---- bytes -------------------------------------------------------------------------------------------------
    async def _serve(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        if self.is_refusing:
            _abort(near)
            return
        try:
            if isinstance(self._there, Path):
                back, far = await asyncio.open_unix_connection(str(self._there))
            else:
                back, far = await asyncio.open_connection(*self._there)
        except OSError:
            _abort(near)
            return
        connection = _Connection(near, far)
        self._open.add(connection)
        try:
            with suppress(asyncio.CancelledError):  # the run ends
                await asyncio.gather(self._pass(reader, far, None), self._pass(back, near, connection))
        finally:
            self._open.discard(connection)
            near.close()
            far.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, heard: _Connection | None) -> None:
        with suppress(OSError, RuntimeError):
            while data := await source.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._flows.wait()
                if heard is not None and heard.is_deaf:
                    continue
                sink.write(data)
                await sink.drain()
        with suppress(OSError, RuntimeError):
            sink.write_eof()


def _abort(writer: asyncio.StreamWriter) -> None:
    known = writer.get_extra_info("socket")
    with suppress(OSError):
        known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


def socket_folder(base: Path, name: str) -> Path:
    """A folder for a Unix socket that only its user enters."""
    folder = base / name
    folder.mkdir(mode=0o700)
    os.chmod(folder, 0o700)
    return folder
