"""Secrets are rotated under a data plane that runs: it reads its file again, and no call notices."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import credentials, keyring
from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.gateway.dataplane.stack import ROOT, SECRETS, Stack

pytestmark = pytest.mark.slow


def manage(stack: Stack, *arguments: str) -> str:
    argv = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(argv, cwd=ROOT, env=stack.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def running(tmp_path: Path, simulator: SimulatorProcess) -> Iterator[Stack]:
    url = template.create(f"rotation_{os.getpid()}")
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
