"""System checks."""

import pytest
from pytest_django import Settings

from config.checks import several_processes_share_a_redis


@pytest.mark.parametrize(
    ("processes", "redis_url", "ids"),
    [(1, "", []), (4, "redis://127.0.0.1:6379/0", []), (4, "", ["gateway.E004"])],
)
def test_several_processes_need_a_redis(settings: Settings, processes: int, redis_url: str, ids: list[str]) -> None:
    settings.GATEWAY_PROCESSES = processes
    settings.REDIS_URL = redis_url

    assert [message.id for message in several_processes_share_a_redis(None)] == ids
