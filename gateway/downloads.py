"""Files as answers, in pieces: what is sent was read or made only just before, however large the file is."""

from collections.abc import AsyncIterator, Generator, Iterator

from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

BLOCK_BYTES = 1 << 16
"""Smaller pieces are sent together: each block costs a change of threads."""


HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


class Download(StreamingHttpResponse):
    """`pieces` as an attachment. They may ask the database.

    Django reads a synchronous iterator to its end before the first byte of an asynchronous server's answer; here each
    block is taken in the request's own thread once the one before is with the client. `size_bytes` None: unknown.
    """

    def __init__(self, pieces: Iterator[bytes], *, name: str, content_type: str, size_bytes: int | None = None) -> None:
        super().__init__(in_blocks(pieces), content_type=content_type, headers=HEADERS | _named(name))
        if size_bytes is not None:
            self["Content-Length"] = str(size_bytes)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        blocks = iter(self)
        following = sync_to_async(lambda: next(blocks, None))
        while (block := await following()) is not None:
            yield block


def document(content: bytes, *, name: str, content_type: str) -> HttpResponse:
    """A document that is drawn whole, a PDF say, as an attachment."""
    return HttpResponse(content, content_type=content_type, headers=HEADERS | _named(name))


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": content_disposition_header(True, name) or "attachment"}


def in_blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes; pieces of less than `BLOCK_BYTES` joined until they are as many. `pieces` is closed at the end,
    also when nobody reads that far."""
    gathered, size = [], 0
    try:
        for piece in pieces:
            gathered.append(piece)
            size += len(piece)
            if size >= BLOCK_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
        if gathered:
            yield b"".join(gathered)
    finally:
        if isinstance(pieces, Generator):
            pieces.close()
