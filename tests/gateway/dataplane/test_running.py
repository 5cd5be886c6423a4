"""Running calls by key and the process's resources, counted and in the heartbeat."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.dataplane import running
from gateway.dataplane.running import Resources, Running
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Stack

NAMES = ("bytes_recv", "bytes_sent")


def test_calls_are_counted_by_key() -> None:
    calls = Running()
    for key in ("a", "b", "a"):
        calls.enter(key)
    calls.leave("b")

    assert calls.report() == {"active_keys": {"a": 2}, "active_unnamed": 0}
    calls.leave("a")
    calls.leave("a")
    assert calls.report() == {"active_keys": {}, "active_unnamed": 0}


def test_beyond_the_cap_calls_are_counted_without_a_name(monkeypatch) -> None:
    monkeypatch.setattr(running, "MAX_REPORTED", 2)
    calls = Running()
    for key in ("a", "a", "b", "b", "c"):
        calls.enter(key)

    assert calls.report() == {"active_keys": {"a": 2, "b": 2}, "active_unnamed": 1}


def test_resources_are_sampled_at_most_twice_a_second(monkeypatch) -> None:
    resources, clock = Resources(), [100.0]
    counters = iter([(1000, 0), (1150, 30)])
    monkeypatch.setattr(running.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        running.psutil, "net_io_counters", lambda: SimpleNamespace(**dict(zip(NAMES, next(counters), strict=True)))
    )

    first = resources.report()["resources"]
    clock[0] += 0.4
    soon = resources.report()["resources"]
    clock[0] += 0.2
    later = resources.report()["resources"]

    assert first["rss_bytes"] > 1_000_000
    assert first["network_in_bps"] is None
    assert soon is first
    assert later is not first
    assert (later["network_in_bps"], later["network_out_bps"]) == (2000.0, 400.0)  # of 0.6 s


@pytest.mark.slow
def test_the_heartbeat_names_the_keys_that_call(world: World) -> None:
    stack = world.stack

    def said() -> dict:
        with stack.connect() as connection:
            row = connection.execute(
                "SELECT info FROM gateway_heartbeat WHERE name LIKE 'dataplane:%' ORDER BY at DESC LIMIT 1"
            ).fetchone()
        assert row is not None
        return row["info"]

    call = threading.Thread(target=stack.chat, args=(world.secret, "sim-fault-hang"))
    call.start()
    stack.wait_for(lambda: said()["active_keys"] == {world.key_id: 1})
    call.join()
    stack.wait_for(lambda: said()["active_keys"] == {})

    info = said()
    assert info["resources"]["rss_bytes"] > 1_000_000
    assert info["spool_bytes"] >= 0


@pytest.mark.slow
def test_a_killed_process_is_missed_until_its_place_is_taken_and_a_stopped_one_is_not(
    world: World, tmp_path: Path
) -> None:
    stack = Stack(tmp_path, world.stack.url, world.stack.simulator)
    neighbour = rows(world)
    stack.start()
    stack.wait_for(lambda: rows(world) - neighbour)
    (killed,) = rows(world) - neighbour
    assert stack.process is not None

    stack.process.kill()
    stack.process.wait()
    assert rows(world) == {*neighbour, killed}

    stack.start()
    stack.wait_for(lambda: killed not in rows(world))
    (again,) = rows(world) - neighbour

    stack.close()
    assert again != killed
    assert rows(world) == neighbour


def rows(world: World) -> set[str]:
    """Names of the heartbeats there are."""
    with world.stack.connect() as connection:
        return {row["name"] for row in connection.execute("SELECT name FROM gateway_heartbeat")}
