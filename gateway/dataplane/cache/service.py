"""The process's response cache: its entries, and the flights that keep a stampede to one upstream call."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings

from gateway.dataplane import tasks
from gateway.dataplane.cache.entry import Entry
from gateway.dataplane.cache.policy import Policies, PolicyView
from gateway.dataplane.cache.semantic import Index
from gateway.dataplane.cache.shared import SharedStore, left_of
from gateway.dataplane.cache.store import MemoryStore

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

TIDY_S = 1.0


@dataclass(slots=True)
class Flight:
    """One upstream call that others wait for. It belongs to the process: its first client may leave."""

    landed: "asyncio.Future[Entry | None]"
    followers: int = 0


@dataclass(slots=True)
class Counters:
    """Since the process started."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    followed: int = 0


@dataclass(slots=True)
class CacheService:
    """A `Service`: entries in memory, flights by key, and with Redis the entries of all processes. Everything runs on
    the event loop."""

    runtime: "Runtime"
    name: str = "cache"
    memory: MemoryStore = field(default_factory=lambda: MemoryStore(settings.GATEWAY_CACHE_MEMORY_BYTES))
    questions: Index = field(default_factory=Index)
    flights: dict[bytes, Flight] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    shared: SharedStore | None = field(
        default_factory=lambda: SharedStore(settings.REDIS_URL) if settings.REDIS_URL else None
    )
    _stored_in: set[str] = field(default_factory=set)
    _tidying: "asyncio.Task[None] | None" = None

    async def start(self) -> None:
        self._tidying = asyncio.get_running_loop().create_task(self._tidy())
        if self.shared is not None:
            self.shared.start()

    async def close(self) -> None:
        await tasks.end([self._tidying])
        if self.shared is not None:
            await self.shared.close()

    @property
    def policies(self) -> Policies:
        found: Policies = self.runtime.snapshot.extras.get("cache_policies", {})
        return found

    def lookup(self, policy: PolicyView, key: bytes) -> Entry | None:
        """A fresh entry of this process's memory."""
        return self.memory.get(policy.namespace, key)

    async def lookup_shared(self, policy: PolicyView, key: bytes) -> Entry | None:
        """A fresh entry of any process; this one then has it too."""
        entry = await self.shared.get(policy, key) if self.shared is not None else None
        if entry is None or (left_s := left_of(entry, policy.ttl_s)) <= 0:
            return None
        self.memory.put(policy.namespace, key, entry, left_s)
        return entry

    def keep(self, policy: PolicyView, key: bytes, entry: Entry) -> None:
        self.memory.put(policy.namespace, key, entry, policy.ttl_s)
        self.counters.stored += 1
        if self.shared is not None:
            self._stored_in.add(policy.namespace)
            self.shared.put(policy, key, entry)

    # ---- flights -----------------------------------------------------------------------------------------------
    def take_off(self, key: bytes) -> Flight:
        flight = self.flights[key] = Flight(asyncio.get_running_loop().create_future())
        return flight

    def land(self, key: bytes, flight: Flight, entry: Entry | None) -> None:
        """Idempotent: the first word counts."""
        if self.flights.get(key) is flight:
            del self.flights[key]
        if not flight.landed.done():
            flight.landed.set_result(entry)

    async def _tidy(self) -> None:
        """Entries of policies and generations that are gone are deleted within a second of the snapshot's change."""
        seen: Policies | None = None
        while True:
            await asyncio.sleep(TIDY_S)
            policies = self.policies
            if policies is not seen:
                seen = policies
                current = {policy.namespace for policy in policies.values() if policy.is_enabled}
                self.memory.keep_only(current)
                self.questions.keep_only(current)
                if self.shared is not None and (gone := self._stored_in - current):
                    self._stored_in -= gone
                    await self.shared.erase(gone)

    # ---- figures -----------------------------------------------------------------------------------------------
    def report(self) -> dict[str, Any]:
        looked = self.counters.hits + self.counters.misses
        rate = round(self.counters.hits / looked, 4) if looked else None
        return {"cache_entries": len(self.memory), "cache_bytes": self.memory.size_bytes, "cache_hit_rate": rate}

    def metrics(self) -> list[str]:
        return [
            "# TYPE gateway_cache_lookups_total counter",
            f'gateway_cache_lookups_total{{result="hit"}} {self.counters.hits}',
            f'gateway_cache_lookups_total{{result="miss"}} {self.counters.misses}',
            "# TYPE gateway_cache_followed_total counter",
            f"gateway_cache_followed_total {self.counters.followed}",
            "# TYPE gateway_cache_bytes gauge",
            f"gateway_cache_bytes {self.memory.size_bytes}",
            *self._shared_metrics(),
        ]

    def _shared_metrics(self) -> list[str]:
        if self.shared is None:
            return []
        return [
            "# TYPE gateway_cache_shared_hits_total counter",
            f"gateway_cache_shared_hits_total {self.shared.hits}",
            "# TYPE gateway_cache_shared_up gauge",
            f"gateway_cache_shared_up {int(not self.shared.is_away)}",
        ]
