"""The process's clerk: moves what the purse has to say and what calls ask for between memory and PostgreSQL.

One round is one statement. A round runs when calls wait, when headroom that others want came free, and each second.
The database being away never delays a call that fits its lease; others follow the organization's policy.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings

from costs.budgets import pots as pots_module
from costs.budgets.loading import SNAPSHOT
from costs.budgets.pots import Ask, Pot, Purse
from costs.budgets.views import BudgetIndex
from gateway.dataplane import clock
from gateway.ledger.ids import EPOCH

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
SYNC_S = 1.0
POLL_S = 0.05
GATHER_S = 0.002
COUNT_S = 5.0
ANSWER_S = 2.5
AWAY_S = 0.5
MAX_ASKS = 64
OPTIONS = "-c statement_timeout=1500 -c idle_in_transaction_session_timeout=5000"


@dataclass(slots=True, eq=False)
class Waiter:
    """A call in the queue. Its future ends with True when the ask is answered, False when the time is over."""

    ask: Ask
    deadline: float
    done: "asyncio.Future[bool]"


@dataclass(slots=True)
class Counts:
    """Since the process started."""

    holds: int = 0
    waited: int = 0
    exceeded: int = 0
    reserved: int = 0
    uncovered: int = 0
    rounds: int = 0


@dataclass(slots=True)
class Connections:
    """To the database: one for rounds, one that listens."""

    rounds: "psycopg.AsyncConnection[Any] | None" = None
    counted_at: float = float("-inf")
    processes: int = 1


class BudgetClerk:
    """`Service` of the data plane; see `gateway.dataplane.protocols.Service`."""

    name = "budgets"

    def __init__(self, runtime: "Runtime") -> None:
        self.runtime = runtime
        self.purse = Purse()
        self.counts = Counts()
        self.is_away = True
        self.waiters: deque[Waiter] = deque()
        self._index: BudgetIndex | None = None
        self._hot: set[Pot] = set()
        self._work = asyncio.Event()
        self._database = Connections()
        self._ended_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
            await self._connect()
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        """Give everything back; what cannot be said now is found in the spool."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pot in self.purse.all():
            pot.is_open = False
        with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
            await self._round(float("inf"))
        if self._database.rounds is not None:
            await self._database.rounds.close()

    def report(self) -> dict[str, Any]:
        return {"budgets_waiting": len(self.waiters), "budgets_away": self.is_away}

    def metrics(self) -> list[str]:
        lines = []
        for name in ("holds", "waited", "exceeded", "reserved", "uncovered", "rounds"):
            lines.append(f"# TYPE gateway_budget_{name}_total counter")
            lines.append(f"gateway_budget_{name}_total {getattr(self.counts, name)}")
        lines.append("# TYPE gateway_budget_waiting gauge")
        lines.append(f"gateway_budget_waiting {len(self.waiters)}")
        return lines

    # ---- calls ---------------------------------------------------------------------------------------------------
    @property
    def index(self) -> BudgetIndex:
        """The budgets as the snapshot has them; the purse follows when they changed."""
        found: BudgetIndex | None = self.runtime.snapshot.extras.get(SNAPSHOT)
        if found is not self._index and found is not None:
            self._index = found
            self.purse.follow(found)
            self.wake()
        return self._index if self._index is not None else _NONE

    async def wait(self, ask: Ask, seconds: float) -> bool:
        """Queue `ask`; True when it is answered (granted or dry), False when the time is over or the database away."""
        waiter = Waiter(ask, time.monotonic() + seconds, asyncio.get_running_loop().create_future())
        self.waiters.append(waiter)
        _queue(ask.pots, 1)
        self.counts.waited += 1
        self.wake()
        try:
            return await waiter.done
        except asyncio.CancelledError:
            ask.is_cancelled = True
            if ask.got is not None:
                Purse.give_back(ask.pots, ask.got)
            raise

    def came_free(self, pots: Sequence[Pot]) -> None:
        """Holds ended. Somebody here or elsewhere may wait for just that."""
        now = time.monotonic()
        hot = [pot for pot in pots if now < pot.exact_until or pot.free < 0]
        if hot or self.waiters:
            self._hot.update(hot)
            self.wake()

    def wake(self) -> None:
        self._work.set()

    # ---- rounds --------------------------------------------------------------------------------------------------
    async def _run(self) -> None:
        while True:
            pause = POLL_S if self.waiters else SYNC_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):  # wait_for loses a cancellation that meets the event
                    await self._work.wait()
            await asyncio.sleep(GATHER_S)
            self._work.clear()
            try:
                await self._round(time.monotonic())
            except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
                logger.warning("budgets are contended: %s", error)  # the server is there: calls go on waiting
            except (psycopg.Error, OSError, TimeoutError) as error:
                await self._lose(error)
                self._end_waiting()
                await asyncio.sleep(AWAY_S)
            except Exception:
                logger.exception("a round of the budgets failed")
                await asyncio.sleep(POLL_S)
            self._end_waiting()

    async def _round(self, now: float) -> None:
        _ = self.index
        self._serve_from_memory(now)
        asks = list(islice((waiter.ask for waiter in self.waiters if waiter.ask.is_pending), MAX_ASKS))
        self._follow_time(asks)
        is_over = now - self._ended_at >= SYNC_S
        wanted = {id(pot): pot for ask in asks for pot in ask.pots}
        hot, self._hot = self._hot, set()
        wanted |= {id(pot): pot for pot in self.purse.due(now, None if is_over else [*hot, *wanted.values()])}
        if wanted:
            connection = await self._connect()
            await self._open(connection, [pot for pot in wanted.values() if pot.counter is None])
            pots = [pot for pot in wanted.values() if pot.counter is not None]
            known = [ask for ask in asks if all(pot.counter is not None for pot in ask.pots)]
            await self._exchange(connection, pots, known)
        elif self.is_away or (is_over and self._database.rounds is None):
            await self._connect()
        if is_over:
            self._ended_at = now
            pots_module.end_round(self.purse.all())
            self.purse.forget(time.monotonic())

    async def _exchange(
        self, connection: "psycopg.AsyncConnection[Any]", pots: Sequence[Pot], asks: Sequence[Ask]
    ) -> None:
        rows, waiting = pots_module.request(pots, asks, time.monotonic())
        statement = "SELECT costs_lease(%s, %s, %s::jsonb, %s::jsonb)"
        arguments = [self.runtime.id, await self._processes(connection), json.dumps(rows), json.dumps(waiting)]
        async with asyncio.timeout(ANSWER_S):
            found = await (await connection.execute(statement, arguments)).fetchone()
        assert found is not None
        self.counts.rounds += 1
        pots_module.take_answer(rows, pots, asks, found[0], time.monotonic())

    async def _open(self, connection: "psycopg.AsyncConnection[Any]", unknown: Sequence[Pot]) -> None:
        """Find the counters of pots that are new here."""
        if not unknown:
            return
        named = [
            {"b": pot.budget.id, "o": pot.budget.organization, "k": pot.subject, "s": _iso(pot.start),
             "e": _iso(pot.end)}
            for pot in unknown
        ]  # fmt: skip
        async with asyncio.timeout(ANSWER_S):
            cursor = await connection.execute("SELECT * FROM costs_open(%s::jsonb)", [json.dumps(named)])
            for place, counter in await cursor.fetchall():
                unknown[place - 1].counter = counter

    def _serve_from_memory(self, now: float) -> None:
        """Headroom that came free here goes to those who wait here, in order."""
        blocked: set[int] = set()
        for waiter in self.waiters:
            ask = waiter.ask
            if not ask.is_pending:
                continue
            places = {id(pot) for pot in ask.pots}
            if blocked.isdisjoint(places) and Purse.hold(ask.pots, ask.hold, now):
                ask.got = ask.hold
            else:
                blocked |= places

    def _follow_time(self, asks: Sequence[Ask]) -> None:
        """Who waits over the end of a period waits in the next one."""
        now_ms = clock.now_ms()
        for ask in asks:
            if not all(pot.start <= now_ms < pot.end for pot in ask.pots):
                _queue(ask.pots, -1)
                ask.pots = [self.purse.pot(pot.budget, pot.subject, now_ms) for pot in ask.pots]
                _queue(ask.pots, 1)

    def _end_waiting(self) -> None:
        """Answer those whose ask is decided or whose time is over."""
        now, rest = time.monotonic(), deque[Waiter]()
        for waiter in self.waiters:
            is_answered = waiter.ask.is_answered
            if not (is_answered or waiter.done.done() or now >= waiter.deadline or self.is_away):
                rest.append(waiter)
                continue
            _queue(waiter.ask.pots, -1)
            if not waiter.done.done():
                waiter.done.set_result(is_answered)
        self.waiters = rest

    # ---- the database --------------------------------------------------------------------------------------------
    async def _connect(self) -> "psycopg.AsyncConnection[Any]":
        known = self._database.rounds
        if known is not None and not known.closed:
            return known
        async with asyncio.timeout(ANSWER_S):
            made = await psycopg.AsyncConnection.connect(
                settings.DATABASE_DIRECT_URL, autocommit=True, connect_timeout=2, options=OPTIONS
            )
        self._database.rounds = made
        self.is_away = False
        return made

    async def _processes(self, connection: "psycopg.AsyncConnection[Any]") -> int:
        """Data planes that are alive, for the size of slices."""
        now = time.monotonic()
        if now - self._database.counted_at > COUNT_S:
            async with asyncio.timeout(ANSWER_S):
                cursor = await connection.execute(
                    "SELECT greatest(1, count(*)) FROM gateway_heartbeat "
                    "WHERE name LIKE 'dataplane:%' AND at > now() - interval '10 s'"
                )
                row = await cursor.fetchone()
            assert row is not None
            self._database.counted_at, self._database.processes = now, row[0]
        return self._database.processes

    async def _lose(self, error: Exception) -> None:
        """The database is away. What it was told last is unknown, and need not be known: the connection is dropped."""
        if not self.is_away:
            logger.warning("the database of the budgets is away: %s", str(error).strip().split("\n")[0] or repr(error))
        self.is_away = True
        connection, self._database.rounds = self._database.rounds, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await connection.close()

    async def _listen(self) -> None:
        """Hear at once that others want headroom; without it they would have to wait for the next round."""
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    settings.DATABASE_DIRECT_URL, autocommit=True, connect_timeout=2
                )
                async with connection:
                    await connection.execute("LISTEN gateway_budget")
                    async for notice in connection.notifies():
                        self._recall(int(notice.payload))
            except (psycopg.Error, OSError, TimeoutError, ValueError):
                await asyncio.sleep(SYNC_S)

    def _recall(self, counter: int) -> None:
        until = time.monotonic() + pots_module.EXACT_S
        for pot in self.purse.all():
            if pot.counter == counter:
                pot.exact_until = until
                self._hot.add(pot)
                self.wake()


def _queue(pots: Sequence[Pot], change: int) -> None:
    for pot in pots:
        pot.waiting += change


_NONE = BudgetIndex()


def _iso(ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=ms)).isoformat()
