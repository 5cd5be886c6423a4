"""Asks the providers that want it, now and then, whether they live; the breakers hear of it before a call does.

A provider wants it by its option `health_check_s`. The question is `GET …/models` without a credential: any answer
below 500 proves that somebody is there (a refusal as well), and nothing is billed. `FAILURES` silent or failed answers
in a row open the breakers of all its deployments, and keep them open; the first good answer lets the next call probe.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.dataplane import tasks
from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.upstream import Timeouts
from gateway.provideroptions import HEALTH_CHECK

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.views import ProviderView, Target

logger = logging.getLogger(__name__)
FAILURES = 2
TICK_S = 0.5
PATIENCE_S = 3.0
ANSWER_LIMIT_BYTES = 20 * 1024 * 1024


@dataclass(slots=True)
class Checked:
    """What is known of one provider. `due` monotonic seconds; `failures` in a row."""

    due: float = 0.0
    failures: int = 0

    @property
    def is_down(self) -> bool:
        return self.failures >= FAILURES


class HealthChecks:
    """A `Service`: one task, a question at a time for each provider."""

    name = "health_checks"

    def __init__(self, runtime: "Runtime") -> None:
        self.runtime = runtime
        self.clock = time.monotonic
        self.checked: dict[str, Checked] = {}
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        await tasks.end([self._task, *self._running])

    async def _run(self) -> None:
        while True:
            self.begin_due()
            await asyncio.sleep(TICK_S)

    def begin_due(self) -> None:
        """Ask every provider whose time has come; forget those that no longer want it."""
        wanted = self._wanted()
        for gone in self.checked.keys() - wanted.keys():
            del self.checked[gone]
        now = self.clock()
        for identity, targets in wanted.items():
            checked = self.checked.setdefault(identity, Checked())
            if now >= checked.due:
                provider = targets[0].provider
                checked.due = now + max(float(provider.options[HEALTH_CHECK]), PATIENCE_S)
                task = asyncio.create_task(self.check(provider, targets, checked))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    def _wanted(self) -> "dict[str, list[Target]]":
        """Providers with the option, each with its targets."""
        catalog = self.runtime.snapshot.catalog
        found: dict[str, dict[str, Target]] = {}
        for table in (catalog.models, catalog.routes):
            for targets in table.values():
                for target in targets:
                    if HEALTH_CHECK in target.provider.options:
                        found.setdefault(target.provider.id, {}).setdefault(target.upstream_name, target)
        return {identity: list(targets.values()) for identity, targets in found.items()}

    async def check(self, provider: "ProviderView", targets: "list[Target]", checked: Checked) -> None:
        """Ask once, and tell the breakers."""
        is_alive = await self._is_alive(provider)
        was_down = checked.is_down
        checked.failures = 0 if is_alive else checked.failures + 1
        deployments = self.runtime.deployments
        now = deployments.clock()
        for target in targets:
            breaker = deployments.of(target).breaker
            if checked.is_down:
                breaker.trip(now)
            elif is_alive and was_down:
                breaker.adopt_closed(now)
        if checked.is_down != was_down:
            logger.warning("provider %s %s", provider.slug, "does not answer" if checked.is_down else "answers again")

    async def _is_alive(self, provider: "ProviderView") -> bool:
        head = (
            f"GET {provider.path_prefix}/models HTTP/1.1\r\nhost: {provider.origin.authority}\r\n"
            "accept: application/json\r\naccept-encoding: identity\r\nuser-agent: llm-gateway-health-check\r\n\r\n"
        )
        timeouts = Timeouts(PATIENCE_S, PATIENCE_S, PATIENCE_S, PATIENCE_S)
        try:
            pool = self.runtime.client.pool(provider.origin)
            exchange = await pool.start(head.encode("latin-1"), timeouts, is_fresh=True)
            try:
                await exchange.head()
                await exchange.read(ANSWER_LIMIT_BYTES)
            finally:
                exchange.release()
        except (UpstreamError, OSError, ValueError):
            return False
        return int(exchange.status) < 500

    def report(self) -> dict[str, Any]:
        """For the heartbeat."""
        return {}

    def metrics(self) -> list[str]:
        slugs = {targets[0].provider.id: targets[0].provider.slug for targets in self._wanted().values()}
        lines = [
            "# HELP gateway_provider_up 1 when the last health check was answered",
            "# TYPE gateway_provider_up gauge",
        ]
        lines += [
            f'gateway_provider_up{{provider="{slugs[identity]}",provider_id="{identity}"}} {int(not checked.failures)}'
            for identity, checked in sorted(self.checked.items())
            if identity in slugs
        ]
        return lines
