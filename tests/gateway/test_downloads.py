"""Downloads: what Django's asynchronous handler sends, and when each piece of it is made."""

from collections.abc import Iterator
from typing import Any

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from hypothesis import given
from hypothesis import strategies as st

from gateway.downloads import BLOCK_BYTES, Download, document, in_blocks


class Wire:
    """What happened: `made n` and `sent n` in their order, and the bytes that were sent."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.head: dict[str, str] = {}
        self.content = b""

    def pieces(self, count: int, size: int) -> Iterator[bytes]:
        for number in range(count):
            self.seen.append(f"made {number}")
            yield bytes([number]) * size

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.head = {name.decode(): value.decode() for name, value in message["headers"]}
        elif body := message.get("body"):
            self.content += body
            self.seen.append(f"sent {body[0]}")


def sent(wire: Wire, response: Download) -> Wire:
    async_to_sync(ASGIHandler().send_response)(response, wire.send)
    return wire


def test_each_piece_is_with_the_client_before_the_next_is_made() -> None:
    wire = Wire()

    sent(wire, Download(wire.pieces(4, BLOCK_BYTES), name="a.csv", content_type="text/csv"))

    assert wire.seen == [f"{what} {number}" for number in range(4) for what in ("made", "sent")]
    assert wire.content == b"".join(bytes([number]) * BLOCK_BYTES for number in range(4))


def test_lines_are_sent_together() -> None:
    wire = Wire()

    sent(wire, Download(wire.pieces(10, BLOCK_BYTES // 4), name="a.csv", content_type="text/csv"))

    assert [one for one in wire.seen if one.startswith("sent")] == ["sent 0", "sent 4", "sent 8"]
    assert len(wire.content) == 10 * (BLOCK_BYTES // 4)


def test_head() -> None:
    wire = sent(Wire(), Download(iter([b"abc"]), name="Übersicht.csv", content_type="text/csv", size_bytes=3))

    assert wire.head == {
        "Content-Type": "text/csv", "Content-Length": "3", "Cache-Control": "private, no-store",
        "Content-Disposition": "attachment; filename*=utf-8''%C3%9Cbersicht.csv", "X-Content-Type-Options": "nosniff",
    }  # fmt: skip


def test_a_document_is_not_kept_by_anyone_on_its_way() -> None:
    response = document(b"%PDF", name="statement-2026-10-usd.pdf", content_type="application/pdf")

    assert (response.content, dict(response.items())) == (
        b"%PDF",
        {
            "Content-Type": "application/pdf", "Cache-Control": "private, no-store",
            "Content-Disposition": 'attachment; filename="statement-2026-10-usd.pdf"',
            "X-Content-Type-Options": "nosniff",
        },
    )  # fmt: skip


def test_pieces_are_let_go_when_the_client_leaves() -> None:
    wire = Wire()
    pieces = wire.pieces(3, BLOCK_BYTES)
    response = Download(pieces, name="a.csv", content_type="text/csv")

    async def leave(message: dict[str, Any]) -> None:
        await wire.send(message)
        if message.get("body"):
            raise OSError("gone")

    try:
        async_to_sync(ASGIHandler().send_response)(response, leave)
    except OSError:
        for close in response._resource_closers:  # type: ignore[attr-defined]
            close()

    assert wire.seen == ["made 0", "sent 0"]
    assert next(pieces, None) is None


@given(st.lists(st.binary(max_size=40)))
def test_blocks_are_the_same_bytes(pieces: list[bytes]) -> None:
    assert b"".join(in_blocks(iter(pieces))) == b"".join(pieces)
