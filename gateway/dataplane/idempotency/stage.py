"""The stage: replay what is stored, wait for the call that is running, or become the one call."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

import orjson
from django.conf import settings

from gateway import credentials
from gateway.dataplane.call import Call, new_id
from gateway.dataplane.clientside import Collected
from gateway.dataplane.errors import ApiError
from gateway.dataplane.idempotency.answer import Answer, replay
from gateway.dataplane.idempotency.rows import Claim, Found
from gateway.dataplane.idempotency.service import Flight, IdempotencyService
from gateway.dataplane.protocols import Line

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.settle import Outcome

HEADER = b"idempotency-key"
MAX_KEY_CHARS = 255
HASH_BYTES = 32
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.5
LONGEST_WAIT_S = 600.0
NO_RETRY = {"x-should-retry": "false"}  # OpenAI's and Anthropic's clients repeat a 409 otherwise


def once(call: Call, runtime: "Runtime") -> Awaitable[None] | None:
    """Behind the rate limit, which replays pass too; before everything that costs."""
    value = call.headers.get(HEADER)
    return None if value is None else _once(call, runtime, value)


async def _once(call: Call, runtime: "Runtime", value: bytes) -> None:
    """Raises `ApiError`: 400 for a key that is none, 409, 422, 503."""
    service = runtime.services["idempotency"]
    assert isinstance(service, IdempotencyService)
    claim = _claim_of(call, value)
    totals = [target.provider.timeouts.total for target in call.candidates]
    deadline = time.monotonic() + max(totals, default=LONGEST_WAIT_S)
    while (flight := service.flight_of(claim)) is not None:
        landing = await _landing(flight, service, deadline)
        if isinstance(landing, ApiError):
            raise ApiError(landing.status, landing.code, landing.message, kind=landing.kind, headers=landing.headers)
        if landing is not None:
            _replay(call, landing, service)
            return
    flight = service.take_off(claim)
    try:
        found = await _ask(claim, service, deadline)
    except BaseException as error:  # cancelled as well: who waits must not wait for ever
        service.land(claim, flight, error if isinstance(error, ApiError) else None)
        raise
    if isinstance(found, Answer):
        service.land(claim, flight, found)
        _replay(call, found, service)
    else:
        _lead(call, service, claim, flight)


def _claim_of(call: Call, value: bytes) -> Claim:
    key = call.key
    assert key is not None
    name = value.strip()
    if not 0 < len(name) <= MAX_KEY_CHARS or any(not 0x20 < char < 0x7F for char in name):
        message = f"Idempotency-Key must be 1 to {MAX_KEY_CHARS} visible ASCII characters."
        raise ApiError(400, "invalid_idempotency_key", message, param="Idempotency-Key")
    try:
        body = orjson.dumps(call.fields, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # numbers or text that only the slow parser took: the body as it came
        body = call.body
    return Claim(
        new_id(time.time_ns() // 1_000_000), key.organization, key.project, key.id,
        credentials.keyed_hash("idempotency-key", name, HASH_BYTES),
        credentials.keyed_hash("idempotency-body", call.endpoint.path.encode() + b"\0" + body, HASH_BYTES),
        call.request_id,
    )  # fmt: skip


async def _landing(flight: Flight, service: IdempotencyService, deadline: float) -> Answer | ApiError | None:
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await asyncio.shield(flight.landed)
    except TimeoutError:
        raise _in_flight(service) from None


async def _ask(claim: Claim, service: IdempotencyService, deadline: float) -> Answer | Found:
    """The stored answer, or `Found.CLAIMED`: the call is ours. Waits for the process that is making it."""
    pause = FIRST_PAUSE_S
    while True:
        found = await service.claim(claim)
        if isinstance(found, Answer) or found is Found.CLAIMED:
            return found
        if found is Found.OTHER_BODY:
            service.counts["other_body"] += 1
            message = "This Idempotency-Key was used with another request within the last 24 hours. Use a new one."
            raise ApiError(422, "idempotency_key_reused", message, param="Idempotency-Key")
        if found is Found.NOT_KEPT:
            service.counts["not_replayable"] += 1
            message = "This call was made and answered, but its answer was not kept. Use a new Idempotency-Key."
            raise ApiError(409, "idempotency_not_replayable", message, param="Idempotency-Key", headers=NO_RETRY)
        if time.monotonic() + pause > deadline:
            raise _in_flight(service)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_S)


def _in_flight(service: IdempotencyService) -> ApiError:
    service.counts["in_flight"] += 1
    message = "The call with this Idempotency-Key is still running."
    return ApiError(409, "idempotency_in_flight", message, param="Idempotency-Key", headers={"Retry-After": "5"})


def _replay(call: Call, answer: Answer, service: IdempotencyService) -> None:
    service.counts["replayed"] += 1
    replay(call, answer)


def _lead(call: Call, service: IdempotencyService, claim: Claim, flight: Flight) -> None:
    """Make the call. It goes on when its client leaves: the client that comes back gets what was paid for."""
    service.counts["claimed"] += 1
    keeper = Keeping(call, service, claim, flight, settings.GATEWAY_IDEMPOTENCY_MAX_BYTES)
    call.taps.append(keeper)
    call.sealing.append(keeper.seal)
    call.ended.append(keeper.end)
    call.keep_going.append(lambda: True)


class Keeping:
    """Tap and seal of the one call: collects what the client is sent, and stores it before the last byte leaves."""

    def __init__(self, call: Call, service: IdempotencyService, claim: Claim, flight: Flight, limit_bytes: int) -> None:
        self._call = call
        self._service = service
        self._claim = claim
        self._flight = flight
        self._collected = Collected(limit_bytes)
        self.piece = self._collected.add
        self._is_complete = False
        self._is_sealed = False

    def finished(self, outcome: "Outcome", line: Line) -> None:
        self._is_complete = outcome.status == "ok"

    async def seal(self, status: int, headers: Sequence[tuple[bytes, bytes]], end: bytes) -> None:
        """The answer is complete but for `end`, which nobody was sent yet."""
        if not self._is_complete:
            return
        self._is_sealed = True
        self.piece(end)
        answer = None
        if self._collected.fits:
            answer = Answer.of(self._call, status, headers, self._collected.bytes())
        try:
            await self._service.complete(self._claim, answer)
        finally:
            self._service.land(self._claim, self._flight, answer)

    def end(self) -> None:
        """A call without a complete answer gives its place free, so that a repeat makes it again."""
        if not self._is_sealed:
            self._service.free(self._claim)
            self._service.land(self._claim, self._flight, None)
