"""What a data plane does before it has read its configuration, and when following it fails."""

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from gateway.dataplane.errors import ApiError
from gateway.dataplane.keeper import Keeper
from gateway.dataplane.stages import identify
from gateway.dataplane.views import Snapshot


def test_a_key_is_not_called_invalid_before_any_key_is_known() -> None:
    call: Any = SimpleNamespace(headers={b"authorization": b"Bearer gw-some-secret"})
    runtime: Any = SimpleNamespace(snapshot=Snapshot())

    with pytest.raises(ApiError) as caught:
        identify(call, runtime)

    assert (caught.value.status, caught.value.code) == (503, "configuration_stale")
    assert caught.value.headers["Retry-After"] == "5"


def test_a_failure_that_is_not_the_databases_does_not_end_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = None
    keeper = Keeper(Snapshot(), "", nothing, "test", dict, [])
    keeper._version = 7
    seen: list[int] = []

    def serve() -> None:
        seen.append(keeper._version)
        if len(seen) > 1:
            keeper.stop()
        raise TimeoutError

    monkeypatch.setattr(keeper, "_serve", serve)
    monkeypatch.setattr("gateway.dataplane.keeper.POLL_S", 0.01)

    keeper._run()

    assert seen == [7, -1]


def test_a_connection_that_was_cut_is_replaced_at_once_and_one_that_fails_at_once_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing: Any = None
    keeper = Keeper(Snapshot(), "", nothing, "test", dict, [])
    clock, lived = [100.0], iter([90.0, 0.25, 0.0])
    waits: list[float] = []

    def serve() -> None:
        clock[0] += next(lived)
        raise psycopg.OperationalError("cut")

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            keeper.stop()

    monkeypatch.setattr(keeper, "_serve", serve)
    monkeypatch.setattr(keeper._stop, "wait", wait)
    monkeypatch.setattr("gateway.dataplane.keeper.time", SimpleNamespace(monotonic=lambda: clock[0]))

    keeper._run()

    assert waits == [0.0, 0.75, 1.0]
