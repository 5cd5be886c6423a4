"""Attempts: send a call to its targets in order, relay the answer, settle each attempt before its last byte leaves."""

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from gateway.dataplane import failures, usage
from gateway.dataplane.adapters.outbound import Outbound, Watcher
from gateway.dataplane.call import Call
from gateway.dataplane.clientside import ClientSide
from gateway.dataplane.connection import Exchange
from gateway.dataplane.errors import ApiError, Denied, UpstreamError
from gateway.dataplane.failures import Failure
from gateway.dataplane.protocols import Line, Message, Receive, Send
from gateway.dataplane.settle import Attempt, Outcome, begin, settle
from gateway.dataplane.views import Target
from gateway.ledger.spool import SpoolFullError

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
ERROR_LIMIT_BYTES = 1024 * 1024
PASSED_HEADERS = frozenset({b"content-type", b"openai-processing-ms", b"openai-version"})
STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
CLIENT_GONE = "client_gone"


class Relay:
    """One call's way through its targets."""

    def __init__(self, call: Call, runtime: "Runtime", receive: Receive, send: Send) -> None:
        self.call = call
        self.runtime = runtime
        self.receive = receive
        self.send = send
        self.targets: list[tuple[Target, Outbound]] = []
        self.stale_retries = 1
        self.exchange: Exchange | None = None
        self.is_client_gone = False
        self.has_started = False
        self.client = ClientSide(call)
        self._watch: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer the client, or raise `ApiError` when no target could and nothing was sent yet."""
        self.targets = prepared(self.call, self.runtime)
        if self.call.is_stream:
            self._watch = asyncio.get_running_loop().create_task(self._watch_client())
        try:
            failure = None
            while self.targets and not self.is_client_gone:
                failure = await self._try(*self.targets.pop(0))
                if failure is None:
                    return
            if failure is not None and not self.is_client_gone:
                raise failure.error
        finally:
            if self._watch is not None:
                self._watch.cancel()

    async def _watch_client(self) -> None:
        """A stream's client that leaves ends the upstream exchange: nobody pays for tokens nobody reads."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        if any(is_wanted() for is_wanted in self.call.keep_going):
            self.send = _nowhere
            return
        self.is_client_gone = True
        if self.exchange is not None:
            self.exchange.abort(UpstreamError(CLIENT_GONE, "the client closed the connection"))

    async def _try(self, target: Target, outbound: Outbound) -> Failure | None:
        """One attempt; None when the client has its answer, else the failure that stands if no other target helps."""
        attempt = self._begin(target)
        try:
            await self._exchange(outbound.request(attempt.id), target)
            assert self.exchange is not None
            if self.exchange.status >= 300:
                return self._fail(attempt, await self._refusal(target, outbound))
            if self.call.is_stream and b"event-stream" in (self.exchange.header(b"content-type") or b""):
                await self._stream(attempt, outbound)
            else:
                await self._answer(attempt, outbound)
            return None
        except UpstreamError as error:
            if error.reason == CLIENT_GONE:
                self._settle_gone(attempt)
                return None
            if error.reason == "stale_connection" and self.stale_retries:
                self.stale_retries -= 1
                self.targets.insert(0, (target, outbound))  # the provider closed an idle connection: once more, fresh
            return self._fail(attempt, failures.of_exception(error))
        except Exception:
            if not attempt.is_settled:  # a defect of ours must not leave the attempt open until the process ends
                self._fail(attempt, failures.of_exception(UpstreamError("internal_error", "the gateway failed")))
            raise
        finally:
            if self.exchange is not None:
                self.exchange.release()
                self.exchange = None

    def _begin(self, target: Target) -> Attempt:
        try:
            return begin(self.call, target, self.runtime)
        except SpoolFullError as error:
            raise ApiError(503, "ledger_unavailable", "The gateway cannot record calls right now.", kind="api_error",
                           headers={"Retry-After": "5"}) from error  # fmt: skip

    async def _exchange(self, request: bytes, target: Target) -> None:
        provider = target.provider
        self.exchange = await self.runtime.client.pool(provider.origin).start(request, provider.timeouts)
        if self.is_client_gone:
            raise UpstreamError(CLIENT_GONE, "the client closed the connection")
        await self.exchange.head()

    # ---- failures ----------------------------------------------------------------------------------------------
    async def _refusal(self, target: Target, outbound: Outbound) -> Failure:
        assert self.exchange is not None
        body = await self.exchange.read(ERROR_LIMIT_BYTES)
        retry_after = self.exchange.header(b"retry-after")
        credential = target.provider.credential
        return failures.of_status(self.exchange.status, body, retry_after, credential, outbound.refusal)

    def _fail(self, attempt: Attempt, failure: Failure) -> Failure:
        """Settle a failed attempt; it is the request's outcome when nothing is left to try."""
        if not failure.retryable:
            self.targets.clear()
        outcome = Outcome(failure.status, failure.http_status, failure.reason, is_final=not self.targets)
        outcome.usage = self._consumed(attempt) if failure.may_have_consumed else None
        settle(attempt, outcome, self.runtime)
        return failure

    def _settle_gone(self, attempt: Attempt) -> None:
        settle(attempt, Outcome("cancelled", None, CLIENT_GONE, self._consumed(attempt)), self.runtime)

    def _consumed(self, attempt: Attempt) -> usage.Usage:
        """Of an attempt without a usable answer: what arrived, else the request alone."""
        return attempt.broken or usage.Usage({"input_tokens": usage.guessed(self.call)["input_tokens"]}, "estimated")

    # ---- whole answers -----------------------------------------------------------------------------------------
    async def _answer(self, attempt: Attempt, outbound: Outbound) -> None:
        assert self.exchange is not None
        exchange = self.exchange
        try:
            answer = outbound.answer(await exchange.read(ANSWER_LIMIT_BYTES))
        except UpstreamError as error:
            attempt.broken = await usage.estimated_of_cut(self.call, attempt.target.upstream_name, error.received)
            raise
        used = answer.usage
        if used is None:
            used = await asyncio.to_thread(usage.counted, self.call, attempt.target.upstream_name, answer.texts)
        outcome = Outcome("ok", exchange.status, usage=used, finish_reason=answer.finish_reason)
        outcome.tool_calls = answer.tool_calls
        try:
            body = self.client.whole(answer.body)
        except Denied as denied:  # the provider did its work, so it is paid for; the client gets the refusal
            settle(attempt, _forbidden(outcome, denied), self.runtime)
            raise denied.after_settlement() from denied
        line = settle(attempt, outcome, self.runtime)
        self.client.finished(outcome, line)
        headers = [header for header in exchange.headers if header[0] in PASSED_HEADERS]
        headers += self._gateway_headers(attempt, outbound)
        if line["cost"] is not None:
            headers.append((b"x-gateway-cost", line["cost"].encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        self.has_started = True
        await self.send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _gateway_headers(self, attempt: Attempt, outbound: Outbound) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"x-request-id", self.call.request_id.encode()),
            (b"x-gateway-provider", attempt.target.provider.slug.encode()),
            (b"x-gateway-model", attempt.target.name.encode("utf-8")),
            (b"x-gateway-cache", (self.call.cache_status or "bypass").encode()),
            (b"x-gateway-attempts", str(self.call.attempts).encode()),
            *self.call.response_headers,
        ]
        if outbound.dropped:
            headers.append((b"x-gateway-dropped", ",".join(outbound.dropped).encode("ascii", "replace")))
        return headers

    # ---- streams -----------------------------------------------------------------------------------------------
    async def _stream(self, attempt: Attempt, outbound: Outbound) -> None:
        assert self.exchange is not None
        watcher = outbound.watcher()
        headers = STREAM_HEADERS + self._gateway_headers(attempt, outbound)
        self.has_started = True
        await self.send({"type": "http.response.start", "status": self.exchange.status, "headers": headers})
        first_byte, error, denied, rest = None, None, None, b""
        try:
            while piece := await self.exchange.next_piece():
                out = self.client.feed(watcher.feed(piece))
                if out:
                    first_byte = first_byte or time.perf_counter()
                    await self.send({"type": "http.response.body", "body": out, "more_body": True})
            rest = self.client.finish(watcher.finish())
        except UpstreamError as caught:
            error = caught
            rest, denied = self._rest_of_broken(watcher)
        except Denied as caught:
            denied = caught
        outcome = await self._stream_outcome(watcher, attempt, error)
        if denied is not None:
            outcome = _forbidden(outcome, denied)
        outcome.first_byte_clock = first_byte
        line = settle(attempt, outcome, self.runtime)
        self.client.finished(outcome, line)
        if not self.is_client_gone:
            closing = rest + _closing(line, outcome, denied, self.call) + watcher.tail
            await self.send({"type": "http.response.body", "body": closing})

    def _rest_of_broken(self, watcher: Watcher) -> tuple[bytes, Denied | None]:
        """What the filters still held when the upstream broke off."""
        try:
            return self.client.finish(watcher.finish()), None
        except Denied as denied:
            return b"", denied

    async def _stream_outcome(self, watcher: Watcher, attempt: Attempt, error: UpstreamError | None) -> Outcome:
        status, reason = "ok", None
        finish = watcher.finish_reason()
        if error is not None:
            failure = failures.of_exception(error)
            status, reason = failure.status, failure.reason
            if reason == CLIENT_GONE:
                status = "cancelled"
        elif watcher.has_error:
            status, reason = "upstream_error", "stream_error"
        elif not watcher.is_done and finish is None:
            status, reason = "upstream_error", "incomplete_stream"
        used = watcher.usage()
        if used is None:
            used = await asyncio.to_thread(usage.counted, self.call, attempt.target.upstream_name, watcher.texts())
            if status != "ok":  # what arrived is counted; what the provider generated beyond it is unknown
                used = usage.Usage(used.tokens, "estimated")
        return Outcome(status, 200, reason, used, finish_reason=finish, tool_calls=watcher.tool_calls())


def prepared(call: Call, runtime: "Runtime") -> list[tuple[Target, Outbound]]:
    """The call's targets in order, without those that cannot express it. Raises the first one's reason if none can."""
    found: list[tuple[Target, Outbound]] = []
    refusal: ApiError | None = None
    for target in call.targets:
        adapter = runtime.adapters.get(target.provider.kind)
        try:
            if adapter is None:
                message = f"Providers of kind '{target.provider.kind}' cannot serve this endpoint."
                raise ApiError(501, "not_supported", message, kind="api_error")
            found.append((target, adapter.prepare(call, target)))
        except ApiError as error:
            refusal = refusal or error
    if refusal is not None and not found:
        raise refusal
    return found


async def _nowhere(message: Message) -> None:
    """Where the rest of a stream goes that only others still wait for."""


def _forbidden(outcome: Outcome, denied: Denied) -> Outcome:
    """The same consumption, ended by a refusal of ours."""
    return replace(outcome, status="denied", http_status=denied.status, error_type=denied.code)


def _closing(line: Line, outcome: Outcome, denied: Denied | None, call: Call) -> bytes:
    """An error event when the stream broke or was refused, then the comment with cost and request id."""
    parts = b""
    error: ApiError | None = denied
    if denied is None and outcome.status not in ("ok", "cancelled") and outcome.error_type != "stream_error":
        message = f"The provider's stream ended early ({outcome.error_type})."
        error = ApiError(502, "stream_interrupted", message, kind="upstream_error")
    if error is not None:
        parts = error.event(call.endpoint.dialect)
    note = orjson.dumps({"cost": line["cost"], "request_id": call.request_id})
    return parts + b": gateway " + note + b"\n\n"
