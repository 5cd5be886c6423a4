"""The generated Go package against a real data plane with the simulated provider, by Go's own tests in `gateway/`."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.gateway.dataplane.conftest import World
from tests.sdkgen.go.conftest import HERE, Toolchain, program


@pytest.fixture(scope="module")
def environment(world: World) -> dict[str, str]:
    return {"GATEWAY_API_KEY": world.secret, "GATEWAY_BASE_URL": f"http://127.0.0.1:{world.stack.port}"}


def test_calls(
    toolchain: Toolchain, go_folder: Path, environment: dict[str, str], tmp_path: Path, world: World
) -> None:
    folder = program(HERE / "gateway", tmp_path / "program", go_folder)

    said = toolchain.run(folder, "test", "-v", "-count=1", "./...", environment=environment)

    assert said.count("--- PASS") == 10
    (request_id,) = re.findall(r"request (req_\w+)", said)
    (line,) = world.stack.lines(request_id)
    assert line["sdk"] == "go/1.0.0"


@pytest.fixture(scope="module")
def examples(toolchain: Toolchain, go_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled examples."""
    folder = tmp_path_factory.mktemp("examples")
    toolchain.run(go_folder, "build", "-o", f"{folder}/", "./examples/...")
    return folder


@pytest.mark.parametrize(
    ("name", "shown"),
    [("chat", "cost"), ("stream", "whole"), ("tools", "weather 1"), ("errors", "404 model_not_found true")],
)
def test_examples_run(examples: Path, environment: dict[str, str], name: str, shown: str) -> None:
    done = subprocess.run(
        [str(examples / name)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert shown in done.stdout
