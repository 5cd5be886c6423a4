"""The handlers of `/v1/files` and `/v1/batches`. Source: OpenAI API reference, "Files" and "Batch"."""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from gateway.dataplane import call as call_module
from gateway.dataplane.app import answer, answer_error, end, read_body, refuse_repeated
from gateway.dataplane.batches import booking, lines
from gateway.dataplane.batches.store import BATCH, FILE, TERMINAL, Store, Stored
from gateway.dataplane.batches.upstream import ask, exchange_with, provider_of, safe
from gateway.dataplane.call import Call
from gateway.dataplane.clientside import seal
from gateway.dataplane.endpoints import ENDPOINTS, MIB, unknown
from gateway.dataplane.errors import ApiError, Denied
from gateway.dataplane.forms import Form, Part
from gateway.dataplane.protocols import Receive, Send
from gateway.dataplane.settle import Outcome, deny
from gateway.ledger.spool import SpoolFullError

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
FILE_LIMIT_BYTES = 64 * MIB
UPLOADS_AT_ONCE = 2
_LIMIT = re.compile("[0-9]{1,9}")  # Python refuses to read numbers of thousands of digits
MAX_PAGE = 100
ADMISSION = ("resolve", "limit", "once", "hold")
"""Stages that a batch passes when it is made: the model is allowed, the limits and budgets are not used up, and with an
`Idempotency-Key` it was not made before."""


class Front:
    """What both have in common: the key, errors in OpenAI's shape, lines for denials."""

    root = ""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._store = Store()

    def metrics(self) -> list[str]:
        return []

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers: Mapping[bytes, bytes] = call_module.headers_of(scope["headers"])
        call = call_module.new_call(unknown(self.root), headers, (scope.get("client") or ("", 0))[0])
        try:
            refuse_repeated(scope["headers"])
            await self._authenticate(call, scope["method"], receive)
            await self._serve(call, scope, receive, send)
        except ApiError as error:
            if isinstance(error, Denied):
                self._deny(call, error)
            await answer_error(send, error, call)
        except Exception:
            logger.exception("request %s failed", call.request_id)
            failed = ApiError(500, "internal_error", "The gateway failed to handle the request.", kind="api_error")
            await answer_error(send, failed, call)
        finally:
            end(call)

    async def _authenticate(self, call: Call, method: str, receive: Receive) -> None:
        """A stranger's body is read and thrown away, so that the refusal is seen and not a broken pipe."""
        try:
            self._runtime.stages[0](call, self._runtime)
        except ApiError:
            if method == "POST":
                await read_body(call.headers, receive, is_kept=False)
            raise

    def _deny(self, call: Call, error: Denied) -> None:
        try:
            deny(call, error.code, error.status, self._runtime)
        except SpoolFullError:
            logger.error("no room to record the denial of %s", call.request_id)

    def _handlers(self, what: str) -> dict[str, Any]:
        """What answers at such a path, by method."""
        found = {method: getattr(self, f"_{method.lower()}_{what}", None) for method in ("GET", "POST", "DELETE")}
        return {method: handler for method, handler in found.items() if handler is not None}

    async def _serve(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        parts = scope["path"].removeprefix(self.root).strip("/").split("/")
        name, verb = parts[0], "/".join(parts[1:])
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        handlers = self._handlers(verb or ("one" if name else "all")) if verb in ("", "content", "cancel") else {}
        if not handlers:
            message = f"Unknown request URL: {scope['method']} {scope['path']}."
            raise ApiError(404, "unknown_url", message)
        if (handler := handlers.get(method)) is None:
            known = ", ".join(handlers)
            message = f"{scope['path']} takes {known}."
            raise ApiError(405, "method_not_allowed", message, headers={"Allow": known})
        if name:
            await handler(call, await self._mine(call, name), send)
        else:
            await handler(call, scope, receive, send)

    async def _mine(self, call: Call, name: str) -> Stored:
        """The object, if the key's project has it: all others do not exist."""
        raise NotImplementedError

    async def _find(self, call: Call, kind: str, name: str) -> Stored:
        assert call.key is not None
        found = await self._store.find(call.key.project, kind, name)
        if found is None:
            raise ApiError(404, "not_found", f"There is no {kind} '{call_module.clean(name, 200)}'.", param="id")
        return found

    async def _list(self, call: Call, kind: str, scope: dict[str, Any]) -> tuple[list[Stored], bool]:
        assert call.key is not None
        limit, query = paging(scope)
        return await self._store.page(call.key.project, kind, query.get("after", ""), limit)


def paging(scope: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """`?limit=`, and the whole query. Raises 400."""
    query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    limit = query.get("limit", "20")
    if not _LIMIT.fullmatch(limit) or not 1 <= int(limit) <= 10_000:
        raise ApiError(400, "invalid_request", "'limit' must be a number from 1 on.", param="limit")
    return min(int(limit), MAX_PAGE), query


def page_of(found: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    first, last = (found[0]["id"], found[-1]["id"]) if found else (None, None)
    return {"object": "list", "data": found, "first_id": first, "last_id": last, "has_more": has_more}


async def send_object(send: Send, call: Call, said: dict[str, Any]) -> None:
    await answer(send, 200, orjson.dumps(said), call.request_id)


async def _keep(call: Call, said: bytes) -> None:
    """For a repeat with the same `Idempotency-Key`, before the answer leaves."""
    for tap in call.taps:
        tap.piece(said)
        tap.finished(Outcome("ok", 200), {})
    await seal(call, 200, [(b"content-type", b"application/json")])


class Files(Front):
    """Files of purpose `batch`, and what batches write."""

    root = "/v1/files"

    def __init__(self, runtime: "Runtime") -> None:
        super().__init__(runtime)
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)

    async def _mine(self, call: Call, name: str) -> Stored:
        return await self._find(call, FILE, name)

    async def _post_all(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Held in memory while it is read, so few at a time: the others' bytes wait in their connections."""
        async with self._uploads:
            body = await read_body(call.headers, receive, limit=FILE_LIMIT_BYTES)
            if body is None:
                return
            await call_module.read_form(call, body)
            await send_object(send, call, await self._upload(call))

    async def _upload(self, call: Call) -> dict[str, Any]:
        form, fields = call.form, call.fields
        assert form is not None
        part = form.file("file")
        if part is None:
            raise ApiError(400, "invalid_request", "'file' is required and must be a file", param="file")
        if fields.get("purpose") != "batch":
            message = "Files with the purpose 'batch' pass through the gateway; others do not."
            raise ApiError(400, "invalid_request", message, param="purpose")
        await self._store.ready()
        found = await lines.read(self._runtime, call, bytes(part.data))
        rewritten = Form(tuple(_with_data(one, found.data) if one is part else one for one in form.parts))
        content_type, sent = rewritten.encode({})
        file = await ask(
            self._runtime, found.target.provider, "POST", "/files", call.request_id, content_type=content_type,
            body=sent,
        )  # fmt: skip
        await self._store.add(booking.stored_file(call, found.target, found.model, found.endpoint, file))
        return file

    async def _get_all(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        found, has_more = await self._list(call, FILE, scope)
        await send_object(send, call, page_of([one.content for one in found], has_more=has_more))

    async def _get_one(self, call: Call, one: Stored, send: Send) -> None:
        provider = provider_of(self._runtime, one.provider)
        file = await ask(self._runtime, provider, "GET", f"/files/{safe(one.object_id)}", call.request_id)
        await self._store.seen(one, file, is_settled=True)
        await send_object(send, call, file)

    async def _get_content(self, call: Call, one: Stored, send: Send) -> None:
        provider, path = provider_of(self._runtime, one.provider), f"/files/{safe(one.object_id)}/content"
        async with exchange_with(self._runtime, provider, "GET", path, call.request_id) as exchange:
            headers = [header for header in exchange.headers if header[0] in (b"content-type", b"content-length")]
            headers.append((b"x-request-id", call.request_id.encode()))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while piece := await exchange.next_piece():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _delete_one(self, call: Call, one: Stored, send: Send) -> None:
        provider = provider_of(self._runtime, one.provider)
        said = await ask(self._runtime, provider, "DELETE", f"/files/{safe(one.object_id)}", call.request_id)
        await self._store.remove(one)
        await send_object(send, call, said)


def _with_data(part: Part, data: bytes) -> Part:
    return replace(part, data=data)


class Batches(Front):
    """Batches of files that were uploaded here."""

    root = "/v1/batches"

    async def _mine(self, call: Call, name: str) -> Stored:
        return await self._find(call, BATCH, name)

    async def _post_all(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = await read_body(call.headers, receive)
        if body is None:
            return
        fields = call_module.read_object(body)
        file = await self._find(call, FILE, str(fields.get("input_file_id") or ""))
        if fields.get("endpoint") != file.endpoint:
            message = f"The file's requests are for {file.endpoint}."
            raise ApiError(400, "invalid_request", message, param="endpoint")
        await self._admit(call, file, body, fields)
        if call.responder is not None:
            await call.responder(send)
            return
        provider = provider_of(self._runtime, file.provider)
        await self._store.ready()
        batch = await ask(self._runtime, provider, "POST", "/batches", call.request_id, body=body)
        try:
            await self._store.add(booking.stored_batch(call, file, batch, file.endpoint))
        except ApiError:  # nobody could reach it or would pay for it
            await ask(self._runtime, provider, "POST", f"/batches/{safe(str(batch.get('id')))}/cancel", call.request_id)
            raise
        await _keep(call, orjson.dumps(batch))
        await send_object(send, call, batch)

    async def _admit(self, call: Call, file: Stored, body: bytes, fields: dict[str, Any]) -> None:
        """What a call of the same model would be asked, once for the whole batch."""
        call.endpoint = replace(ENDPOINTS[file.endpoint], path=self.root)
        call.body, call.model = body, file.model
        call.fields = {**fields, "model": file.model}
        for stage in self._runtime.stages[1:]:
            if getattr(stage, "__name__", "") in ADMISSION:
                result = stage(call, self._runtime)
                if result is not None:
                    await result
                if call.responder is not None:
                    return

    async def _get_all(self, call: Call, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """As the provider describes them now; as it last did, when they are over or it is away."""
        found, has_more = await self._list(call, BATCH, scope)
        said, is_away = [], False
        for one in found:
            content = one.content
            if not is_away and not (one.is_settled and one.status in TERMINAL):
                try:
                    content = await booking.refresh(self._runtime, self._store, one, call.request_id)
                except ApiError:
                    is_away = True  # the others would only take as long to fail
            said.append(content)
        await send_object(send, call, page_of(said, has_more=has_more))

    async def _get_one(self, call: Call, one: Stored, send: Send) -> None:
        await send_object(send, call, await booking.refresh(self._runtime, self._store, one, call.request_id))

    async def _post_cancel(self, call: Call, one: Stored, send: Send) -> None:
        provider = provider_of(self._runtime, one.provider)
        path = f"/batches/{safe(one.object_id)}/cancel"
        batch = await ask(self._runtime, provider, "POST", path, call.request_id)
        await booking.follow(self._runtime, self._store, one, provider, batch, call.request_id)
        await send_object(send, call, batch)
