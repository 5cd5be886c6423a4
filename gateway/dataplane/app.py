"""The data plane: a plain ASGI callable. No Django handler, middleware or ORM on the way of a call."""

import gc
import logging
import time
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings

from gateway.dataplane import call as call_module
from gateway.dataplane.call import Call
from gateway.dataplane.console import ConsoleRelay
from gateway.dataplane.eager import within
from gateway.dataplane.endpoints import ANTHROPIC_MESSAGES, ENDPOINTS, MIB, OPENAI_CHAT, Endpoint, unknown
from gateway.dataplane.errors import ApiError, Denied
from gateway.dataplane.metrics import count_error
from gateway.dataplane.models_list import models
from gateway.dataplane.protocols import Receive, Send
from gateway.dataplane.relay import Relay
from gateway.dataplane.runtime import Runtime
from gateway.dataplane.settle import deny
from gateway.ledger.spool import SpoolFullError

logger = logging.getLogger(__name__)
BODY_LIMIT_BYTES = 20 * MIB
DISCARD_LIMIT_BYTES = 256 * 1024 * 1024
SINGLE_HEADERS = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"content-length",
        b"content-type",
        b"x-request-id",
        b"x-gateway-route",
        b"idempotency-key",
    }
)
DATA_PLANE_PREFIXES = ("/v1/", "/otlp/")


def calm_collector() -> None:
    """Make cyclic garbage collection rare: what a call leaves behind is freed by counting, the snapshot stays.

    A full collection walks the price book and every key, and would stop all calls meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class DataPlane:
    """ASGI application; `runtime` exists between lifespan start and stop."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        self.console: ConsoleRelay | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if not await self._has_started(send):
                    return
            elif message["type"] == "lifespan.shutdown":
                if self.runtime is not None:
                    await self.runtime.drain()
                    await self.runtime.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _has_started(self, send: Send) -> bool:
        """A start that fails is said to the server, which ends the process, so that it is tried again: an exception
        would be taken for an application without a lifespan, and every call answered by 500."""
        try:
            self.runtime = Runtime()
            self.console = ConsoleRelay(self.runtime.client, str(settings.CONSOLE_SOCKET))
            await self.runtime.start()
        except Exception as error:
            logger.exception("the data plane cannot start")
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            return False
        calm_collector()
        await send({"type": "lifespan.startup.complete"})
        return True

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path = scope["path"]
        assert self.runtime is not None
        assert self.console is not None
        endpoint = ENDPOINTS.get(path)
        if endpoint is not None and scope["method"] == "POST":
            await self._model_call(endpoint, scope, receive, send)
        elif (mount := self.runtime.mounts.find(path)) is not None:
            await mount(scope, receive, send)
        elif path.startswith(DATA_PLANE_PREFIXES) or path == "/v1":
            await self._other(scope, path, send)
        elif path in ("/healthz", "/readyz"):
            await self._operations(path, send)
        else:
            await self.console(scope, receive, send)

    async def _model_call(self, endpoint: Endpoint, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        runtime = self.runtime
        assert runtime is not None
        headers = call_module.headers_of(scope["headers"])
        call = call_module.new_call(endpoint, headers, (scope.get("client") or ("", 0))[0])
        runtime.metrics.active += 1
        relay: Relay | None = None
        entered = ""
        try:
            refuse_repeated(scope["headers"])
            stranger = _stranger(call, runtime)
            if call.key is not None:
                entered = call.key.id
                runtime.running.enter(entered)
            body = await read_body(headers, receive, is_kept=stranger is None, limit=endpoint.body_limit_bytes)
            if body is None:
                return
            if stranger is not None:
                raise stranger
            _authenticate_first(call, runtime)  # again: the body may have taken longer than a revocation
            if endpoint.is_form:
                await call_module.parse_form(call, body)
            else:
                call_module.parse(call, body)
            await _pass_stages(call, runtime)
            if call.responder is not None:
                await call.responder(send)
                return
            relay = Relay(call, runtime, receive, send)
            await relay.run()
        except ApiError as error:
            await self._refuse(call, error, send)
        except Exception:
            logger.exception("call %s failed", call.request_id)
            failed = ApiError(500, "internal_error", "The gateway failed to handle the call.", kind="api_error")
            if relay is None or not relay.has_started:
                await answer_error(send, failed, call)
            else:
                count_error(failed)
        finally:
            runtime.metrics.active -= 1
            if entered:
                runtime.running.leave(entered)
            end(call)

    async def _refuse(self, call: Call, error: ApiError, send: Send) -> None:
        assert self.runtime is not None
        call.error = error
        if isinstance(error, Denied):
            try:
                deny(call, error.code, error.status, self.runtime)
            except SpoolFullError:
                logger.error("no room to record the denial of %s", call.request_id)
        await answer_error(send, error, call)

    async def _other(self, scope: dict[str, Any], path: str, send: Send) -> None:
        """`GET /v1/models`, `GET /v1/models/{id}`; anything else under /v1 is a clear 404 or 405."""
        runtime = self.runtime
        assert runtime is not None
        headers = call_module.headers_of(scope["headers"])
        is_anthropic = b"anthropic-version" in headers or path.startswith("/v1/messages")
        endpoint = unknown(path, ANTHROPIC_MESSAGES if is_anthropic else OPENAI_CHAT)
        call = call_module.new_call(endpoint, headers, "")
        try:
            if path in ENDPOINTS:
                raise ApiError(405, "method_not_allowed", f"{path} takes POST.", headers={"Allow": "POST"})
            if path != "/v1/models" and not path.startswith("/v1/models/"):
                raise ApiError(404, "unknown_url", f"Unknown request URL: {scope['method']} {path}.")
            if scope["method"] not in ("GET", "HEAD"):
                raise ApiError(405, "method_not_allowed", f"{path} takes GET.", headers={"Allow": "GET"})
            _authenticate_first(call, runtime)
            body = models(call, runtime, path.removeprefix("/v1/models").lstrip("/"))
            await answer(send, 200, body, call.request_id)
        except ApiError as error:
            await answer_error(send, error, call)

    async def _operations(self, path: str, send: Send) -> None:
        runtime = self.runtime
        assert runtime is not None
        if path == "/healthz":
            await answer(send, 200, b'{"status": "ok"}', "")
        else:
            state = {
                "status": "ready" if runtime.is_ready else "not ready",
                "snapshot_age_s": round(runtime.snapshot_age(), 3) if runtime.snapshot.version >= 0 else None,
                "spool_writable": runtime.spool.is_writable,
            }
            for service in runtime.services.values():
                state |= getattr(service, "readiness", dict)()
            await answer(send, 200 if runtime.is_ready else 503, orjson.dumps(state), "")


def _stranger(call: Call, runtime: Runtime) -> ApiError | None:
    """The refusal of a caller without a valid key: known before the body, of which nothing is kept then."""
    try:
        _authenticate_first(call, runtime)
    except ApiError as refusal:
        return refusal
    return None


def _authenticate_first(call: Call, runtime: Runtime) -> None:
    """Before the body is parsed: a stranger learns nothing from our parser."""
    runtime.stages[0](call, runtime)


async def _pass_stages(call: Call, runtime: Runtime) -> None:
    """The stages behind authentication, until one has an answer of its own."""
    for stage in runtime.stages[1:]:
        result = stage(call, runtime)
        if result is not None:
            await result
        if call.responder is not None:
            return


def end(call: Call) -> None:
    """What stages wanted done when the call is over: one that fails must not keep the others from it."""
    for finish in call.ended:
        try:
            finish()
        except Exception:
            logger.exception("the end of call %s failed", call.request_id)


def refuse_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    """Two different values of a header that decides something: readers on the way may disagree."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in SINGLE_HEADERS:
            if name in seen:
                raise ApiError(400, "duplicate_header", f"The header '{name.decode()}' was sent twice.")
            seen.add(name)


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, *, is_kept: bool = True, limit: int = BODY_LIMIT_BYTES
) -> bytes | None:
    """The request body; None when the client left. Raises 413 past the limit, 408 for a body that trickles in.

    What is not kept is read and thrown away, so that a client sees the answer and not a broken pipe; unless it is
    known before the first byte: the client waits for `100 Continue`, or announces more than is worth reading.
    """
    parts, size = [], 0
    announced = int(headers.get(b"content-length", b"0") or 0)
    waits = headers.get(b"expect", b"").lower() == b"100-continue"
    too_large = announced > limit
    if too_large and is_kept and (waits or announced > DISCARD_LIMIT_BYTES):
        raise _too_large(limit, is_unread=waits)
    if not is_kept and (waits or announced > DISCARD_LIMIT_BYTES):
        return b""
    deadline = time.monotonic() + settings.GATEWAY_BODY_TIMEOUT_S
    try:
        while True:
            message = await within(deadline - time.monotonic(), receive())
            if message["type"] == "http.disconnect":
                return None
            piece = message.get("body", b"")
            size += len(piece)
            too_large = too_large or size > limit
            if is_kept and not too_large:
                parts.append(piece)
            if not message.get("more_body", False) or size > DISCARD_LIMIT_BYTES:
                break
    except TimeoutError as error:
        raise ApiError(408, "request_timeout", "The request body did not arrive in time.",
                       headers={"Connection": "close"}) from error  # fmt: skip
    if too_large and is_kept:
        raise _too_large(limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int, *, is_unread: bool = False) -> ApiError:
    """`is_unread`: of the body nothing was sent, so that the connection can end with the answer."""
    headers = {"Connection": "close"} if is_unread else None
    return ApiError(413, "request_too_large", f"The request body is larger than {limit // MIB} MiB.", headers=headers)


async def answer(send: Send, status: int, body: bytes, request_id: str, kind: bytes = b"application/json") -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if request_id:
        headers.append((b"x-request-id", request_id.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: ApiError, call: Call) -> None:
    """An error in the client's wire format."""
    count_error(error)
    body = error.body(call.endpoint.dialect)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"x-request-id", call.request_id.encode()))
    if call.endpoint.is_anthropic:
        headers.append((b"request-id", call.request_id.encode()))  # where Anthropic's clients look for it
    headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in error.headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers + call.response_headers})
    await send({"type": "http.response.body", "body": body})
