"""The generated TypeScript package against a real data plane with the simulated provider."""

import re
from pathlib import Path

import pytest

from tests.gateway.dataplane.conftest import World
from tests.sdkgen.typescript.toolchain import node, passed, run


@pytest.fixture
def environment(typescript_folder: Path, world: World) -> dict[str, str]:
    return {
        "SDK": str(typescript_folder / "node_modules/llm-gateway"),
        "GATEWAY_API_KEY": world.secret,
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{world.stack.port}",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.mark.slow
def test_calls(environment: dict[str, str], world: World):
    voices = world.stack.provider("voices")
    for name in ("tts-1", "whisper-1"):
        world.stack.model(voices, name)
    world.stack.wait_until_current()

    printed = passed(
        run(node(), "--test", "--test-reporter=tap", "tests/sdkgen/typescript/gateway.test.mjs", **environment)
    )

    ids = dict(re.findall(r"# (fetch|nodeFetch) (req_\w+)", printed))
    assert set(ids) == {"fetch", "nodeFetch"}
    for request_id in ids.values():
        (line,) = world.stack.lines(request_id)
        assert line["sdk"].startswith("typescript/1.0.0")
        assert line["end_user"] == "zoë"
    found = re.search(r"# once (req_\w+) (req_\w+)", printed)
    assert found is not None
    assert [len(world.stack.lines(request_id)) for request_id in found.groups()] == [1, 0]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("chat", "provider openai"),
        ("stream", "whole "),
        ("tools", "weather [ 'city' ]"),
        ("errors", "404 model_not_found true"),
        ("cancel", "left after 3 chunks"),
        ("embeddings", "[ [ 8, 8 ], [ 8 ] ]"),
    ],
)
def test_examples_run(typescript_folder: Path, environment: dict[str, str], name: str, shown: str):
    example = typescript_folder / f"{name}.mjs"
    example.write_text((typescript_folder / f"node_modules/llm-gateway/examples/{name}.mjs").read_text())

    done = run(node(), str(example), cwd=typescript_folder, **environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout
