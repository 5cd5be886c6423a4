"""The vendors' official JavaScript clients, where Node.js is at hand and npm can fetch them (kept in `var/`)."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.dataplane.conftest import World

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "tests" / "js"
OPENAI, CLAUDE = "js-openai", "js-claude"


@pytest.fixture(scope="session")
def scripts() -> Path:
    """A folder with the script and its packages. Skips, with the reason, where they cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node.js on this machine")
    folder = ROOT / "var" / "js-clients"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCE / "package.json").read_text()
    stamp = folder / "installed.json"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.copy(SOURCE / "package.json", folder)
        # nothing that a package brings is run
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm did not fetch the clients in time")
        if done.returncode:
            pytest.skip("npm cannot fetch the clients")
        stamp.write_text(wanted)
    shutil.copy(SOURCE / "clients.mjs", folder)
    return folder


@pytest.fixture(scope="session")
def seen(world: World, scripts: Path) -> dict[str, Any]:
    """What the clients saw, in one run of Node."""
    stack = world.stack
    provider = stack.provider("js-provider")
    for name, upstream in ((OPENAI, "gpt-4o-mini"), ("js-whisper", "whisper-1"), ("js-tts", "tts-1")):
        stack.model(provider, name, upstream)
    claude = stack.provider("js-claude-provider", kind="anthropic", base_url=stack.simulator.url)
    stack.model(claude, CLAUDE, "claude-sonnet-5-5")
    stack.wait_until_current()
    command = ["node", "clients.mjs", f"http://127.0.0.1:{stack.port}", world.secret, OPENAI, CLAUDE]
    done = subprocess.run(command, cwd=scripts, capture_output=True, timeout=120, check=False, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", [OPENAI, CLAUDE])
def test_openais_client_chats_streams_and_calls_tools(seen: dict[str, Any], model: str) -> None:
    assert seen[model]["chat"] == {
        "finish": "length", "completion_tokens": 20, "streamed": True, "streamed_tokens": 12, "tool": "get_weather",
        "arguments": ["city"],
    }  # fmt: skip


@pytest.mark.parametrize("model", [OPENAI, CLAUDE])
def test_anthropics_client_sends_messages_streams_and_calls_tools(seen: dict[str, Any], model: str) -> None:
    assert seen[model]["messages"] == {
        "stop": "max_tokens", "output_tokens": 20, "streamed": True, "streamed_tokens": 20, "tool": "get_weather",
        "counted": True,
    }  # fmt: skip


def test_the_other_endpoints(seen: dict[str, Any]) -> None:
    assert seen["embeddings"] == [2, 1536]
    assert (seen["transcription"], seen["speech"], seen["models"]) == (True, "RIFF", True)


def test_errors_are_the_clients_own(seen: dict[str, Any]) -> None:
    assert seen["errors"] == {
        "openai": [404, "model_not_found", True],
        "anthropic": [404, "not_found_error", True],
    }
