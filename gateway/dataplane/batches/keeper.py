"""Looks at batches that nobody asks for, so that what they cost is booked in any case."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings

from gateway.dataplane import tasks
from gateway.dataplane.batches.booking import refresh
from gateway.dataplane.batches.store import Store
from gateway.dataplane.errors import ApiError

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
AT_ONCE = 20
ROUNDS = 5
"""A batch that is due waits for a fifth of the time more at the most."""


class BatchKeeper:
    """A service of every data-plane process; of several, one gets a batch."""

    name = "batches"

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._store = Store()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        await tasks.end([self._task])

    def report(self) -> dict[str, Any]:
        return {}

    def metrics(self) -> list[str]:
        return []

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(settings.GATEWAY_BATCH_CHECK_S / ROUNDS)
            try:
                await self.look()
            except Exception:
                logger.exception("batches could not be looked at")

    async def look(self) -> None:
        """One round."""
        try:
            for one in await self._store.claim(settings.GATEWAY_BATCH_CHECK_S, AT_ONCE):
                try:
                    await refresh(self._runtime, self._store, one, str(one.called_by.get("request_id", "batch")))
                except ApiError as error:  # the provider is away, or no longer has it: later again
                    logger.info("batch %s cannot be looked at: %s", one.object_id, error.message)
        except ApiError as error:
            logger.info("batches wait for the database: %s", error.message)
