"""Rows of running processes: one each, gone with a clean stop, kept when a process is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.doctor import Outcome, data
from gateway import heartbeats, monitoring, places
from gateway.models import Heartbeat

ROOT = Path(__file__).resolve().parents[3]

Run = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def run(conninfo: str) -> Iterator[Run]:
    """`manage.py` in a process, over a data directory."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(data_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
        env = {
            **os.environ,
            "DATABASE_URL": url(conninfo),
            "DATABASE_DIRECT_URL": url(conninfo),
            "DATA_DIR": str(data_dir),
        }
        begun.append(subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()


def url(conninfo: str) -> str:
    found = psycopg.conninfo.conninfo_to_dict(conninfo)
    return f"postgresql://{found['user']}@/{found['dbname']}?host={found['host']}"


def wait_for(condition: Callable[[], Any], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lag_s() -> float:
    """As Prometheus reads it."""
    return max(
        float(line.rpartition(" ")[2]) for line in monitoring.lines() if line.startswith("gateway_ledger_lag_seconds ")
    )


def test_a_stuck_writer_is_not_masked_by_another(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    data.unreachable.cache_clear()
    monkeypatch.setattr(data, "unreachable", lambda: "")
    monkeypatch.setattr(data, "FRESH", timedelta(seconds=4))
    first, second = run(tmp_path / "a", "write_ledger"), run(tmp_path / "b", "write_ledger")
    wait_for(lambda: Heartbeat.objects.of("writer").count() == 2)
    stuck = Heartbeat.objects.get(info__pid=first.pid).name
    assert data.ledger_writer().outcome is Outcome.OK
    assert lag_s() < 4

    first.send_signal(signal.SIGSTOP)
    time.sleep(5)

    assert lag_s() > 4
    finding = data.ledger_writer()
    assert finding.outcome is Outcome.FAILED
    assert finding.detail.startswith(f"{stuck} is silent for ")
    assert ";" not in finding.detail

    first.kill()
    first.wait()
    again = run(tmp_path / "a", "write_ledger")
    wait_for(lambda: Heartbeat.objects.get(name=stuck).info["pid"] == again.pid)
    assert data.ledger_writer().outcome is Outcome.OK

    for process in (again, second):
        process.terminate()
        process.wait(20)
    assert not Heartbeat.objects.exists()


def test_who_takes_a_place_removes_the_row_of_the_one_before(tmp_path: Path, ledger: psycopg.Connection[Any]) -> None:
    mine = places.take("dataplane", tmp_path)
    other = places.take("dataplane", tmp_path)
    for name, place in (("dataplane:killed", mine), ("dataplane:neighbour", other), ("dataplane:new", mine)):
        heartbeats.write(ledger, name, heartbeats.about(place))
    heartbeats.write(ledger, "writer:same-id", {"place": mine.id})
    heartbeats.write(ledger, "dataplane:copied-folder", heartbeats.about(mine) | {"host": "another"})

    heartbeats.take_over(ledger, "dataplane:new", mine.id)

    names = ledger.execute("SELECT name FROM gateway_heartbeat ORDER BY name").fetchall()
    assert names == [
        ("dataplane:copied-folder",), ("dataplane:neighbour",), ("dataplane:new",), ("writer:same-id",)
    ]  # fmt: skip


def test_rows_go_after_a_day_but_the_last_of_a_kind(ledger: psycopg.Connection[Any]) -> None:
    for name, hours in (
        ("dataplane:live", 0), ("dataplane:killed", 23), ("dataplane:long-gone", 25), ("background:long-gone", 25),
        ("writer:live", 0), ("writer", 1), ("background", 1), ("backup", 90), ("dataplane:former-release", 1),
    ):  # fmt: skip
        is_former = ":" not in name or name.endswith("former-release")
        ledger.execute(
            "INSERT INTO gateway_heartbeat (name, at, info) VALUES (%s, now() - make_interval(hours => %s), %s)",
            [name, hours, "{}" if is_former else '{"place": "p"}'],
        )

    heartbeats.prune(ledger)

    names = [name for (name,) in ledger.execute("SELECT name FROM gateway_heartbeat ORDER BY name").fetchall()]
    assert names == [
        "background", "background:long-gone", "backup", "dataplane:killed", "dataplane:live", "writer:live",
    ]  # fmt: skip


def test_a_heart_beats_until_it_is_stopped(tmp_path: Path, conninfo: str, ledger: psycopg.Connection[Any]) -> None:
    place = places.take("console", tmp_path)
    heart = heartbeats.Heart(place, conninfo, lambda: {"told": 1})
    rows = "SELECT name, info ->> 'told', info ->> 'pid' FROM gateway_heartbeat"

    heart.start()
    wait_for(lambda: ledger.execute(rows).fetchall())

    assert ledger.execute(rows).fetchall() == [(place.name, "1", str(os.getpid()))]
    heartbeats.stop_all()
    assert ledger.execute(rows).fetchall() == []


def test_a_hearts_row_stays_when_its_process_hangs(
    tmp_path: Path, conninfo: str, ledger: psycopg.Connection[Any]
) -> None:
    heart = heartbeats.Heart(places.take("background", tmp_path), conninfo)
    heart.start()
    wait_for(lambda: Heartbeat.objects.count())

    heart.stop(is_clean=False)

    assert Heartbeat.objects.count() == 1
    heartbeats.stop_all()
