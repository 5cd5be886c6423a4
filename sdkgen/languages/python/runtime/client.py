"""The blocking client and the asynchronous one, without the resources that the generated code hangs on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import errors
from .core import Op, Read, Send, Settings, Sleep, answer_of, exchange, prepare
from .meta import GatewayInfo
from .options import Timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    from .options import Retry
    from .pages import AsyncPage, AsyncPages, Page
    from .stream import AsyncStream, Stream


class Defaults:
    """What the generated code says of itself."""

    def __init__(
        self,
        *,
        base_url: str,
        timeouts: Timeouts,
        max_retries: int,
        headers: Mapping[str, str],
        version: str,
        spec: str,
    ) -> None:
        self.base_url = base_url
        self.timeouts = timeouts
        self.max_retries = max_retries
        self.headers = headers
        self.version = version
        self.spec = spec


class _Base:
    """`api_key` is a virtual key and `management_key` one of the management API; without them the environment's
    `GATEWAY_API_KEY` and `GATEWAY_MANAGEMENT_KEY`. `base_url`: else `GATEWAY_BASE_URL`. `telemetry=False`, or
    `GATEWAY_SDK_TELEMETRY=0`, sends no `X-Gateway-SDK`. `GATEWAY_LOG=debug` logs every call, without keys and
    contents."""

    _defaults: Defaults
    _codes: Mapping[str, type[errors.APIError]]
    _types: str

    def __init__(
        self,
        *,
        api_key: str | None = None,
        management_key: str | None = None,
        base_url: str | None = None,
        timeouts: Timeouts | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        organization: str | None = None,
        telemetry: bool | None = None,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        on_retry: Callable[[Retry], None] | None = None,
        transport: Any = None,
    ) -> None:
        said = self._defaults
        key = api_key or os.environ.get("GATEWAY_API_KEY") or None
        self.settings = Settings(
            api_key=key,
            management_key=management_key or os.environ.get("GATEWAY_MANAGEMENT_KEY") or None,
            base_url=base_url or os.environ.get("GATEWAY_BASE_URL") or said.base_url,
            timeouts=timeouts or said.timeouts,
            max_retries=said.max_retries if max_retries is None else max_retries,
            headers={name.lower(): value for name, value in {**said.headers, **(headers or {})}.items()},
            telemetry=_telemetry(said) if _wanted(telemetry) else None,
            codes=self._codes,
            types=self._types,
            organization=organization or os.environ.get("GATEWAY_ORGANIZATION") or None,
            on_retry=on_retry,
        )
        self._proxy, self._ssl, self._transport = proxy, ssl_context, transport
        if os.environ.get("GATEWAY_LOG"):
            self.settings.log = _logger()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            from .resource import place

            return place(self, name, self, f"{__package__.rpartition('.')[0]}.resources.")

        def __dir__(self) -> list[str]:
            return [*super().__dir__(), *type(self).__annotations__]


def _wanted(said: bool | None) -> bool:
    return said if said is not None else os.environ.get("GATEWAY_SDK_TELEMETRY", "1") not in ("0", "false", "off")


def _telemetry(said: Defaults) -> str:
    """`python/1.0.0; rt=cpython-3.11; os=linux; spec=ab12cd34ef56`: nothing of the person, the machine or the call."""
    import sys

    runtime = f"{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}"
    return f"python/{said.version}; rt={runtime}; os={sys.platform}; spec={said.spec}"


def _logger() -> Callable[[str], None]:
    import logging

    logger = logging.getLogger("llm_gateway")
    if os.environ.get("GATEWAY_LOG", "").lower() == "debug":
        logging.basicConfig()
        logger.setLevel(logging.DEBUG)
    return logger.debug


class Client(_Base):
    """Blocking. Safe for threads; close it, or use it in a `with` block."""

    def call(self, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> Any:
        request, options = prepare(self.settings, op, args, params)
        reply, content = self._run(exchange(self.settings, request, options, streamed=False))
        return answer_of(self.settings, op, reply, content)

    def stream(self, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> Stream[Any, Any]:
        from .stream import Stream

        request, options = prepare(self.settings, op, args, params, streamed=True)
        reply, _ = self._run(exchange(self.settings, request, options, streamed=True))
        return Stream(self.settings, op, reply)

    def page(self, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> Page[Any]:
        from .pages import Page

        request, options = prepare(self.settings, op, args, params)
        reply, content = self._run(exchange(self.settings, request, options, streamed=False))
        info = GatewayInfo(reply.status, reply.headers, content, reply.retries)
        return Page(self, op, args, params, _object(content), info)

    def request(self, http: str, path: str, body: Any = None, *, management: bool = False, **options: Any) -> Any:
        """An operation that this package does not know: the JSON of its answer. `options` are `RequestOptions`."""
        op = Op(http.upper(), path, body="raw" if body is not None else "", answer="Any", management=management)
        params = {"request_options": options, **({"body": body} if body is not None else {})}
        return self.call(op, (), params)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self, steps: Any) -> Any:
        """Do what the exchange asks for."""
        transport = self._transport
        if transport is None:
            from .transport import Transport

            transport = self._transport = Transport(self.settings.base_url, proxy=self._proxy, ssl_context=self._ssl)
        outcome: Any = None
        failure: BaseException | None = None
        try:
            while True:
                step = steps.send(outcome) if failure is None else steps.throw(failure)
                outcome = failure = None
                try:
                    if isinstance(step, Send):
                        outcome = transport.send(step.request)
                    elif isinstance(step, Read):
                        outcome = step.reply.body.read()
                    elif isinstance(step, Sleep):
                        self._sleep(step.seconds, step.cancel)
                except errors.GatewayError as error:
                    failure = error
        except StopIteration as done:
            return done.value

    def _sleep(self, seconds: float, cancel: Any) -> None:
        from .transport import pause

        pause(seconds, cancel)


class AsyncClient(_Base):
    """Asynchronous. `transport` is one of `aio`: that of httpx when it is installed, of the browser in Pyodide, else
    threads that run the blocking one."""

    async def call(self, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> Any:
        request, options = prepare(self.settings, op, args, params)
        reply, content = await self._run(exchange(self.settings, request, options, streamed=False))
        return answer_of(self.settings, op, reply, content)

    async def stream(self, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> AsyncStream[Any, Any]:
        from .stream import AsyncStream

        request, options = prepare(self.settings, op, args, params, streamed=True)
        reply, _ = await self._run(exchange(self.settings, request, options, streamed=True))
        return AsyncStream(self.settings, op, reply)

    def page(self, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> AsyncPages[Any]:
        from .pages import AsyncPages

        return AsyncPages(self, op, args, params)

    async def fetch_page(self, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> AsyncPage[Any]:
        from .pages import AsyncPage

        request, options = prepare(self.settings, op, args, params)
        reply, content = await self._run(exchange(self.settings, request, options, streamed=False))
        info = GatewayInfo(reply.status, reply.headers, content, reply.retries)
        return AsyncPage(self, op, args, params, _object(content), info)

    async def request(self, http: str, path: str, body: Any = None, *, management: bool = False, **options: Any) -> Any:
        op = Op(http.upper(), path, body="raw" if body is not None else "", answer="Any", management=management)
        params = {"request_options": options, **({"body": body} if body is not None else {})}
        return await self.call(op, (), params)

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.close()

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _run(self, steps: Any) -> Any:
        transport = self._transport
        if transport is None:
            from .aio import default_transport

            transport = self._transport = default_transport(self.settings.base_url, self._proxy, self._ssl)
        outcome: Any = None
        failure: BaseException | None = None
        try:
            while True:
                step = steps.send(outcome) if failure is None else steps.throw(failure)
                outcome = failure = None
                try:
                    if isinstance(step, Send):
                        outcome = await transport.send(step.request)
                    elif isinstance(step, Read):
                        outcome = await step.reply.body.read()
                    elif isinstance(step, Sleep):
                        await self._sleep(step.seconds, step.cancel)
                except errors.GatewayError as error:
                    failure = error
        except StopIteration as done:
            return done.value
        except BaseException:
            steps.close()
            raise

    async def _sleep(self, seconds: float, cancel: Any) -> None:
        from .aio import pause

        await pause(seconds, cancel)


def _object(content: bytes) -> dict[str, Any]:
    import json

    try:
        raw = json.loads(content)
    except ValueError as error:
        raise errors.DecodeError(f"the answer is no JSON: {error}") from error
    if not isinstance(raw, dict):
        raise errors.DecodeError("the answer is no page")
    return raw
