"""The simulated provider: logs each request, applies outages, keys and faults, and hands it to its endpoint."""

import asyncio
import hashlib
import random
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.catalog import find_model
from gateway.simulator.control import answer_control
from gateway.simulator.delivery import hang
from gateway.simulator.faults import Fault, asked_fault, random_fault
from gateway.simulator.instant import InstantAnswers
from gateway.simulator.limits import RateLimiter
from gateway.simulator.options import Down, SimulatorOptions
from gateway.simulator.prefix_cache import PrefixCache
from gateway.simulator.request_log import Outcome, Record, RequestLog
from gateway.simulator.server import Exchange, Header
from gateway.simulator.storage import Storage
from gateway.simulator.turn import Turn
from gateway.simulator.wire import find_format, openai
from gateway.simulator.wire.format import WireFormat

MOST_FAILED = 1_000
"""Requests that `fail-first` remembers; the oldest is forgotten first."""


class Simulator:
    """State of one simulated provider; `handle` answers one exchange. Lives on one event loop."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.log = RequestLog(options.log)
        self.cache = PrefixCache()
        self.limiter = RateLimiter()
        self.storage = Storage()
        self.down: Down = ""
        self.next_faults: deque[Fault | None] = deque()
        self._failed: dict[bytes, int] = {}
        self._instant = InstantAnswers(options.seed)

    def handle(self, exchange: Exchange) -> Coroutine[Any, Any, None] | None:
        """Answer at once and return `None`, or return the work that will."""
        path = exchange.path
        if (wire := find_format(exchange)) is not None:
            if self.options.instant and wire is openai and self._answer_instantly(exchange):
                return None
            return self._serve(exchange, wire)
        if path == b"/healthz":
            exchange.respond(200, b'{"status":"ok"}')
        elif path.startswith(b"/_sim/"):
            answer_control(self, exchange)
        else:
            exchange.respond(404, openai.error_body(_invalid_url(exchange), 0))
        return None

    def reset(self) -> None:
        """Forget counters, records, cached prefixes, files, spent limits, scripted faults and outages."""
        self.log.reset()
        self.cache.clear()
        self.limiter.clear()
        self.storage.clear()
        self.next_faults.clear()
        self._failed.clear()
        self.down = ""

    async def _serve(self, exchange: Exchange, wire: WireFormat) -> None:
        """Log, answer or refuse, log the end."""
        started = time.perf_counter()
        record = self._begin(exchange, *wire.describe(exchange, _peek(exchange.body)))
        number = request_number(self.options.seed, record.seq)
        headers = wire.base_headers(number)
        outcome: Outcome = "error"
        try:
            outcome = await self._answer(exchange, wire, record, number, headers)
        except ProviderError as error:
            record.status = error.status
            headers += [
                *error.headers,
                *wire.error_headers(error),
                *wire.timing_headers((time.perf_counter() - started) * 1000),
            ]
            exchange.respond(error.status, wire.error_body(error, number), headers)
        except asyncio.CancelledError:
            outcome = "client_gone" if exchange.client_gone else "cut"
            raise
        finally:
            self.log.end(record, outcome)

    def _begin(self, exchange: Exchange, model: str | None, stream: bool) -> Record:
        return self.log.begin(
            path=exchange.path.decode("latin-1"),
            model=model,
            stream=stream,
            attempt_id=_text_header(exchange, b"x-client-request-id"),
            request_id=_text_header(exchange, b"x-request-id"),
        )

    async def _answer(
        self, exchange: Exchange, wire: WireFormat, record: Record, number: int, headers: list[Header]
    ) -> Outcome:
        """Everything between the first line of the log and the last. Raises `ProviderError` to refuse."""
        if self.down == "503":
            raise wire.failure(503, 1)
        if self.down == "close":
            exchange.reset()
            return "error"
        key = wire.authenticate(exchange)
        fault = self._pick_fault(exchange, record, number)
        if fault is not None:
            record.fault = fault.kind
            self._fail_first(exchange, wire, key, fault)
            if await _break_before_head(exchange, wire, fault):
                return "cut"
        endpoint = wire.find_endpoint(exchange.method, exchange.path)
        if endpoint is None:
            raise _invalid_url(exchange)
        turn = Turn(wire, self.options, self.cache, self.limiter, exchange, record, number, key, fault, headers,
                    storage=self.storage)  # fmt: skip
        return await endpoint(turn)

    def _pick_fault(self, exchange: Exchange, record: Record, number: int) -> Fault | None:
        if self.next_faults:
            return self.next_faults.popleft()
        try:
            asked = asked_fault(exchange.headers.get(b"x-sim-fault"), exchange.query, record.model)
        except ValueError as error:
            raise ProviderError(400, str(error), code="unknown_fault") from None
        return asked or random_fault(random.Random(~number), self.options.error_rate)

    def _fail_first(self, exchange: Exchange, wire: WireFormat, key: str, fault: Fault) -> None:
        """Raises `ProviderError` for `fail-first` until that many requests of the same key and body have failed; then
        one is answered and counting begins anew."""
        if fault.kind != "fail-first":
            return
        digest = hashlib.sha256(key.encode() + b"\0" + exchange.body).digest()
        failed = self._failed.pop(digest, 0)
        if failed < fault.argument:
            while len(self._failed) >= MOST_FAILED:
                self._failed.pop(next(iter(self._failed)))
            self._failed[digest] = failed + 1
            raise wire.failure(500, 0)

    def _answer_instantly(self, exchange: Exchange) -> bool:
        """Send prepared bytes for a plain, authorised chat or embeddings request; `False` leaves it to `_serve`."""
        authorization = exchange.headers.get(b"authorization", b"")
        if not authorization.startswith(b"Bearer ") or authorization == b"Bearer sk-invalid":
            return False
        options = self.options
        if self.down or self.next_faults or exchange.query or options.error_rate or options.rpm or options.tpm:
            return False
        payload = _peek(exchange.body)
        name = payload.get("model") if isinstance(payload, dict) else None
        if not isinstance(name, str) or name.startswith("sim-") or b"x-sim-fault" in exchange.headers:
            return False
        model = find_model(name, any_model=options.any_model)
        if model is None:
            return False
        if exchange.path == openai.CHAT_PATH and model.kind == "chat":
            data = self._instant.chat(model, payload)
        elif exchange.path == openai.EMBEDDINGS_PATH and model.kind == "embedding":
            data = self._instant.embedding(model, payload)
        else:
            return False
        record = self._begin(exchange, name, payload.get("stream") is True)
        record.status, record.usage = 200, data.usage
        exchange.respond_prepared(data.wire)
        self.log.end(record, "completed")
        return True


async def _break_before_head(exchange: Exchange, wire: WireFormat, fault: Fault) -> bool:
    """Faults that need no answer; `True` when the exchange is over. Raises `ProviderError` for `error-<status>`."""
    if fault.status:
        raise wire.failure(fault.status, fault.argument)
    if fault.kind == "hang":
        await hang()
    if fault.kind == "reset":
        exchange.reset()
        return True
    if fault.kind == "slow-headers":
        await asyncio.sleep(fault.argument / 1000)
    return False


def _invalid_url(exchange: Exchange) -> ProviderError:
    return ProviderError(404, f"Invalid URL ({exchange.method.decode()} {exchange.path.decode('latin-1')})")


def _peek(body: bytes) -> Any:
    """The JSON in `body`; `None` when there is none."""
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _text_header(exchange: Exchange, name: bytes) -> str | None:
    value = exchange.headers.get(name)
    return None if value is None else value.decode("latin-1")


def request_number(seed: int, seq: int) -> int:
    """A 64-bit number that looks random and follows from seed and sequence alone (splitmix64, Steele et al. 2014)."""
    mask = (1 << 64) - 1
    value = (seq * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)
