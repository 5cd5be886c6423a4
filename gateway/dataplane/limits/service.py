"""The process's side of shared limits: meters in memory, and a background task that exchanges them with Redis.

Calls read memory. Only a call that its process's slack cannot serve waits for an exchange, and never longer than until
Redis counts as away; then, as without Redis, every process goes on with its share of each limit.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from heapq import nlargest
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings

from gateway.dataplane import sharing, tasks
from gateway.dataplane.exposition import gauge, head, labels
from gateway.dataplane.limits import script
from gateway.dataplane.limits.learned import LearnedLengths
from gateway.dataplane.limits.loading import SNAPSHOT
from gateway.dataplane.limits.meters import TICK_S, Ask, Meter, Want, is_slot
from gateway.dataplane.limits.views import ALONE, REQUESTS, SHARED, SHARES, Bound, LimitIndex

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
BEAT_S = 1.0
AGAIN_S = 0.02
WAIT_S = 1.0
"""How long a call waits for slack that others hold: they give it back within two ticks."""
SLOT_WAIT_S = 0.05
"""How long for a slot: one may just have come free, and its process not have said so yet."""
DRY_S = 0.5
"""How long a dry window is not asked again. Tokens and slots come back, so they are asked a tick later."""
MAX_METERS = 200
MAX_ASKS = 256
MAX_REPORTED = 200
FORGET_S = 0.25
FORGET_SLICE = 1_000
"""Meters looked at in one go, so that a hundred thousand end users hold up no call."""
PROCESSES_SQL = """
SELECT greatest(1, count(*)) FROM gateway_heartbeat WHERE name LIKE 'dataplane:%' AND at > now() - interval '4 s'
"""


class LimitService:
    """`Service` of the data plane; see `gateway.dataplane.protocols.Service`."""

    name = "limits"

    def __init__(self, runtime: "Runtime") -> None:
        self.runtime = runtime
        self.clock = time.monotonic
        self.processes = 1
        self.is_shared = False
        self.refused: Counter[tuple[str, str]] = Counter()
        self.would_limit: Counter[str] = Counter()
        self.rounds = 0
        self.losses = 0
        self.meters: dict[str, Meter] = {}
        self.learned = LearnedLengths()
        self._active: set[Meter] = set()
        self._slots: set[Meter] = set()
        self._unchecked: list[str] = []
        self._asks: deque[tuple[Ask, asyncio.Future[None]]] = deque()
        self._work = asyncio.Event()
        self._redis: Redis | None = None
        self._tick_at = self._beat_at = self._forget_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._sha = ""
        runtime.keeper.on_poll.append(self._count_processes)

    # ---- life ------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        if settings.REDIS_URL:
            with contextlib.suppress(*sharing.AWAY):
                await self._connect()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Give back what is held; what cannot be said now comes free when this process counts as dead."""
        await tasks.end([self._task])
        if self._redis is None:
            return
        with contextlib.suppress(*sharing.AWAY):
            now = self.clock()
            held = [meter for meter in self.meters.values() if meter.allowed > 0 and meter.is_running(now)]
            for meter in held:
                meter.allowed = max(0, meter.used)
            for start in range(0, len(held), MAX_METERS):
                await self._exchange(held[start : start + MAX_METERS], {}, [])
            await self._redis.zrem(script.PROCESSES_KEY, self.runtime.id)
        with contextlib.suppress(*sharing.AWAY):
            await self._redis.aclose()

    @property
    def mode(self) -> str:
        if self.is_shared:
            return SHARED
        return SHARES if settings.REDIS_URL else ALONE

    # ---- calls -----------------------------------------------------------------------------------------------------
    @property
    def index(self) -> LimitIndex:
        found: LimitIndex | None = self.runtime.snapshot.extras.get(SNAPSHOT)
        return found if found is not None else _NONE

    def meter(self, bound: Bound, now: float) -> Meter:
        """What counts `bound`, in its present window."""
        meter = self.meters.get(bound.meter)
        if meter is None:
            meter = self.meters[bound.meter] = Meter(bound)
            if is_slot(meter):
                self._slots.add(meter)
            if not self.is_shared:
                meter.left = 0
        meter.seen_at = now
        if meter.view is not bound.view:
            meter.follow(bound)
        if meter.ends_at and now >= meter.ends_at:
            meter.clear()
        if not self.is_shared:
            self._share_out(meter, now)
        elif bound.view.is_shadow and meter.window_s and not meter.ends_at:
            meter.begin(uuid.uuid4().hex, now, 0, meter.cap)
        return meter

    def _share_out(self, meter: Meter, now: float) -> None:
        if not meter.window_s:
            meter.allowed = meter.share(self.processes)
        elif not meter.ends_at:
            meter.begin(uuid.uuid4().hex, now, meter.share(self.processes), 0)

    async def ask(self, wants: Sequence[Want]) -> Ask:
        """Wait for what is missing: granted, dry, or nobody there to ask."""
        ask = Ask(wants, self.clock())
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asks.append((ask, done))
        self._work.set()
        try:
            await done
        except asyncio.CancelledError:
            ask.is_cancelled = True
            if ask.is_granted:
                for want in wants:
                    want.meter.used -= want.missing
            raise
        return ask

    def touch(self, meter: Meter) -> None:
        """Something came back, or was used beyond what was granted: the next tick says so."""
        if self.is_shared and meter not in self._active:
            if not self._active:
                self._work.set()
            self._active.add(meter)
        if self.is_shared and is_slot(meter) and meter.is_scarce(self.processes):
            self._tick_at = 0.0
            self._work.set()

    # ---- the task --------------------------------------------------------------------------------------------------
    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):  # wait_for loses a cancellation that meets the event
                    await self._work.wait()
            self._work.clear()
            try:
                await self._round()
            except sharing.AWAY as error:
                await self._lose(error)
                await asyncio.sleep(sharing.RETRY_S)
            except Exception:
                logger.exception("a round of the limits failed")
                self._answer_away()
                await asyncio.sleep(sharing.RETRY_S)

    def _pause(self) -> float:
        if self._asks:
            return AGAIN_S
        return TICK_S if self._active else BEAT_S

    async def _round(self) -> None:
        now = self.clock()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_S
            self._forget(now)
        if not settings.REDIS_URL:
            self._answer_away()
            return
        await self._connect()
        is_beat = now >= self._beat_at
        if is_beat:
            self._beat_at = now + BEAT_S
        asks = [ask for ask, _ in islice(self._asks, MAX_ASKS) if not ask.is_cancelled]
        due = self._due(now, is_beat=is_beat)
        asked = {want.meter.key: want.meter for ask in asks for want in ask.wants}
        for meter in asked.values():
            if meter.ends_at and now >= meter.ends_at:
                meter.clear()
        wants = {key: meter.wanted(now) for key, meter in asked.items() if not is_slot(meter)}
        if asks or due or is_beat:
            first = [*asked.values(), *(meter for meter in due if meter.key not in asked)]
            wants |= self._refills(due, now)
            await self._exchange(first[: MAX_METERS + len(asked)], wants, asks)
            for start in range(MAX_METERS + len(asked), len(first), MAX_METERS):
                await self._exchange(first[start : start + MAX_METERS], wants, [])
        self._finish()

    def _due(self, now: float, *, is_beat: bool) -> list[Meter]:
        """Meters with something to say at this tick, their excess slack given back; at each beat, every held slot."""
        if now < self._tick_at and not is_beat:
            return []
        self._tick_at = now + TICK_S
        if is_beat:
            self._active.update(meter for meter in self._slots if meter.used > 0)
        due, self._active = self._active, set()
        found = []
        for meter in due:
            if meter.ends_at and now >= meter.ends_at:
                meter.clear()
            elif meter.is_running(now):
                meter.give_back_slack(now, self.processes)
                found.append(meter)
        return found

    @staticmethod
    def _refills(due: Sequence[Meter], now: float) -> dict[str, int]:
        """More for what is used so fast that its slack will not last."""
        wants = {meter.key: meter.wanted(now) for meter in due if not is_slot(meter)}
        return {key: want for key, want in wants.items() if want > 0}

    async def _exchange(self, meters: Sequence[Meter], wants: dict[str, int], asks: Sequence[Ask]) -> None:
        assert self._redis is not None
        sent_at = self.clock()
        keys, arguments = script.request(self.runtime.id, meters, wants, asks, sent_at)
        raw: Any = await self._script(len(keys), *keys, *arguments)
        reply = script.reply(raw)
        self.rounds += 1
        self.processes = reply.processes
        for meter, answer in zip(meters, reply.answers, strict=True):
            meter.learn(answer.wid, sent_at + answer.ttl_s, answer.left, answer.extra)
        now = self.clock()
        for ask, verdict in zip(asks, reply.verdicts, strict=True):
            if verdict is None:
                self._grant(ask)
            else:
                self._consider(ask, meters[verdict], reply.answers[verdict], now)
        for meter in meters:
            if meter.free > 0:
                self._active.add(meter)

    @staticmethod
    def _grant(ask: Ask) -> None:
        for want in ask.wants:
            want.meter.allowed += want.missing
            if not ask.is_cancelled:
                want.meter.used += want.missing
        ask.is_granted = True

    def _consider(self, ask: Ask, meter: Meter, answer: script.Answer, now: float) -> None:
        """Refused: for good when nobody holds what is missing, else after a wait in which they give it back."""
        need = next(want.missing for want in ask.wants if want.meter is meter)
        own = sum(max(0, want.meter.free) for want in ask.wants if want.meter is meter)
        waited = now - ask.asked_at
        is_gone = answer.left + answer.idle + own < need
        if waited >= WAIT_S or (is_gone and (waited >= SLOT_WAIT_S or not is_slot(meter))):
            ask.dry = [meter]
            meter.dry_need = need
            meter.dry_until = now + (DRY_S if meter.kind == REQUESTS else TICK_S)

    def _finish(self) -> None:
        """Wake the calls whose ask is answered; the others ask again."""
        rest = deque[tuple[Ask, asyncio.Future[None]]]()
        for ask, done in self._asks:
            if ask.is_granted or ask.dry or ask.is_away:
                if not done.done():
                    done.set_result(None)
            elif not done.done():
                rest.append((ask, done))
        self._asks = rest

    def _answer_away(self) -> None:
        for ask, _ in self._asks:
            ask.is_away = not ask.is_granted
        self._finish()

    def _forget(self, now: float) -> None:
        if not self._unchecked:
            self._unchecked = list(self.meters)
        for key in self._unchecked[-FORGET_SLICE:]:
            meter = self.meters[key]
            if meter.forgettable(now) and meter not in self._active:
                del self.meters[key]
                self._slots.discard(meter)
        del self._unchecked[-FORGET_SLICE:]

    # ---- Redis -----------------------------------------------------------------------------------------------------
    async def _connect(self) -> None:
        """Until Redis has loaded the script it is not there."""
        if self._redis is not None:
            return
        made = sharing.connect(settings.REDIS_URL)
        try:
            async with asyncio.timeout(sharing.CONNECT_S + sharing.ANSWER_S):
                self._sha = await made.script_load(script.LUA)
        except BaseException:
            await _drop(made)
            raise
        self._redis = made
        now = self.clock()
        for meter in self.meters.values():
            meter.go_shared(now)
            if meter.is_running(now):
                self._active.add(meter)
        self.is_shared = True
        logger.info("rate limits are shared over Redis")

    async def _script(self, count: int, *values: str | int) -> Any:
        assert self._redis is not None
        async with asyncio.timeout(sharing.ANSWER_S):
            return await self._redis.evalsha(self._sha, count, *values)

    async def _lose(self, error: BaseException) -> None:
        """Redis is away. Whether it did what it was told last need not be known: the next report is absolute."""
        client, self._redis = self._redis, None
        if self.is_shared:
            logger.warning("rate limits: Redis is away (%r); every process goes on with its share", error)
            self.losses += 1
            self.is_shared = False
            now = self.clock()
            self._active.clear()
            for meter in self.meters.values():
                meter.go_local(now, self.processes)
        self._answer_away()
        if client is not None:
            await _drop(client)

    def _count_processes(self, connection: psycopg.Connection[Any]) -> None:
        """Visit of the keeper's thread: without Redis, heartbeats say how many share a limit."""
        if not self.is_shared:
            row = connection.execute(PROCESSES_SQL).fetchone()
            self.processes = row[0] if row else 1

    def readiness(self) -> dict[str, Any]:
        """For `/readyz`: what is shared and what is not keeps nobody from being ready."""
        return {"rate_limits": self.mode}

    # ---- figures ---------------------------------------------------------------------------------------------------
    def report(self) -> dict[str, Any]:
        """Read by the keeper's thread: the mode, and the busiest meters as `[used, cap, seconds to reset]`."""
        now = self.clock()
        running = [meter for meter in list(self.meters.values()) if meter.used > 0 and meter.is_running(now)]
        busiest = nlargest(MAX_REPORTED, running, key=lambda meter: meter.used / max(1, meter.cap))
        use = {meter.key: [meter.used, meter.cap, round(meter.resets_in(now), 1)] for meter in busiest}
        would = {limit: count for limit, count in list(self.would_limit.items()) if count}
        return {"limits": {"mode": self.mode, "processes": self.processes, "use": use, "would_limit": would}}

    def metrics(self) -> list[str]:
        lines = gauge("gateway_rate_limits_shared", self.is_shared, "1 while limits are exact over all processes.")
        text = "Data planes among which limits are divided while they are not shared."
        lines += gauge("gateway_rate_limit_processes", self.processes, text)
        lines += gauge("gateway_rate_limit_meters", len(self.meters), "Limits and subjects that are counted here.")
        lines += head("gateway_rate_limited_total", "counter", "Calls refused by a rate limit.")
        for (scope, kind), count in sorted(self.refused.items()):
            lines.append(f"gateway_rate_limited_total{{{labels(scope=scope, kind=kind)}}} {count}")
        lines += head("gateway_rate_limit_rounds_total", "counter", "Exchanges with Redis.")
        lines.append(f"gateway_rate_limit_rounds_total {self.rounds}")
        lines += head("gateway_rate_limit_losses_total", "counter", "Times that Redis went away.")
        lines.append(f"gateway_rate_limit_losses_total {self.losses}")
        return lines


async def _drop(client: "Redis") -> None:
    with contextlib.suppress(*sharing.AWAY):
        async with asyncio.timeout(sharing.CONNECT_S):
            await client.aclose()


_NONE = LimitIndex()
