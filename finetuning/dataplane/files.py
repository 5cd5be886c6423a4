"""`/v1/files`: those of fine-tuning are Django's, those of batches stay with the data plane; one list shows both.

Ids of both tables are UUIDv7, so their order is that of their making and a page goes on where the other table's row
stood. Ids that begin with `file-ft-` are ours.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings

from finetuning.content import LIMIT_BYTES
from finetuning.dataplane.forward import ForwardToConsole
from finetuning.dataplane.peeking import Peek
from gateway.dataplane.app import read_body
from gateway.dataplane.batches.front import FILE_LIMIT_BYTES, Files, page_of, paging, send_object
from gateway.dataplane.batches.store import FILE
from gateway.dataplane.call import Call
from gateway.dataplane.eager import within
from gateway.dataplane.endpoints import MIB
from gateway.dataplane.errors import ApiError
from gateway.dataplane.forms import FormError
from gateway.dataplane.protocols import Receive, Send

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

PREFIX = "file-ft-"
TUNING = frozenset({"fine-tune", "fine-tune-results"})
FORM_ROOM_BYTES = MIB
PEEK_BYTES = 64 * 1024
"""Before the purpose is known, this much is read without waiting for a place among the uploads held in memory."""


class AllFiles(Files):
    """The mount. The key is checked here for both; the project's rows are found by whoever has them."""

    def __init__(self, runtime: "Runtime") -> None:
        super().__init__(runtime)
        self._console = ForwardToConsole(runtime)

    async def _serve(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(self.root).strip("/").partition("/")[0]
        if name.startswith(PREFIX):
            await self._console.forward(scope, receive, send)
        else:
            await super()._serve(call, scope, receive, send)

    async def _post_all(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        _refuse_endless(call.headers)
        reading = _Reading(call.headers, receive)
        purpose = await reading.purpose(PEEK_BYTES)
        if purpose is None and not reading.is_gone:
            async with self._uploads:  # the file stands in front: it has to be held until its purpose is seen
                purpose = await reading.purpose(FILE_LIMIT_BYTES)
                await self._pass(call, scope, reading, purpose, send)
        else:
            await self._pass(call, scope, reading, purpose, send)

    async def _pass(
        self, call: Call, scope: dict[str, Any], reading: "_Reading", purpose: str | None, send: Send
    ) -> None:
        if reading.is_gone:
            return
        if purpose is None:
            limit = FILE_LIMIT_BYTES // MIB
            message = f"No field 'purpose' in the first {limit} MiB of the form: send 'purpose' before 'file'."
            raise ApiError(413, "request_too_large", message, param="purpose", headers={"Connection": "close"})
        if purpose in TUNING:
            await self._console.forward(scope, reading.again, send)
        elif purpose == "batch":
            await super()._post_all(call, scope, reading.again, send)
        else:
            await read_body(call.headers, reading.again, is_kept=False)
            raise ApiError(400, "invalid_request", _unknown(purpose), param="purpose")

    async def _get_all(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        limit, query = paging(scope)
        purpose, ascends = query.get("purpose", ""), query.get("order") == "asc"
        if purpose in TUNING:
            await self._console.forward(scope, receive, send)
            return
        assert call.key is not None
        place = await self._place(call, query.get("after", ""))
        found, has_more = await self._store.page(
            call.key.project, FILE, "", limit, place=place, purpose=purpose, oldest_first=ascends
        )
        rows = [(one.id, one.content) for one in found]
        if not purpose:
            page = await self._ours(scope, {"limit": str(limit), "order": "asc" if ascends else "desc"}, place)
            if page.status != 200:
                await page.replay(send)
                return
            ours = json.loads(page.body)
            rows += [(UUID(one["id"].removeprefix(PREFIX)), one) for one in ours["data"]]
            rows.sort(key=lambda row: row[0], reverse=not ascends)
            has_more = has_more or ours["has_more"] or len(rows) > limit
        said = page_of([content for _, content in rows[:limit]], has_more=has_more)
        await send_object(send, call, said)

    async def _place(self, call: Call, after: str) -> UUID | None:
        """Where the page begins, in either table. Raises 404 for a file that is not there."""
        if not after:
            return None
        if after.startswith(PREFIX):
            try:
                return UUID(after.removeprefix(PREFIX))
            except ValueError:
                raise ApiError(400, "invalid_request", "'after' is no file's id.", param="after") from None
        found: UUID = (await self._find(call, FILE, after)).id
        return found

    async def _ours(self, scope: dict[str, Any], query: dict[str, str], place: UUID | None) -> "_Kept":
        """The console's page of the same place."""
        asked = query | ({"after": f"{PREFIX}{place.hex}"} if place else {})
        kept = _Kept()
        await self._console.forward(
            {**scope, "method": "GET", "query_string": urlencode(asked).encode()}, _Bodyless(), kept
        )
        return kept


class _Reading:
    """A form's body, read until its purpose is known and then once more from its beginning."""

    def __init__(self, headers: Mapping[bytes, bytes], receive: Receive) -> None:
        self._receive = receive
        self._more = True
        self.is_gone = False
        self._peek: Peek | None
        try:
            self._peek = Peek(headers.get(b"content-type", b"").decode("latin-1"))
        except FormError as error:
            raise ApiError(400, "invalid_form", f"The form cannot be read: {error}.", param=error.field) from error

    async def purpose(self, limit: int) -> str | None:
        """None when it is not in the first `limit` bytes, or the client left. Raises 408."""
        assert self._peek is not None
        deadline = time.monotonic() + settings.GATEWAY_BODY_TIMEOUT_S
        found = None
        while found is None and self._more and len(self._peek) < limit:
            try:
                message = await within(deadline - time.monotonic(), self._receive())
            except TimeoutError as error:
                raise ApiError(408, "request_timeout", "The request body did not arrive in time.",
                               headers={"Connection": "close"}) from error  # fmt: skip
            if message["type"] == "http.disconnect":
                self.is_gone = True
                return None
            self._more = message.get("more_body", False)
            found = self._peek.add(message.get("body", b""))
        return "" if found is None and not self._more else found

    async def again(self) -> Any:
        if self._peek is None:
            return await self._receive()
        body, self._peek = self._peek.body, None  # from here on it is held by whoever asked
        return {"type": "http.request", "body": body, "more_body": self._more}


class _Kept:
    """An answer of the console, held for a moment."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    async def replay(self, send: Send) -> None:
        for message in self.messages:
            await send(message)


class _Bodyless:
    """`receive` of a request without a body, whose client stays."""

    def __init__(self) -> None:
        self._given = False

    async def __call__(self) -> Any:
        if self._given:
            await asyncio.Event().wait()
        self._given = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _refuse_endless(headers: Mapping[bytes, bytes]) -> None:
    announced = int(headers.get(b"content-length", b"0") or 0)
    if announced > LIMIT_BYTES + FORM_ROOM_BYTES:
        message = f"A file may have up to {LIMIT_BYTES // MIB} MiB."
        raise ApiError(413, "file_too_large", message, param="file", headers={"Connection": "close"})


def _unknown(purpose: str) -> str:
    if not purpose:
        return "'purpose' is required: 'fine-tune' or 'batch'."
    return "Files with the purpose 'fine-tune' or 'batch' pass through the gateway; others do not."
