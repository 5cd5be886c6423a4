"""The generated Java package against a real data plane with the simulated provider: calls, streams, tools, errors,
repeats, cancelling; and its examples."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.gateway.dataplane.conftest import World
from tests.sdkgen.java.toolchain import compiled, java

HERE = Path(__file__).parent


def environment(world: World) -> dict[str, str]:
    return {
        **os.environ,
        "GATEWAY_API_KEY": world.secret,
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{world.stack.port}",
    }


def test_against_the_gateway(java_classes: Path, tmp_path: Path, world: World) -> None:
    sources = [HERE / "gateway" / "GatewayTest.java", HERE / "runtime" / "Check.java"]
    classes = compiled(sources, tmp_path / "tests", on=java_classes)
    command = [java(), "-cp", f"{java_classes}:{classes}", "com.llmgateway.core.Check", "GatewayTest"]

    done = subprocess.run(command, env=environment(world), capture_output=True, text=True, timeout=300, check=False)

    said = done.stdout.splitlines()
    assert [line for line in said if line.startswith("FAIL")] == [], done.stderr
    assert len([line for line in said if line.startswith("ok ")]) == 13
    requests = dict(line.split(" ") for line in said if line.startswith(("request ", "once ")))
    (line,) = world.stack.lines(requests["request"])
    assert line["sdk"].startswith("java/1.0.0")
    assert (line["end_user"], line["tag_set"]) == ("zoe", {"feature": "greet"})
    assert len(world.stack.lines(requests["once"])) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Chat", "cost: 0.0"),
        ("Stream", "cost: 0.0"),
        ("Tools", "weather [city]"),
        ("Errors", "There is no such model: model_not_found"),
        ("Asynchronous", "3 answers"),
    ],
)
def test_examples_run(
    java_folder: Path, java_classes: Path, tmp_path: Path, world: World, name: str, shown: str
) -> None:
    classes = compiled([java_folder / "examples" / f"{name}.java"], tmp_path / "example", on=java_classes)

    command = [java(), "-cp", f"{java_classes}:{classes}", name]
    done = subprocess.run(command, env=environment(world), capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr == ""
    assert shown in done.stdout
