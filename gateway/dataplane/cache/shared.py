"""Kept answers that all processes share, in Redis: encrypted, with their time to live, deletable by policy.

A call asks it only when its own process has no answer, and waits `PATIENCE_S` at the most. A server that fails or is
silent is left alone until it answers a ping; calls do not wait for it meanwhile.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Set
from typing import TYPE_CHECKING

from cryptography.fernet import InvalidToken
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway import credentials
from gateway.dataplane import tasks
from gateway.dataplane.cache.entry import Entry
from gateway.dataplane.sharing import AWAY, CONNECT_S, RETRY_S

if TYPE_CHECKING:
    from gateway.dataplane.cache.policy import PolicyView

logger = logging.getLogger(__name__)
PREFIX = "gateway:cache:"
PATIENCE_S = 0.1
MAX_CONNECTIONS = 64
MAX_WAITING = 1_000
"""Answers that wait to be stored; more are kept by this process alone."""


def place_of(namespace: str, key: bytes) -> str:
    """Redis key of an entry. It tells the policy's id and a keyed hash, nothing of the call."""
    return f"{PREFIX}{namespace}:{key.hex()}"


class SharedStore:
    """Entries by `(policy, key)`. Lives on the event loop; one task stores, erases, and finds out about returns."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_connect_timeout=CONNECT_S, socket_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0),
            max_connections=MAX_CONNECTIONS,
        )  # fmt: skip
        self._waiting: asyncio.Queue[tuple[str, bytes, int]] = asyncio.Queue(MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self.is_away = False
        self.hits = 0

    def start(self) -> None:
        self._tasks = [asyncio.create_task(work()) for work in (self._store, self._watch)]

    async def close(self) -> None:
        await tasks.end(self._tasks)
        with contextlib.suppress(*AWAY):
            await self._redis.aclose()

    # ---- what calls do ---------------------------------------------------------------------------------------------
    async def get(self, policy: "PolicyView", key: bytes) -> Entry | None:
        """None as well when Redis is away, or what it has cannot be read (another installation's key)."""
        if self.is_away:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                data = await self._redis.get(place_of(policy.namespace, key))
        except AWAY as error:
            self._lost(error)
            return None
        if not isinstance(data, bytes):
            return None
        try:
            entry = Entry.decode(credentials.decrypt_bytes(data))
        except (InvalidToken, ValueError):
            return None
        self.hits += 1
        return entry

    def put(self, policy: "PolicyView", key: bytes, entry: Entry) -> None:
        """Stored soon, by the task."""
        if self.is_away:
            return
        data = credentials.encrypt_bytes(entry.encode())
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait((place_of(policy.namespace, key), data, policy.ttl_s))

    # ---- what the tasks do -----------------------------------------------------------------------------------------
    async def _store(self) -> None:
        while True:
            place, data, ttl_s = await self._waiting.get()
            if self.is_away:
                continue
            try:
                await self._redis.set(place, data, ex=ttl_s)
            except AWAY as error:
                self._lost(error)

    async def _watch(self) -> None:
        """While the server is away, ask it now and then."""
        while True:
            await asyncio.sleep(RETRY_S)
            if self.is_away:
                try:
                    await self._redis.ping()
                except AWAY:
                    continue
                self.is_away = False
                logger.warning("the shared response cache is back")

    async def erase(self, namespaces: Set[str]) -> None:
        """Delete every entry of these namespaces. Best effort: nobody finds them any more, and they expire."""
        for namespace in namespaces:
            try:
                async for place in self._redis.scan_iter(match=place_of(namespace, b"") + "*", count=500):
                    await self._redis.unlink(place)
            except AWAY as error:
                self._lost(error)
                return

    def _lost(self, error: BaseException) -> None:
        if not self.is_away:
            self.is_away = True
            logger.warning("the shared response cache is away: %s", type(error).__name__)


def left_of(entry: Entry, ttl_s: int) -> float:
    """Seconds for which an entry that somebody else stored may still be served."""
    return entry.stored_at + ttl_s - time.time()
