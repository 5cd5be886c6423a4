"""Worker and beat in one process: a scheduled task runs, the heart beats, TERM ends it, and what hangs ends it too."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from config import watch
from config.celery import app
from gateway import places
from gateway.models import Heartbeat
from tests.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run(transactional_db: None, tmp_path: Path) -> Iterator[Run]:
    begun: list[subprocess.Popen[str]] = []
    found = connection.get_connection_params()
    url = f"postgresql://{found['user']}@/{found['dbname']}?host={found['host']}"

    def begin(*arguments: str, **more: str) -> subprocess.Popen[str]:
        env = {**os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url, "DATA_DIR": str(tmp_path), **more}
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    running = RedisServer()
    yield running
    running.close()


def wait_for(process: subprocess.Popen[str], condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_heart_beats_and_term_ends_it(run: Run, tmp_path: Path) -> None:
    process = run("manage.py", "run_background", "--concurrency", "2")
    wait_for(process, Heartbeat.objects.exists)
    beat = Heartbeat.objects.get()
    wait_for(process, lambda: places.ages("beat", tmp_path))
    assert max(places.ages("background", tmp_path)) < 30

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)

    assert beat.name.startswith("background:")
    assert beat.info["pid"] == process.pid
    assert beat.info["concurrency"] == 2
    assert "rollup" in beat.info["queues"]
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert not Heartbeat.objects.exists()


@pytest.mark.slow
def test_two_workers_have_a_row_each(run: Run) -> None:
    first, second = (run("manage.py", "run_background", "--no-beat") for _ in range(2))

    wait_for(first, lambda: Heartbeat.objects.of("background").count() == 2)

    assert {beat.info["pid"] for beat in Heartbeat.objects.all()} == {first.pid, second.pid}


@pytest.mark.slow
def test_a_schedule_alone_has_a_row(run: Run, redis: RedisServer) -> None:
    process = run("manage.py", "run_background", "--beat-only", REDIS_URL=redis.url)
    wait_for(process, Heartbeat.objects.exists)
    assert Heartbeat.objects.get().name.startswith("beat:")

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)

    assert (process.returncode, Heartbeat.objects.count()) == (0, 0), output


@pytest.mark.slow
def test_a_task_that_hangs_ends_the_process(run: Run) -> None:
    process = run("-m", "tests.config.hanging", "task")
    output, _ = process.communicate(timeout=60)

    assert process.returncode == watch.HUNG, output
    assert "the task has begun" in output
    assert re.search(r"task tests\.hang \([0-9a-f-]{36}\) runs for more than 2 s: this process ends", output)
    assert Heartbeat.objects.count() == 1  # nobody has taken its place: it rings


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["memory", "redis"])
def test_a_loop_that_stands_still_ends_the_process(run: Run, redis: RedisServer, broker: str) -> None:
    process = run("-m", "tests.config.hanging", "loop", REDIS_URL=redis.url if broker == "redis" else "")
    output, _ = process.communicate(timeout=60)

    assert process.returncode == watch.HUNG, output
    assert "the loop has gone round" in output
    assert "no message was looked for in 5 s: this process ends" in output


def test_every_task_has_a_limit_and_none_that_does_nothing() -> None:
    """A pool of threads knows no soft limit."""
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]

    assert settings.CELERY_TASK_TIME_LIMIT == 1_800
    assert not hasattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT")
    assert len(ours) > 30
    assert [task.name for task in ours if task.soft_time_limit] == []
    assert [task.name for task in ours if (task.time_limit or 0) < settings.CELERY_TASK_TIME_LIMIT] == []
