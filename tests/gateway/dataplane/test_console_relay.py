"""Uploads to the console: piece by piece through the data plane, never whole in its memory. A real socket each."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway import closing
from gateway.dataplane import console
from gateway.dataplane.console import ConsoleRelay
from gateway.dataplane.upstream import Client

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class FakeConsole:
    """Reads a request as far as told and answers; `head` and `body` are what arrived."""

    answer: bytes = OK
    answer_after: int = 1 << 60
    head: bytes = b""
    body: bytes = b""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = await reader.readuntil(b"\r\n\r\n")
        while not self._is_done() and (data := await reader.read(65536)):
            self.body += data
            self.changed.set()
        writer.write(self.answer)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            await reader.read()
        writer.close()

    def _is_done(self) -> bool:
        if len(self.body) >= self.answer_after:
            return True
        if b"transfer-encoding: chunked" in self.head:
            return self.body.endswith(b"0\r\n\r\n")
        return len(self.body) >= int(self.head.partition(b"content-length: ")[2].split(b"\r\n")[0])


@contextlib.asynccontextmanager
async def relay_to(fake: FakeConsole, path: Path) -> AsyncIterator[ConsoleRelay]:
    server = await asyncio.start_unix_server(fake.serve, str(path))
    client = Client()
    try:
        yield ConsoleRelay(client, str(path))
    finally:
        await client.close()
        server.close()


def scope(**headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"method": "POST", "raw_path": b"/api/v1/usage-imports", "query_string": b"", "headers": pairs,
            "client": ("192.0.2.1", 1)}  # fmt: skip


class Sent(list[dict[str, Any]]):
    async def __call__(self, message: dict[str, Any]) -> None:
        self.append(message)

    @property
    def status(self) -> int:
        return int(self[0]["status"])


def receiver(*messages: dict[str, Any] | Callable[[], Awaitable[dict[str, Any]]]) -> Callable[[], Awaitable[Any]]:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        message = waiting.pop(0)
        return await message() if callable(message) else message

    return receive


def piece(data: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_long_body_goes_through_as_it_comes(tmp_path):
    fake, sent = FakeConsole(), Sent()
    first, last = b"a" * MIB, b"z" * 300_000

    async def last_piece() -> dict[str, Any]:
        while len(fake.body) < len(first):  # the console has the first MiB before the client sent the rest
            fake.changed.clear()
            await asyncio.wait_for(fake.changed.wait(), 5)
        return piece(last, more=False)

    async with relay_to(fake, tmp_path / "console.sock") as relay:
        await relay(
            scope(content_length=str(len(first) + len(last))), receiver(piece(first, more=True), last_piece), sent
        )

    assert sent.status == 200
    assert fake.body == first + last
    assert b"content-length: 1348576\r\n" in fake.head
    assert b"x-forwarded-for: 192.0.2.1\r\n" in fake.head


async def test_a_body_of_unknown_length_is_sent_in_chunks(tmp_path):
    fake, sent = FakeConsole(), Sent()
    messages = [piece(b"a" * MIB, more=True), piece(b"", more=True), piece(b"bc", more=False)]

    async with relay_to(fake, tmp_path / "console.sock") as relay:
        await relay(scope(transfer_encoding="chunked"), receiver(*messages), sent)

    assert sent.status == 200
    assert fake.body == b"100000\r\n" + b"a" * MIB + b"\r\n2\r\nbc\r\n0\r\n\r\n"


async def test_a_short_body_is_one_request(tmp_path):
    fake, sent = FakeConsole(), Sent()

    async with relay_to(fake, tmp_path / "console.sock") as relay:
        await relay(scope(transfer_encoding="chunked"), receiver(piece(b"{}", more=False)), sent)

    assert (sent.status, fake.body) == (200, b"{}")
    assert b"content-length: 2\r\n" in fake.head


async def test_an_early_refusal_reaches_the_client(tmp_path):
    refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n"
    fake, sent = FakeConsole(answer=refusal, answer_after=MIB), Sent()
    messages = [piece(b"a" * MIB, more=True) for _ in range(400)]

    async with relay_to(fake, tmp_path / "console.sock") as relay:
        await asyncio.wait_for(relay(scope(content_length=str(400 * MIB)), receiver(*messages), sent), 20)

    assert sent.status == 413
    assert len(fake.body) < 400 * MIB


@pytest.mark.parametrize("announced", [True, False])
async def test_more_than_the_limit_is_refused(tmp_path, monkeypatch, announced):
    monkeypatch.setattr(console, "BODY_LIMIT_BYTES", 2 * MIB)
    fake, sent = FakeConsole(), Sent()
    headers = {"content_length": str(3 * MIB)} if announced else {"transfer_encoding": "chunked"}
    messages = [piece(b"a" * MIB, more=True) for _ in range(4)]

    async with relay_to(fake, tmp_path / "console.sock") as relay:
        await relay(scope(**headers), receiver(*messages), sent)

    assert sent.status == 413


async def test_an_upload_has_to_keep_a_pace(tmp_path, settings):
    settings.GATEWAY_BODY_TIMEOUT_S = 0.3
    fake, sent = FakeConsole(), Sent()

    async def late() -> dict[str, Any]:
        await asyncio.sleep(0.2)
        return piece(b"a" * console.STEP_BYTES, more=True)

    messages = [piece(b"a" * MIB, more=True), late, late, late]  # and then nothing
    async with relay_to(fake, tmp_path / "console.sock") as relay:
        await asyncio.wait_for(relay(scope(content_length=str(3 * MIB)), receiver(*messages), sent), 20)

    assert sent.status == 408
    assert len(fake.body) == MIB + 3 * console.STEP_BYTES


async def test_a_client_that_leaves_ends_the_upload(tmp_path):
    fake, sent = FakeConsole(), Sent()
    messages = [piece(b"a" * MIB, more=True), {"type": "http.disconnect"}]

    async with relay_to(fake, tmp_path / "console.sock") as relay:
        await relay(scope(content_length=str(2 * MIB)), receiver(*messages), sent)

    assert [message["status"] for message in sent if "status" in message] == [503]
    assert len(fake.body) <= MIB


async def test_a_stream_of_events_ends_when_the_process_is_to_stop(tmp_path):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    fake, sent = FakeConsole(answer=head + b"6\r\n: hi\n\n\r\n"), Sent()

    async with relay_to(fake, tmp_path / "console.sock") as relay:
        running = asyncio.ensure_future(relay(scope(content_length="0"), receiver(piece(b"", more=False)), sent))
        while len(sent) < 2:  # noqa: ASYNC110  (written by the relay)
            await asyncio.sleep(0.01)
        for event in list(closing.CLOSING._waiting):
            event.set()
        await asyncio.wait_for(running, 5)

    assert [message.get("body") for message in sent[1:]] == [b": hi\n\n", b""]
    assert not sent[-1].get("more_body")


def test_a_signal_is_heard_and_passed_on():
    heard: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    own = closing.Closing()

    async def stopped() -> bool:
        event = own.event()
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(event.wait(), 5)
        return event.is_set()

    try:
        assert asyncio.run(stopped())
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, former)
