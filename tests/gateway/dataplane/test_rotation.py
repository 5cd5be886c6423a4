"""Secrets are rotated under a data plane that runs: it reads its file again, and no call notices."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import credentials, keyring
from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.gateway.dataplane.conftest import STACKS
from tests.gateway.dataplane.stack import ROOT, SECRETS, Stack

pytestmark = pytest.mark.slow


def manage(stack: Stack, *arguments: str) -> str:
    argv = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(argv, cwd=ROOT, env=stack.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def running(tmp_path: Path, simulator: SimulatorProcess) -> Iterator[Stack]:
    url = template.create(f"rotation_{os.getpid()}_{next(STACKS)}")
    stack = Stack(tmp_path, url, simulator, secrets_in_file=True)
    stack.start()
    yield stack
    stack.close()


def test_a_running_data_plane_follows(running: Stack, settings) -> None:
    organization = running.organization("acme")
    project = running.project(organization)
    running.model(running.provider("openai"), "gpt-4o-mini")
    old, _ = running.key(organization, project)
    running.wait_until_current()
    assert running.chat(old, "gpt-4o-mini").status == 200
    assert running.process is not None
    pid = running.process.pid

    manage(running, "rotate_secrets")
    settings.SECRETS_FILE, settings.SECRETS_FROM_FILE = running.data_dir / "secrets.env", frozenset(SECRETS)
    running.wait_until_current()  # the provider's row changed, so it was read again
    assert running.chat(old, "gpt-4o-mini").status == 200
    new, _ = running.key(organization, project)  # waits until the data plane knows it, under the new pepper
    assert max(keyring.current(fresh=True).peppers) == 3
    assert running.chat(new, "gpt-4o-mini").status == 200

    manage(running, "rotate_secrets", "--retire")
    ring = keyring.current(fresh=True)
    assert len(ring.field_keys) == 1
    assert ring.field_keys[0] not in settings.FIELD_ENCRYPTION_KEYS
    running.model(running.provider("second", credential=credentials.encrypt("sk-second")), "gpt-4o")
    running.wait_until_current()
    assert [running.chat(secret, model).status for secret in (old, new) for model in ("gpt-4o-mini", "gpt-4o")] == [
        200, 200, 200, 200,
    ]  # fmt: skip
    assert running.process.pid == pid
    assert running.process.poll() is None


class Load:
    """Callers that go on until they are stopped, each on one of the data planes in turn; what they were answered."""

    def __init__(self, planes: list[Stack], secret: str, callers: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._planes, self._secret = planes, secret
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(callers)]

    def _call(self, number: int) -> None:
        plane = self._planes[number % len(self._planes)]
        while not self._ended.is_set():
            self.statuses[plane.chat(self._secret, "gpt-4o-mini").status] += 1

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def test_no_call_and_no_sealed_write_notices_a_rotation(running: Stack, settings: Any, tmp_path: Path) -> None:
    """Eight callers on two data planes, a background process, and credentials that are stored meanwhile."""
    second = Stack(running.data_dir, running.url, running.simulator, secrets_in_file=True)
    background = [sys.executable, "manage.py", "run_background"]
    with open(tmp_path / "background.log", "wb") as log:
        worker = subprocess.Popen(background, cwd=ROOT, env=running.environment(), stdout=log, stderr=log)
    try:
        second.start()
        organization = running.organization("acme")
        project = running.project(organization)
        running.model(running.provider("openai"), "gpt-4o-mini")
        secret, _ = running.key(organization, project)
        second.wait_for(lambda: second.get("/v1/models", secret).status == 200)
        running.wait_for(lambda: _kinds(running) >= {"dataplane", "background"}, timeout_s=60)
        settings.SECRETS_FILE, settings.SECRETS_FROM_FILE = running.data_dir / "secrets.env", frozenset(SECRETS)

        stored = Sealing(running)
        with Load([running, second], secret, callers=8) as load, stored:
            for step in ([], ["--retire"]):
                before = load.statuses.total()
                manage(running, "rotate_secrets", *step)
                running.wait_for(lambda before=before: load.statuses.total() > before + 20)

        ring = keyring.current(fresh=True)
        assert len(ring.field_keys) == 1
        assert ring.field_keys[0] not in settings.FIELD_ENCRYPTION_KEYS
        assert set(load.statuses) == {200}
        assert load.statuses.total() > 40
        assert stored.count > 10
        assert stored.unreadable() == []
        assert worker.poll() is None
    finally:
        worker.terminate()
        worker.wait(30)
        second.close()


def _kinds(stack: Stack) -> set[str]:
    with stack.connect() as connection:
        return {row["name"].partition(":")[0] for row in connection.execute("SELECT name FROM gateway_heartbeat")}


class Sealing:
    """Stores credentials under whatever key is the first one then, from a process that follows the file as all do."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.count = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._store)

    def _store(self) -> None:
        while not self._ended.wait(0.1):
            self.count += 1
            self._stack.provider(f"p{self.count}", credential=credentials.encrypt(f"sk-{self.count}"))

    def unreadable(self) -> list[str]:
        """Names of the providers whose credential the keys of now do not give back."""
        with self._stack.connect() as connection:
            rows = connection.execute("SELECT slug, credential FROM gateway_provider WHERE slug LIKE 'p%%'").fetchall()
        assert len(rows) == self.count
        return [row["slug"] for row in rows if credentials.decrypt(row["credential"]) != f"sk-{row['slug'][1:]}"]

    def __enter__(self) -> "Sealing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
