"""A data plane that stops closes its limits at once, whatever happens at the same moment."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.dataplane.limits.service import LimitService


@pytest.mark.parametrize("steps", range(5))
def test_a_cancellation_that_meets_new_work_is_not_lost(settings: Any, steps: int) -> None:
    settings.REDIS_URL = ""
    runtime = cast("Any", SimpleNamespace(id="test", keeper=SimpleNamespace(on_poll=[])))

    async def start_and_close() -> None:
        service = LimitService(runtime)
        await service.start()
        await asyncio.sleep(0.01)
        service._work.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await service.close()

    asyncio.run(start_and_close())
