"""Attempts: send a call to its targets in order, relay the answer, settle each attempt before its last byte leaves."""

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from gateway.dataplane import failures, usage
from gateway.dataplane.adapters.internal import Internal
from gateway.dataplane.adapters.outbound import Watcher
from gateway.dataplane.call import Call
from gateway.dataplane.clientside import ClientSide, seal
from gateway.dataplane.connection import Exchange
from gateway.dataplane.errors import TIMEOUT_REASONS, ApiError, Denied, UpstreamError
from gateway.dataplane.failures import Failure
from gateway.dataplane.hedging import Race
from gateway.dataplane.plan import Plan, Step
from gateway.dataplane.protocols import Line, Message, Receive, Send
from gateway.dataplane.settle import Attempt, Outcome, abandon, begin, settle
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
FILE_HEADERS = PASSED_HEADERS | {b"content-length"}
CLIENT_GONE = "client_gone"


class Relay:
    """One call's way through its targets."""

    def __init__(self, call: Call, runtime: "Runtime", receive: Receive, send: Send) -> None:
        self.call = call
        self.runtime = runtime
        self.receive = receive
        self.send = send
        self.plan = Plan(call, runtime)
        self.following: Step | None = None
        self.open: list[Attempt] = []
        self.is_client_gone = False
        self.has_started = False
        self.client = ClientSide(call)
        self._watch: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer the client, or raise `ApiError` when no target could and nothing was sent yet."""
        step = self.plan.first()
        if self.call.is_stream or self.call.endpoint.is_binary:
            self._watch = asyncio.get_running_loop().create_task(self._watch_client())
        try:
            while (failure := await self._try(step)) is not None:
                if self.following is None:
                    if self.is_client_gone:
                        return
                    raise failure.error
                step = self.following
                if step.delay_s:
                    await asyncio.sleep(step.delay_s)
                if self.is_client_gone:
                    abandon(self.call, self.runtime)
                    return
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
        for attempt in self.open:
            if attempt.exchange is not None:
                attempt.exchange.abort(UpstreamError(CLIENT_GONE, "the client closed the connection"))

    async def _try(self, step: Step) -> Failure | None:
        """One attempt, or two side by side; None when the client has its answer, else the failure that stands if
        nothing follows."""
        attempt = self.begin(step)
        try:
            hedge_after_s = self.call.policy.hedge_after_s
            if hedge_after_s is None:
                await self.ask(attempt)
            else:
                attempt, failed = await Race(self, attempt, hedge_after_s).run()
                if failed is not None:
                    raise failed
            exchange = attempt.exchange
            assert exchange is not None
            if exchange.status >= 300:
                return self.fail(attempt, await self.refusal(attempt))
            if self.call.is_stream and _is_event_stream(exchange):
                await self._stream(attempt, exchange, attempt.outbound.watcher())
            elif self.call.endpoint.is_binary:
                await self._stream(attempt, exchange, attempt.outbound.raw_watcher())
            else:
                await self._answer(attempt, exchange)
            return None
        except UpstreamError as error:
            if error.reason == CLIENT_GONE:
                self.settle_unanswered(attempt, "cancelled", CLIENT_GONE)
                return None
            return self.fail(attempt, self.failure_of(error))
        except BaseException as error:
            if not attempt.is_settled:  # must not stay open until the process ends
                self._give_up(attempt, error)
            raise
        finally:
            self.release(attempt)

    def begin(self, step: Step) -> Attempt:
        """Journal an attempt. Raises `ApiError` when it cannot be."""
        try:
            attempt = begin(self.call, step, self.runtime)
        except SpoolFullError as error:
            raise ApiError(503, "ledger_unavailable", "The gateway cannot record calls right now.", kind="api_error",
                           headers={"Retry-After": "5"}) from error  # fmt: skip
        self.open.append(attempt)
        return attempt

    async def ask(self, attempt: Attempt) -> None:
        """Send the request and wait for the head of the answer. Raises `UpstreamError`."""
        outbound = attempt.outbound
        exchange = await (outbound.perform(attempt.id) if isinstance(outbound, Internal) else self._send(attempt))
        attempt.exchange = exchange
        if self.is_client_gone:
            raise UpstreamError(CLIENT_GONE, "the client closed the connection")
        await exchange.head()
        if exchange.status < 300:
            attempt.deployment.breaker.answered(attempt.epoch)

    async def _send(self, attempt: Attempt) -> Exchange:
        target = attempt.target
        request = attempt.outbound.request(attempt.id)
        if self.call.trace is not None:
            request = self.call.trace.inject(request, attempt.id)
        pool = self.runtime.client.pool(target.provider.origin)
        return await pool.start(request, self.plan.timeouts(target))

    def release(self, attempt: Attempt) -> None:
        """The attempt is over: its connection goes back to the pool, or is closed."""
        if attempt in self.open:
            self.open.remove(attempt)
        if attempt.exchange is not None:
            attempt.exchange.release()

    # ---- failures ----------------------------------------------------------------------------------------------
    async def refusal(self, attempt: Attempt) -> Failure:
        """What an answer of status 300 and above means. Raises `UpstreamError` when it breaks off."""
        exchange = attempt.exchange
        assert exchange is not None
        body = await exchange.read(ERROR_LIMIT_BYTES)
        outbound, credential = attempt.outbound, attempt.target.provider.credential
        status, retry_after = outbound.judged(exchange.status, exchange.header(b"retry-after"), body)
        failure = failures.of_status(status, body, retry_after, credential, outbound.refusal)
        return failure if status == exchange.status else replace(failure, http_status=exchange.status)

    def failure_of(self, error: UpstreamError) -> Failure:
        if error.reason in TIMEOUT_REASONS and self.plan.is_overdue:
            return failures.of_deadline()
        return failures.of_exception(error)

    def fail(self, attempt: Attempt, failure: Failure, *, is_last: bool = True) -> Failure:
        """Settle a failed attempt; it is the request's outcome when nothing follows and none runs beside it."""
        self.following = None
        if is_last and not self.is_client_gone:
            self.following = self.plan.after(attempt.step, failure)
        is_final = is_last and self.following is None
        outcome = Outcome(failure.status, failure.http_status, failure.reason, is_final=is_final)
        outcome.usage = self._consumed(attempt) if failure.may_have_consumed else None
        settle(attempt, outcome, self.runtime)
        return failure

    def settle_unanswered(self, attempt: Attempt, status: str, reason: str, *, is_final: bool = True) -> None:
        """An attempt that was ended from our side. What was sent may be billed, so it is estimated."""
        used = self._consumed(attempt) if attempt.exchange is not None else None
        settle(attempt, Outcome(status, None, reason, used, is_final=is_final), self.runtime)

    def _give_up(self, attempt: Attempt, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):  # the process stops, and its time for running calls is over
            self.settle_unanswered(attempt, "interrupted", "shutdown")
        else:  # a defect of ours
            self.plan.stop()
            self.fail(attempt, failures.of_exception(UpstreamError("internal_error", "the gateway failed")))

    def _consumed(self, attempt: Attempt) -> usage.Usage:
        """Of an attempt without a usable answer: what arrived, else the request alone."""
        return attempt.broken or usage.of_request(self.call)

    # ---- whole answers -----------------------------------------------------------------------------------------
    async def _answer(self, attempt: Attempt, exchange: Exchange) -> None:
        try:
            answer = attempt.outbound.answer(await exchange.read(ANSWER_LIMIT_BYTES))
        except UpstreamError as error:
            attempt.broken = await usage.estimated_of_cut(self.call, attempt.target.upstream_name, error.received)
            raise
        used = answer.usage
        if used is None:
            used = await asyncio.to_thread(usage.counted, self.call, attempt.target.upstream_name, answer.texts)
            if answer.with_usage is not None:
                answer.body = answer.with_usage(used)
        outcome = Outcome("ok", exchange.status, usage=used, finish_reason=answer.finish_reason)
        outcome.tool_calls = answer.tool_calls
        try:
            body = self.client.whole(answer.body)
            for reviewer in self.call.reviewers:
                body = await reviewer.whole(body)
            body = self.client.tapped(body)
        except Denied as denied:  # the provider did its work, so it is paid for; the client gets the refusal
            settle(attempt, _forbidden(outcome, denied), self.runtime)
            raise denied.after_settlement() from denied
        line = settle(attempt, outcome, self.runtime)
        self.client.finished(outcome, line)
        headers = [header for header in exchange.headers if header[0] in PASSED_HEADERS]
        headers += self._gateway_headers(attempt)
        if line["cost"] is not None:
            headers.append((b"x-gateway-cost", line["cost"].encode()))
            headers.append((b"x-gateway-currency", line.get("currency", "USD").encode()))
        if self.call.sealing:
            await seal(self.call, exchange.status, headers)
        headers.append((b"content-length", str(len(body)).encode()))
        self.has_started = True
        await self.send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _gateway_headers(self, attempt: Attempt) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"x-request-id", self.call.request_id.encode()),
            (b"x-gateway-provider", attempt.target.provider.slug.encode()),
            (b"x-gateway-model", attempt.target.name.encode("utf-8")),
            (b"x-gateway-cache", (self.call.cache_status or "bypass").encode()),
            (b"x-gateway-attempts", str(self.call.attempts).encode()),
            *self.call.response_headers,
        ]
        if self.call.endpoint.is_anthropic:
            headers.append((b"request-id", self.call.request_id.encode()))  # where Anthropic's clients look for it
        if dropped := attempt.outbound.dropped:
            headers.append((b"x-gateway-dropped", ",".join(dropped).encode("ascii", "replace")))
        return headers

    # ---- streams -----------------------------------------------------------------------------------------------
    async def _stream(self, attempt: Attempt, exchange: Exchange, watcher: Watcher) -> None:
        """Until the client was sent something, a failure is raised, for another target to take over."""
        first_byte, error, denied, rest, counted = None, None, None, b"", None
        held = bytearray() if self.call.reviewers else None
        try:
            while piece := await exchange.next_piece():
                out = watcher.feed(piece)
                if watcher.has_error and self._may_restart() and self.plan.has_untried:
                    raise UpstreamError("stream_error", "the stream began with an error")
                out = self.client.feed(out)
                if held is not None:
                    held += _bounded(out, held)
                elif out:
                    if first_byte is None:
                        first_byte = time.perf_counter()
                        await self._start_stream(attempt, exchange)
                    await self.send({"type": "http.response.body", "body": out, "more_body": True})
                if watcher.is_broken:
                    self.runtime.metrics.damaged[attempt.target.provider.slug] += 1
                    raise UpstreamError("invalid_event", "the stream has an event that is not a JSON object")
            if watcher.lacks_usage:
                model = attempt.target.upstream_name
                counted = await asyncio.to_thread(usage.counted, self.call, model, watcher.texts())
                watcher.take_usage(counted)
            rest = watcher.finish()
            if not rest and not watcher.is_done and self._may_restart():
                raise UpstreamError("incomplete_stream", "the stream ended before it began")
            rest = self.client.finish(rest)
            if held is not None:
                rest = await self._reviewed(bytes(held) + rest)
                first_byte = time.perf_counter()
        except UpstreamError as caught:
            if caught.reason != CLIENT_GONE and self._may_restart():
                raise
            error = caught
            rest, denied = self._rest_of_broken(watcher)
            rest = rest if held is None else b""  # nobody judged it
        except Denied as caught:
            rest, denied = b"", caught
        except asyncio.CancelledError:
            await self._stop_stream(watcher, attempt, first_byte)
            raise
        outcome = await self._stream_outcome(watcher, attempt, error, counted)
        if denied is not None:
            outcome = _forbidden(outcome, denied)
        outcome.first_byte_clock = first_byte
        line = settle(attempt, outcome, self.runtime)
        self.client.finished(outcome, line)
        end = _closing(line, outcome, denied, self.call, watcher)
        if denied is None:  # nothing may follow an error
            end += watcher.tail
        if self._is_file(exchange):
            if outcome.status != "ok":  # the connection ends without the end of the file, so that it shows
                return
            rest = end = b""
        if self.call.sealing:
            await seal(self.call, exchange.status, self._stream_headers(attempt, exchange), end)
        await self._end_stream(attempt, exchange, rest + end)

    def _is_file(self, exchange: Exchange) -> bool:
        return self.call.endpoint.is_binary and not _is_event_stream(exchange)

    async def _reviewed(self, data: bytes) -> bytes:
        """A whole stream that every reviewer lets pass. Raises `Denied`."""
        for reviewer in self.call.reviewers:
            await reviewer.stream(data)
        return data

    def _may_restart(self) -> bool:
        """Whether another target could still answer: nothing was sent, and no filter holds anything back."""
        return not self.has_started and not self.client.has_filtered

    async def _start_stream(self, attempt: Attempt, exchange: Exchange) -> None:
        self.has_started = True
        headers = self._stream_headers(attempt, exchange)
        await self.send({"type": "http.response.start", "status": exchange.status, "headers": headers})

    def _stream_headers(self, attempt: Attempt, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        headers = STREAM_HEADERS
        if self._is_file(exchange):
            headers = [header for header in exchange.headers if header[0] in FILE_HEADERS]
        return headers + self._gateway_headers(attempt)

    async def _end_stream(self, attempt: Attempt, exchange: Exchange, closing: bytes) -> None:
        if self.is_client_gone:
            return
        if not self.has_started:
            await self._start_stream(attempt, exchange)
        await self.send({"type": "http.response.body", "body": closing})

    async def _stop_stream(self, watcher: Watcher, attempt: Attempt, first_byte: float | None) -> None:
        """The process stops: settle on what arrived, without loading a tokenizer, and tell the client."""
        used = watcher.usage()
        arrived = sum(len(text.encode("utf-8", "ignore")) for text in watcher.texts()) // usage.BYTES_PER_TOKEN
        if used is None:
            used = usage.Usage(self._consumed(attempt).tokens, usage.PARTIAL)
        output = arrived if used.source == usage.PARTIAL else 0
        outcome = Outcome("interrupted", None, "shutdown", usage.with_output(used, output))
        outcome.first_byte_clock = first_byte
        line = settle(attempt, outcome, self.runtime)
        exchange = attempt.exchange
        if self.has_started and exchange is not None and not self._is_file(exchange):
            await self._end_stream(attempt, exchange, _closing(line, outcome, None, self.call, watcher))

    def _rest_of_broken(self, watcher: Watcher) -> tuple[bytes, Denied | None]:
        """What the filters still held when the upstream broke off."""
        try:
            return self.client.finish(watcher.finish()), None
        except Denied as denied:
            return b"", denied

    async def _stream_outcome(
        self, watcher: Watcher, attempt: Attempt, error: UpstreamError | None, counted: usage.Usage | None
    ) -> Outcome:
        """`counted`: usage of a stream whose vendor reported none, when that was needed already."""
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
        used = watcher.usage() or counted
        if used is None:
            used = await asyncio.to_thread(usage.counted, self.call, attempt.target.upstream_name, watcher.texts())
            if status != "ok":  # what arrived is counted; what the provider generated beyond it is unknown
                used = usage.Usage(used.tokens, "estimated")
        elif used.source == "counted" and status != "ok":
            used = replace(used, source="estimated")
        elif used.source == usage.PARTIAL:
            model = attempt.target.upstream_name
            used = await asyncio.to_thread(usage.completed, used, model, watcher.texts())
        return Outcome(status, 200, reason, used, finish_reason=finish, tool_calls=watcher.tool_calls())


def _bounded(more: bytes, held: bytearray) -> bytes:
    """Raises `UpstreamError` when a stream that is held for a review grows too long."""
    if len(held) + len(more) > ANSWER_LIMIT_BYTES:
        raise UpstreamError("response_too_large", "the stream is too long to be reviewed")
    return more


async def _nowhere(message: Message) -> None:
    """Where the rest of a stream goes that only others still wait for."""


def _is_event_stream(exchange: Exchange) -> bool:
    """Server-sent events, or Amazon's binary ones."""
    kind = exchange.header(b"content-type") or b""
    return b"event-stream" in kind or b"amazon.eventstream" in kind


def _forbidden(outcome: Outcome, denied: Denied) -> Outcome:
    """The same consumption, ended by a refusal of ours."""
    return replace(outcome, status="denied", http_status=denied.status, error_type=denied.code)


def _closing(line: Line, outcome: Outcome, denied: Denied | None, call: Call, watcher: Watcher) -> bytes:
    """An error event when the stream broke or was refused, then the comment with cost and request id."""
    parts = b""
    error: ApiError | None = denied
    if denied is None and outcome.status not in ("ok", "cancelled") and outcome.error_type != "stream_error":
        message = f"The provider's stream ended early ({outcome.error_type})."
        error = ApiError(502, "stream_interrupted", message, kind="upstream_error")
    if error is not None:
        parts = error.event(call.endpoint.dialect, watcher.next_number)
    note = orjson.dumps({"cost": line["cost"], "request_id": call.request_id})
    return parts + b": gateway " + note + b"\n\n"
