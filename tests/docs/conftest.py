"""A data plane with a company, a provider, models and a key: what the documentation's examples take for granted."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

from gateway.simulator.process import SimulatorProcess
from tests.gateway.dataplane.stack import ROOT, Stack


@dataclass(frozen=True)
class Installation:
    """A running data plane and the key its documentation calls `GATEWAY_KEY`."""

    stack: Stack
    key: str

    @property
    def environment(self) -> dict[str, str]:
        """For commands typed on the server."""
        stack = self.stack
        path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
        return {
            **stack.environment(), "PATH": path, "GATEWAY_KEY": self.key,
        }  # fmt: skip

    def adapted(self, text: str) -> str:
        """The example's text with this installation's ports."""
        simulator = self.stack.simulator.url
        return text.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{self.stack.port}").replace(
            "http://127.0.0.1:9100", simulator
        )


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory, simulator: SimulatorProcess) -> Iterator[Installation]:
    name, base = f"documentation_{os.getpid()}", settings.DATABASE_DIRECT_URL
    with psycopg.connect(base, autocommit=True, dbname="postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = urlsplit(base)._replace(path=f"/{name}").geturl()
    environment = {**os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    stack = Stack(tmp_path_factory.mktemp("documentation"), url, simulator, secrets_in_file=True)
    stack.start()
    try:
        organization = stack.organization("demo")
        stack.model(stack.provider("openai"), "gpt-4o-mini")
        secret, _ = stack.key(organization, stack.project(organization))
        stack.wait_until_current()
        yield Installation(stack, secret)
    finally:
        stack.close()
