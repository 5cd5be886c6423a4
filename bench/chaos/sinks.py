"""Where mails and webhooks arrive: servers that note what they took and whether they said so."""

import asyncio
import re
import time
from contextlib import suppress
from email import message_from_bytes

from bench.chaos.evidence import Delivery
from bench.chaos.loops import LoopThread

LINGER_S = 0.05
HANG_S = 20.0
SLOW_S = 0.7
"""Before each of the seven lines of a mail: it takes five seconds, and no reply the ten that a client waits."""


class Sink:
    """A listening server; `mode` says how it behaves, `taken` what it got."""

    def __init__(self, thread: LoopThread, port: int) -> None:
        self.mode = "ok"
        self.taken: list[Delivery] = []
        self.port = port
        thread.call(self._listen())

    async def _listen(self) -> None:
        await asyncio.start_server(self._quietly, "127.0.0.1", self.port, limit=64 << 20)

    async def _quietly(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, ValueError):
            await self.serve(reader, writer)
        writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    def _note(self, identity: str, *, is_acknowledged: bool) -> None:
        self.taken.append(Delivery(identity, time.time(), is_acknowledged))


class MailSink(Sink):
    """SMTP (RFC 5321). Modes: `ok`; `down`: the connection is reset; `451` after the data; `lost`: 250 and the
    connection is reset before QUIT; `mute`: the mail is taken and the connection reset before the reply; `slow`: every
    reply comes late."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "down":
            writer.transport.abort()
            return
        writer.write(b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if self.mode == "slow":
                await asyncio.sleep(SLOW_S)
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                if not await self._reply(writer, str(message_from_bytes(data)["Message-ID"])):
                    return
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 ok\r\n")

    async def _reply(self, writer: asyncio.StreamWriter, identity: str) -> bool:
        """Whether the connection goes on."""
        mode = self.mode
        if mode == "451":
            writer.write(b"451 not now\r\n")
            return True
        self._note(identity.strip("<> \r\n").rpartition("@")[0], is_acknowledged=mode != "mute")
        if mode != "mute":
            writer.write(b"250 taken\r\n")
            await writer.drain()
        if mode in ("lost", "mute"):
            await asyncio.sleep(LINGER_S)
            writer.transport.abort()
            return False
        return True


class HookSink(Sink):
    """HTTP. Modes: `ok`; `500`; `hang`: no answer for a long time; `lost`: 200 and the connection is reset; `mute`: the
    event is taken and the connection reset before the answer."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        found = re.search(rb"(?i)webhook-id: (\S+)", head)
        identity, mode = (found[1].decode() if found else ""), self.mode
        if mode == "hang":
            await asyncio.sleep(HANG_S)
            return
        if mode == "500":
            writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            return
        self._note(identity, is_acknowledged=mode != "mute")
        if mode != "mute":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            await writer.drain()
        if mode in ("lost", "mute"):
            await asyncio.sleep(LINGER_S)
            writer.transport.abort()
