"""What one data-plane process holds: snapshot, spool, client, pricer, limits, counters."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from gateway import credentials, heartbeats, places
from gateway.dataplane import adapters
from gateway.dataplane import call as call_module
from gateway.dataplane.addresses import Resolver
from gateway.dataplane.call import Call, new_id
from gateway.dataplane.deployments import Deployments
from gateway.dataplane.keeper import Keeper
from gateway.dataplane.metrics import Metrics
from gateway.dataplane.mounts import Mounts
from gateway.dataplane.protocols import Loader, Pricer, Service
from gateway.dataplane.running import Resources, Running
from gateway.dataplane.signals import Prices
from gateway.dataplane.upstream import Client
from gateway.dataplane.views import Snapshot
from gateway.ledger.spool import Spool

logger = logging.getLogger(__name__)
MAX_REFUSED_KINDS = 1_000
SETTLE_WITHIN_S = 2.0
CLOSE_WITHIN_S = 5.0
Stage = Callable[[Call, "Runtime"], Any]


class Runtime:
    """Built when the process starts, closed when it stops."""

    def __init__(self) -> None:
        pricer: Pricer = import_string(settings.GATEWAY_PRICER)()
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        self.id = new_id(time.time_ns() // 1_000_000)
        self.place = places.take("dataplane", settings.DATA_DIR)
        self.pricer = pricer
        self.snapshot = Snapshot()
        self.spool = Spool(settings.SPOOL_DIR, self.id)
        self.client = Client(Resolver(settings.GATEWAY_PRIVATE_UPSTREAMS), settings.GATEWAY_UPSTREAM_PROXY)
        self.metrics = Metrics()
        self.running = Running()
        self.resources = Resources()
        self.prices = Prices(pricer)
        self.deployments = Deployments()
        self.stale_after_s = settings.GATEWAY_STALE_AFTER_S
        self.stages: list[Stage] = [import_string(path) for path in settings.GATEWAY_STAGES]
        self.adapters = adapters.load()
        loaders: list[Loader] = [import_string(path)() for path in settings.GATEWAY_SNAPSHOT_LOADERS]
        self.keeper = Keeper(self.snapshot, settings.DATABASE_DIRECT_URL, pricer, self.id, self._report, loaders)
        self.keeper.take_refused = self._take_refused
        self.keeper.on_allowed = self.client.resolver.set_allowed
        found: list[Service] = [import_string(path)(self) for path in settings.GATEWAY_SERVICES]
        self.services = {service.name: service for service in found}
        self.mounts = Mounts(self)
        self.random = random.Random()  # noqa: S311  (spreads load, guards nothing)

    async def start(self) -> None:
        """Load the configuration before the first call; a database that is away is waited for in the background."""
        self.keeper.start(asyncio.get_running_loop())
        deadline = time.monotonic() + 10
        while not self.keeper.loaded.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110  (set by a thread)
            await asyncio.sleep(0.02)
        for service in self.services.values():
            await service.start()

    async def drain(self) -> None:
        """Until the calls that the server has cancelled at the end of its drain time are settled."""
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while self.metrics.active and time.monotonic() < deadline:  # noqa: ASYNC110  (counted by the calls)
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        for service in reversed(self.services.values()):
            try:
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await service.close()
            except Exception:  # the others, and the spool, must be closed all the same
                logger.exception("%s did not close", service.name)
        self.keeper.stop()
        await asyncio.to_thread(self.keeper.join)
        await self.client.close()
        self.spool.close()

    def snapshot_age(self) -> float:
        """Seconds since the configuration was last confirmed by the database."""
        return time.monotonic() - self.snapshot.confirmed_at

    @property
    def is_ready(self) -> bool:
        return self.keeper.loaded.is_set() and self.snapshot_age() < self.stale_after_s and self.spool.is_writable

    def count_refused(self, call: Call, secret: str) -> None:
        """An unknown key is counted by prefix and address, never logged; the keeper stores the counts."""
        counts, prefix = self.metrics.refused, ""
        if secret.startswith(credentials.KEY_MARK):
            prefix = call_module.clean(credentials.prefix_of(secret), 16)
        who = (prefix, call_module.ip_hash(call.client_ip))
        counts[who if len(counts) < MAX_REFUSED_KINDS or who in counts else ("", "")] += 1
        self.metrics.refused_total += 1

    def _take_refused(self) -> dict[tuple[str, str], int]:
        """The counts since the last call; called by the keeper's thread."""
        taken, self.metrics.refused = self.metrics.refused, Counter()
        return taken

    def _report(self) -> dict[str, Any]:
        """Read by the keeper's thread."""
        figures: dict[str, Any] = heartbeats.about(self.place)
        figures |= {"active": self.metrics.active, "open_attempts": self.spool.open_attempts}
        figures |= self.running.report() | self.resources.report() | {"spool_bytes": self.spool.retained_bytes}
        figures |= self.deployments.report()
        for service in self.services.values():
            figures |= service.report()
        return figures
