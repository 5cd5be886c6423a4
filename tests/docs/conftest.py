"""A data plane with a company, a provider, models and a key: what the documentation's examples take for granted."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.gateway.dataplane.stack import Stack


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
    url = template.create(f"documentation_{os.getpid()}")
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
