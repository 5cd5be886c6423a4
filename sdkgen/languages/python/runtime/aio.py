"""Transports of the asynchronous client. Each has `send(request)`, which answers with a `Reply` whose body has
`pieces()`, `read()` and `close()`, and `close()`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from . import errors
from .core import Reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from .core import Request


def default_transport(base_url: str, proxy: str | None, ssl_context: ssl.SSLContext | None) -> Any:
    """The browser's in Pyodide, that of httpx when it is installed, else threads."""
    import importlib.util
    import sys

    if sys.platform == "emscripten":
        return FetchTransport(base_url)
    for name in ("httpx", "httpx2"):
        if importlib.util.find_spec(name) is not None:
            return HttpxTransport(base_url, proxy=proxy, ssl_context=ssl_context, module=name)
    return ThreadTransport(base_url, proxy=proxy, ssl_context=ssl_context)


async def pause(seconds: float, cancel: Any) -> None:
    """Raises Cancelled as soon as the call is."""
    if cancel is None:
        await asyncio.sleep(seconds)
        return
    loop, awakened = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(awakened.set)

    cancel.watch(wake)
    try:
        await asyncio.wait_for(awakened.wait(), seconds)
    except TimeoutError:
        return
    finally:
        cancel.unwatch(wake)
    raise errors.Cancelled("the call was cancelled")


class ThreadTransport:
    """The blocking transport, in threads: no package is needed. A task that is cancelled breaks its connection."""

    def __init__(self, base_url: str, *, proxy: str | None = None, ssl_context: ssl.SSLContext | None = None) -> None:
        from .transport import Transport

        self._inner = Transport(base_url, proxy=proxy, ssl_context=ssl_context)

    async def send(self, request: Request) -> Reply:
        from .options import Cancel

        if request.cancel is None:
            request = request._replace(cancel=Cancel())
        assert request.cancel is not None
        try:
            reply = await asyncio.to_thread(self._inner.send, request)
        except asyncio.CancelledError:
            request.cancel.cancel()
            raise
        return Reply(reply.status, reply.headers, _ThreadBody(reply.body, request.cancel))

    async def close(self) -> None:
        self._inner.close()


class _ThreadBody:
    def __init__(self, inner: Any, cancel: Any) -> None:
        self._inner, self._cancel = inner, cancel

    async def pieces(self) -> AsyncIterator[bytes]:
        pieces = self._inner.pieces()
        while (piece := await self._guarded(next, pieces, b"")) != b"":
            yield piece

    async def read(self) -> bytes:
        content: bytes = await self._guarded(self._inner.read)
        return content

    async def close(self) -> None:
        await asyncio.to_thread(self._inner.close)

    async def _guarded(self, function: Any, *args: Any) -> Any:
        try:
            return await asyncio.to_thread(function, *args)
        except asyncio.CancelledError:
            self._cancel.cancel()
            raise


class HttpxTransport:
    """httpx (or its successor httpx2)."""

    def __init__(
        self,
        base_url: str,
        *,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        module: str = "httpx",
    ) -> None:
        import importlib

        self._httpx: Any = importlib.import_module(module)
        self._base = base_url.rstrip("/")
        verify: Any = True if ssl_context is None else ssl_context
        self._client = self._httpx.AsyncClient(proxy=proxy, verify=verify)

    async def send(self, request: Request) -> Reply:
        waits, loop = request.timeouts, asyncio.get_running_loop()
        left = max(0.001, request.deadline - _now())
        timeout = self._httpx.Timeout(min(waits.idle, left), connect=min(waits.connect, left))
        headers = {**request.headers, "accept-encoding": "identity"}
        body: Any = request.body
        if body is not None and not isinstance(body, bytes):
            if body.length is not None:
                headers["content-length"] = str(body.length)
            body = _async_pieces(body)
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        made = self._client.build_request(
            request.http, self._base + request.path, headers=encoded, content=body, timeout=timeout
        )
        sending = loop.create_task(self._client.send(made, stream=True))
        watch = _Watch(request.cancel, sending)
        try:
            response = await asyncio.wait_for(sending, min(waits.first_byte + waits.connect, left))
        except TimeoutError as error:
            is_total = _now() >= request.deadline
            seconds = waits.total if is_total else waits.first_byte
            raise errors.TimedOut("total" if is_total else "first_byte", seconds) from error
        except asyncio.CancelledError:
            watch.refuse()
            raise
        except self._httpx.ConnectTimeout as error:
            raise errors.TimedOut("connect", waits.connect, sent=False) from error
        except self._httpx.ConnectError as error:
            raise errors.ConnectionFailed(f"no connection: {error}", sent=False) from error
        except self._httpx.TimeoutException as error:
            raise errors.TimedOut("idle", waits.idle) from error
        except self._httpx.HTTPError as error:
            raise errors.ConnectionFailed(f"the connection broke: {error}") from error
        finally:
            watch.release()
        headers_in = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers_in, _HttpxBody(self._httpx, response, request))

    async def close(self) -> None:
        await self._client.aclose()


class _HttpxBody:
    def __init__(self, httpx: Any, response: Any, request: Request) -> None:
        self._httpx, self._response, self._request = httpx, response, request

    async def pieces(self) -> AsyncIterator[bytes]:
        waits = self._request.timeouts
        pieces = self._response.aiter_bytes().__aiter__()
        while True:
            left = self._request.deadline - _now()
            reading = asyncio.ensure_future(_next(pieces))
            watch = _Watch(self._request.cancel, reading)
            try:
                piece = await asyncio.wait_for(reading, max(0.001, min(waits.idle, left)))
            except (TimeoutError, self._httpx.TimeoutException) as error:
                await self.close()
                phase = "total" if _now() >= self._request.deadline else "idle"
                raise errors.TimedOut(phase, getattr(waits, phase)) from error
            except asyncio.CancelledError:
                watch.refuse()
                raise
            except self._httpx.HTTPError as error:
                await self.close()
                raise errors.ConnectionFailed(f"the answer broke off: {error}") from error
            finally:
                watch.release()
            if piece is None:
                return
            if piece:
                yield piece

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def close(self) -> None:
        await self._response.aclose()


class FetchTransport:
    """The browser's `fetch`, in Pyodide. Connections, proxies and certificates are the browser's business."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url.rstrip("/")

    async def send(self, request: Request) -> Reply:
        from pyodide.http import pyfetch  # type: ignore[import-not-found]

        body = request.body
        if body is not None and not isinstance(body, bytes):
            body = b"".join(body)
        said = {"method": request.http, "headers": request.headers, **({"body": body} if body is not None else {})}
        wait = max(0.001, min(request.timeouts.first_byte, request.deadline - _now()))
        try:
            response = await asyncio.wait_for(pyfetch(self._base + request.path, **said), wait)
        except TimeoutError as error:
            raise errors.TimedOut("first_byte", request.timeouts.first_byte) from error
        except OSError as error:
            raise errors.ConnectionFailed(f"the browser could not fetch: {error}") from error
        headers = {name.lower(): value for name, value in dict(response.headers).items()}
        return Reply(response.status, headers, _FetchBody(response, request))

    async def close(self) -> None:
        return


class _FetchBody:
    def __init__(self, response: Any, request: Request) -> None:
        self._reader, self._request = response.js_response.body.getReader(), request

    async def pieces(self) -> AsyncIterator[bytes]:
        while True:
            if self._request.cancel is not None and self._request.cancel.is_set:
                await self.close()
                raise errors.Cancelled("the call was cancelled")
            try:
                read = await asyncio.wait_for(self._reader.read(), self._request.timeouts.idle)
            except TimeoutError as error:
                await self.close()
                raise errors.TimedOut("idle", self._request.timeouts.idle) from error
            except OSError as error:
                raise errors.ConnectionFailed(f"the answer broke off: {error}") from error
            if read.done:
                return
            yield bytes(read.value.to_bytes())

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def close(self) -> None:
        await self._reader.cancel()


class _Watch:
    """Ends a task when the call is cancelled, and tells that from a task that its owner cancelled."""

    def __init__(self, cancel: Any, task: Any) -> None:
        self._cancel, self._task, self._loop = cancel, task, asyncio.get_running_loop()
        if cancel is not None:
            cancel.watch(self._stop)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)

    def refuse(self) -> None:
        if self._cancel is not None and self._cancel.is_set:
            raise errors.Cancelled("the call was cancelled")

    def release(self) -> None:
        if self._cancel is not None:
            self._cancel.unwatch(self._stop)


async def _next(pieces: Any) -> bytes | None:
    try:
        piece: bytes = await pieces.__anext__()
    except StopAsyncIteration:
        return None
    return piece


async def _async_pieces(body: Any) -> AsyncIterator[bytes]:
    for piece in body:
        yield piece


def _now() -> float:
    import time

    return time.monotonic()
