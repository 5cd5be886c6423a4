"""Figures come from a real streaming replica while it is near enough, and from the primary whenever it is not."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.embedded.postgres import EmbeddedPostgres
from gateway import replica
from tests import template

DRIVER = Path(__file__).with_name("replica_driver.py")


@pytest.mark.parametrize(
    ("points", "replayed", "expected"),
    [([(0, 100), (5, 200), (9, 300)], 300, 1.0), ([(0, 100), (5, 200), (9, 300)], 250, 5.0), ([(9, 300)], 250, None),
     ([(0, 100), (9, 100)], 100, 1.0)],
)  # fmt: skip
def test_lag_is_since_the_newest_point_that_is_replayed(
    points: list[tuple[float, int]], replayed: int, expected: float | None
) -> None:
    watch = replica.Watch()
    watch.points.extend(points)
    assert watch._lag(10, replayed) == expected


class Replicated(EmbeddedPostgres):
    """A server that others may copy and follow."""

    def argv(self) -> list[str]:
        more = {"wal_level": "replica", "max_wal_senders": "5", "wal_receiver_status_interval": "1s",
                "shared_buffers": "32MB"}  # fmt: skip
        return [*super().argv(), *(flag for name, value in more.items() for flag in ("-c", f"{name}={value}"))]

    def _write_authentication(self) -> None:
        super()._write_authentication()
        with (self.cluster / "pg_hba.conf").open("a") as file:
            file.write("local replication all peer map=gateway\n")

    def follow(self, primary: EmbeddedPostgres) -> None:
        """Begin as a copy of the primary that streams from it."""
        self._run_as, self._programs = primary._run_as, primary._programs
        self._make_data_dir()
        argv = [str(primary.program("pg_basebackup")), "-D", str(self.cluster), "-R", "-X", "stream", "-c", "fast",
                "-d", f"host={primary.socket_dir} user=gateway"]  # fmt: skip
        self.data_dir.chmod(0o777)
        done = self._run(argv)
        assert done.returncode == 0, done.stderr

    def command(self, sql: str) -> None:
        with psycopg.connect(self.database_url("postgres"), autocommit=True) as direct:
            direct.execute(sql)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Replicated, Replicated]]:
    """A primary with the migrated schema, and its replica."""
    base = Path(tempfile.mkdtemp(prefix="llmgateway-replica-"))
    base.chmod(0o755)
    primary, copy = (Replicated(base / name, ephemeral=True, say=lambda line: None) for name in ("primary", "copy"))
    try:
        primary.start()
        source = psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_URL"]) | {"dbname": template.NAME}
        dumped = subprocess.run(
            [primary.program("pg_dump"), "-Fc", psycopg.conninfo.make_conninfo(**source)],
            capture_output=True,
            check=True,
        )
        restore = [primary.program("pg_restore"), "--no-owner", "-d", primary.url]
        subprocess.run(restore, input=dumped.stdout, check=True, capture_output=True)
        copy.follow(primary)
        copy.start()
        yield primary, copy
    finally:
        copy.remove()
        primary.remove()
        shutil.rmtree(base, ignore_errors=True)


Say = Callable[[str], dict[str, Any]]


@pytest.fixture
def say(servers: tuple[Replicated, Replicated]) -> Iterator[Say]:
    primary, copy = servers
    environment = os.environ | {
        "DATABASE_URL": primary.url, "DATABASE_DIRECT_URL": primary.url, "DATABASE_REPLICA_URL": copy.url,
        "REPLICA_MAX_LAG_SECONDS": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, DRIVER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def send(command: str) -> dict[str, Any]:
        stdin.write(f"{command}\n")
        stdin.flush()
        while not (answer := stdout.readline()).startswith("{"):
            assert answer, "the driver has ended"
        found: dict[str, Any] = json.loads(answer)
        return found

    yield send
    stdin.close()
    process.wait(20)


def until(ask: Callable[[], dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The first answer that has what is wanted; fails after 30 s."""
    deadline = time.monotonic() + 30
    while True:
        answer = ask()
        if wanted.items() <= answer.items():
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


@pytest.mark.slow
def test_a_replica_answers_while_it_is_near_and_the_primary_when_it_is_not(
    servers: tuple[Replicated, Replicated], say: Say
) -> None:
    """In one go, since servers are dear: near, behind one's own change, paused, near again, promoted, dead."""
    _, copy = servers
    say("seed")
    near = until(lambda: say("ask"), replica=True)
    shown = say("seen")
    copy.command("SELECT pg_wal_replay_pause()")
    say("book")
    at_once = say("ask")
    paused = _until_reason(say, "behind")
    warned = say("seen")
    copy.command("SELECT pg_wal_replay_resume()")
    again = until(lambda: say("ask"), replica=True)
    copy.command("SELECT pg_promote()")
    promoted = _until_reason(say, "is not a replica")
    copy.stop()
    dead = _until_reason(say, "does not answer")

    assert (near["requests"], near["snapshots"], near["stale"]) == (1, 1, False)
    assert (shown["doctor"], shown["status"], shown["samples"][0]) == ("ok", "ok", "gateway_replica_used 1")
    assert (at_once["requests"], at_once["replica"]) == (2, False)  # one's own change is seen, whatever the lag
    assert (paused["requests"], paused["replica"], paused["stale"]) == (2, False, False)
    assert (warned["doctor"], warned["status"], warned["samples"][0]) == ("warning", "warn", "gateway_replica_used 0")
    assert again["requests"] == 2
    assert (promoted["requests"], promoted["replica"], promoted["stale"]) == (2, False, False)
    assert (dead["requests"], dead["replica"], dead["stale"]) == (2, False, False)


def _until_reason(say: Say, words: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while words not in (answer := say("ask"))["reason"]:
        assert answer["requests"] == 2, answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer
