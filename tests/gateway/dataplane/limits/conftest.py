"""Four data planes over one Redis, on a database of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.gateway.dataplane.limits.fleet import MODEL, Fleet
from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    url = template.create(f"limits_{os.getpid()}")
    redis = RedisServer()
    with SimulatorProcess(latency_ms=20, tokens_per_s=0) as simulator:
        found = Fleet(Path(tmp_path_factory.mktemp("fleet")), url, simulator, {"REDIS_URL": redis.url}, redis=redis)
        try:
            found.start()
            provider = found.provider("sim")
            for model in (MODEL, "sim-other", "sim-fault-error-500", "sim-paced-5x40", "sim-paced-50x100"):
                found.model(provider, model)
            found.wait_until_current()
            yield found
        finally:
            found.close()
            redis.close()
