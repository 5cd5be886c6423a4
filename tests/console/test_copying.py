"""A request as a command and as code: what is copied works as it is pasted, for every path."""

import json
import subprocess
from pathlib import Path

import pytest

from analytics.console.explorer.copying import CHAT, SHAPES, samples
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.models import LedgerLine
from gateway.simulator.process import SimulatorProcess

PNG = bytes.fromhex("89504e470d0a1a0a")


def line(path: str, **columns: object) -> LedgerLine:
    model = "text-embedding-3-small" if path == "/embeddings" else "it's-a-model"
    return LedgerLine(endpoint=f"/v1{path}", model_requested=model, **columns)


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_simulator: SimulatorProcess) -> str:
    """A shell in a folder with the files that samples name; answers are the simulated provider's."""
    fresh_simulator.configure(any_model=True)
    (tmp_path / "image.png").write_bytes(PNG)
    (tmp_path / "audio.mp3").write_bytes(b"\xff\xf3\x84\xc4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_KEY", "sk-test")
    return fresh_simulator.base_url


@pytest.mark.parametrize("path", SHAPES)
def test_what_is_copied_works_where_it_is_pasted(path: str, at_hand: str, capfd: pytest.CaptureFixture[str]) -> None:
    curl, python = samples(line(path, max_tokens=16), at_hand)

    shell = subprocess.run(
        ["bash", "-c", f"{curl.code} --silent --fail-with-body"], capture_output=True, check=False, timeout=30
    )
    assert shell.returncode == 0, shell.stdout
    exec(compile(python.code, "sample", "exec"), {})

    if SHAPES[path].output:
        assert Path(SHAPES[path].output).stat().st_size > 0
    else:
        assert isinstance(json.loads(shell.stdout), dict)
        assert capfd.readouterr().out.strip()


def test_a_stream_is_read_as_one(at_hand: str, capfd: pytest.CaptureFixture[str]) -> None:
    curl, python = samples(line(CHAT, is_stream=True), at_hand)

    shell = subprocess.run(["bash", "-c", f"{curl.code} --silent"], capture_output=True, check=False, timeout=30)
    exec(compile(python.code, "sample", "exec"), {})

    assert shell.stdout.rstrip().endswith(b"data: [DONE]")
    assert "ChatCompletionChunk" in capfd.readouterr().out


def test_every_path_of_the_gateway_has_its_shape() -> None:
    assert {f"/v1{path}" for path in SHAPES} == set(ENDPOINTS)


@pytest.mark.parametrize("path", ["/batches", ""])
def test_what_is_called_otherwise_is_shown_as_a_chat(path: str) -> None:
    curl, _ = samples(line(path), "http://gateway/v1")

    assert curl.code.startswith("curl http://gateway/v1/chat/completions \\\n")
