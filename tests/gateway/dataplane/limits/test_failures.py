"""Redis hangs, dies and comes back while calls go on."""

import threading
from collections.abc import Callable, Iterator
from http.client import HTTPException

import pytest

from tests.gateway.dataplane.limits.fleet import MODEL, Fleet, statuses
from tests.gateway.dataplane.stack import Answer, Stack

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _healthy(fleet: Fleet) -> Iterator[None]:
    fleet.wait_for_mode("shared")
    yield
    assert fleet.redis is not None
    fleet.redis.resume()


def _under_load(fleet: Fleet, secret: str, breaks: Callable[[], None]) -> list[tuple[float, Answer]]:
    timer = threading.Timer(1.0, breaks)
    timer.start()
    found = fleet.spread_for(6.0, secret)
    timer.join()
    return found


def test_a_hanging_redis_holds_up_no_call(fleet: Fleet) -> None:
    organization, project = fleet.tenant("hanging")
    secret, _ = fleet.key(organization, project, rpm_limit=1_000_000)
    fleet.wait_until_current()
    assert fleet.redis is not None

    found = _under_load(fleet, secret, fleet.redis.hang)

    assert set(statuses(answer for _, answer in found)) == {200}
    assert set(fleet.modes()) == {"shares"}
    fleet.redis.resume()
    fleet.wait_for_mode("shared")


def test_without_redis_each_process_admits_its_share_and_sharing_resumes(fleet: Fleet) -> None:
    organization, project = fleet.tenant("killed")
    secret, _ = fleet.key(organization, project, rpm_limit=1_000_000)
    small, _ = fleet.key(organization, project, rpm_limit=40)
    fleet.wait_until_current()
    assert fleet.redis is not None

    found = _under_load(fleet, secret, fleet.redis.kill)

    assert set(statuses(answer for _, answer in found)) == {200}
    fleet.wait_for_mode("shares")
    by_process = [statuses(fleet.at(port).chat(small, MODEL) for _ in range(12)) for port in fleet.ports]
    assert by_process == [{200: 10, 429: 2}] * 4
    assert "gateway_rate_limits_shared{" in fleet.get("/metrics").body.decode()

    fleet.redis.start()
    fleet.wait_for_mode("shared")
    assert set(statuses(fleet.spread(12, small))) == {429}  # what the shares admitted counts in the shared window


def test_slots_of_a_killed_process_come_free(fleet: Fleet) -> None:
    organization, project = fleet.tenant("slots")
    secret, key = fleet.key(organization, project)
    limit = fleet.limit(organization, "key", key, concurrency=2)
    fleet.wait_until_current()
    victim = fleet.at(fleet.ports[3])
    streams = [
        threading.Thread(target=_broken_off, args=(victim, secret), daemon=True) for _ in range(2)
    ]  # each holds a slot for five seconds
    for stream in streams:
        stream.start()
    fleet.wait_for(lambda: fleet.slots(limit) == 2)
    assert fleet.at(fleet.ports[0]).chat(secret, MODEL).status == 429

    fleet.kill(3)

    fleet.wait_for(lambda: fleet.at(fleet.ports[0]).chat(secret, MODEL).status == 200, timeout_s=15)
    fleet.workers[3] = fleet._spawn(fleet._serve(fleet.ports[3]))
    fleet.wait_for(lambda: victim.get("/readyz").status == 200, timeout_s=60)


def _broken_off(stack: Stack, secret: str) -> None:
    try:
        stack.chat(secret, "sim-paced-50x100", stream=True, max_tokens=50)
    except (OSError, HTTPException):
        return
