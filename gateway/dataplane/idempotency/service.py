"""The process's side of idempotent calls: threads for the database, flights that others here wait for, and what could
not be stored yet."""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings

from gateway.dataplane import tasks
from gateway.dataplane.errors import ApiError
from gateway.dataplane.idempotency.answer import Answer
from gateway.dataplane.idempotency.rows import Claim, Found, Rows

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
THREADS = 4
ANSWER_S = 5.0
MAX_ASKING = 1_000
RETRY_S = 1.0
MAX_OWED_BYTES = 64 * 1024 * 1024
RESULTS = (
    "claimed", "replayed", "other_body", "in_flight", "not_replayable", "unavailable", "stored", "not_kept", "freed",
)  # fmt: skip
Landing = Answer | ApiError | None


@dataclass(slots=True)
class Flight:
    """A call that others of this process wait for: its answer, the error that meets all of them, or None to look
    again."""

    landed: "asyncio.Future[Landing]"


@dataclass(slots=True)
class Debt:
    """What the database has to be told when it is back. `size` in bytes."""

    pay: Callable[[], None]
    size: int = 0


@dataclass(slots=True)
class IdempotencyService:
    """A `Service`. Everything but `Rows` runs on the event loop."""

    runtime: "Runtime"
    name: str = "idempotency"
    counts: Counter[str] = field(default_factory=Counter)
    flights: dict[tuple[str, bytes, bytes], Flight] = field(default_factory=dict)
    rows: Rows = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)
    _asking: int = 0
    _debts: deque[Debt] = field(default_factory=deque)
    _owed_bytes: int = 0
    _paying: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.rows = Rows(settings.DATABASE_DIRECT_URL, self.runtime.id)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="idempotency")

    async def start(self) -> None:
        self._paying = asyncio.get_running_loop().create_task(self._pay())

    async def close(self) -> None:
        """What is still owed is tried once more; a row that stays is taken over when this process's beat is old."""
        await tasks.end([self._paying])
        with contextlib.suppress(psycopg.Error, TimeoutError):
            async with asyncio.timeout(3):
                await self._pay_all()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # ---- the database ----------------------------------------------------------------------------------------------
    async def claim(self, claim: Claim) -> Answer | Found:
        """Raises `ApiError` (503) while the database is away: a call that asks to be made once is not made unseen."""
        if self._asking >= MAX_ASKING:
            raise self.unavailable()
        self._asking += 1
        asked = asyncio.get_running_loop().run_in_executor(self._threads, self.rows.claim, claim)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.shield(asked)
        except (psycopg.Error, TimeoutError) as error:
            logger.warning("idempotent calls wait for the database: %s", str(error).strip().split("\n")[0])
            raise self.unavailable() from error
        finally:
            self._asking -= 1
            if not asked.done():  # nobody will use what it claims
                asked.add_done_callback(lambda done: self._forget(claim, done))

    async def complete(self, claim: Claim, answer: Answer | None) -> None:
        """Committed when it returns; while the database is away it is owed, and the client has its answer anyway: the
        call was made, and the row keeps others from making it again."""
        self.counts["stored" if answer is not None else "not_kept"] += 1
        stored = asyncio.get_running_loop().run_in_executor(self._threads, self.rows.complete, claim.id, answer)
        try:
            async with asyncio.timeout(ANSWER_S):
                await stored
        except Exception as error:
            logger.warning("an idempotent answer waits for the database: %s", str(error).strip().split("\n")[0])
            if answer is not None and self._owed_bytes + len(answer.body) > MAX_OWED_BYTES:
                answer = None
            self._owe(Debt(lambda: self.rows.complete(claim.id, answer), len(answer.body) if answer else 0))

    def free(self, claim: Claim) -> None:
        """In the background: who asks again meanwhile waits for it."""
        self.counts["freed"] += 1
        freed = asyncio.get_running_loop().run_in_executor(self._threads, self.rows.free, claim.id)
        freed.add_done_callback(lambda done: self._freed(claim, done))

    def _forget(self, claim: Claim, done: "asyncio.Future[Answer | Found]") -> None:
        if not done.cancelled() and done.exception() is None and done.result() is Found.CLAIMED:
            self.free(claim)

    def _freed(self, claim: Claim, done: "asyncio.Future[None]") -> None:
        if done.cancelled() or done.exception() is not None:
            self._owe(Debt(lambda: self.rows.free(claim.id)))

    def _owe(self, debt: Debt) -> None:
        self._debts.append(debt)
        self._owed_bytes += debt.size

    async def _pay(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            with contextlib.suppress(psycopg.Error):
                await self._pay_all()

    async def _pay_all(self) -> None:
        """Raises `psycopg.Error` while the database is away; what was not paid stays owed."""
        loop = asyncio.get_running_loop()
        while self._debts:
            debt = self._debts[0]
            try:
                await loop.run_in_executor(self._threads, debt.pay)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except Exception:
                logger.exception("an idempotent answer cannot be stored")
            self._debts.popleft()
            self._owed_bytes -= debt.size

    # ---- flights ---------------------------------------------------------------------------------------------------
    def take_off(self, claim: Claim) -> Flight:
        flight = self.flights[_place(claim)] = Flight(asyncio.get_running_loop().create_future())
        return flight

    def flight_of(self, claim: Claim) -> Flight | None:
        return self.flights.get(_place(claim))

    def land(self, claim: Claim, flight: Flight, landing: Landing) -> None:
        """The first word counts."""
        if self.flights.get(_place(claim)) is flight:
            del self.flights[_place(claim)]
        if not flight.landed.done():
            flight.landed.set_result(landing)

    def unavailable(self) -> ApiError:
        self.counts["unavailable"] += 1
        message = "Whether this call was made before cannot be seen at the moment, so it is not made."
        return ApiError(503, "idempotency_unavailable", message, kind="api_error", headers={"Retry-After": "5"})

    # ---- figures ---------------------------------------------------------------------------------------------------
    def report(self) -> dict[str, Any]:
        return {}

    def metrics(self) -> list[str]:
        return [
            "# TYPE gateway_idempotent_calls_total counter",
            *(f'gateway_idempotent_calls_total{{result="{name}"}} {self.counts[name]}' for name in RESULTS),
            "# TYPE gateway_idempotent_owed gauge",
            f"gateway_idempotent_owed {len(self._debts)}",
        ]


def _place(claim: Claim) -> tuple[str, bytes, bytes]:
    return claim.api_key, claim.key, claim.body
