"""Worker and beat in one process: a scheduled task runs, the heart beats, TERM ends it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from gateway.models import Heartbeat

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def background(transactional_db: None) -> Iterator[subprocess.Popen[str]]:
    settings = connection.get_connection_params()
    url = f"postgresql://{settings['user']}@/{settings['dbname']}?host={settings['host']}"
    env = {**os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_background", "--concurrency", "2"],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def test_heart_beats_and_term_ends_it(background: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while not Heartbeat.objects.filter(name="background").exists():
        assert background.poll() is None, background.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)

    beat = Heartbeat.objects.get(name="background")
    background.send_signal(signal.SIGTERM)
    output, _ = background.communicate(timeout=20)

    assert beat.info["pid"] == background.pid
    assert beat.info["concurrency"] == 2
    assert background.returncode == 0, output
    assert "Traceback" not in output
