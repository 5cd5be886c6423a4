"""A data plane with a console beside it, as they run: two processes, one database, a Unix socket between them."""

import subprocess
import sys
from collections.abc import Iterator

import openai
import pytest

from tests.gateway.dataplane.conftest import World, stack, world  # noqa: F401  (fixtures)
from tests.gateway.dataplane.stack import ROOT

CONSOLES: dict[int, "subprocess.Popen[bytes]"] = {}
"""By the port of their data plane."""


@pytest.fixture(scope="session")
def with_console(world: World) -> Iterator[World]:  # noqa: F811
    """The world, whose data plane has its console now."""
    stack = world.stack  # noqa: F811
    path = stack.data_dir / "run" / "console.sock"
    path.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--uds", str(path)]
    with (stack.data_dir / "console.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--log-level", "warning"], cwd=ROOT, env=stack.environment(), stdout=log, stderr=log
        )
        stack.wait_for(lambda: stack.get("/api/openai/v1/files").status == 401, 60)
        CONSOLES[stack.port] = process
        yield world
        process.terminate()
        process.wait(20)


def client_of(world: World, secret: str = "") -> openai.OpenAI:  # noqa: F811
    return openai.OpenAI(
        base_url=f"http://127.0.0.1:{world.stack.port}/v1", api_key=secret or world.secret, max_retries=0
    )


@pytest.fixture
def client(with_console: World) -> Iterator[openai.OpenAI]:
    with client_of(with_console) as client:
        yield client
