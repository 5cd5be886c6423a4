"""The Go compiler, and the generated package on disk, each once. Without Go the tests are skipped; where CI has it,
they fail."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.files import write
from sdkgen.languages.base.language import generate
from sdkgen.languages.registry import named

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Toolchain:
    """Runs Go commands without a network."""

    go: str
    gofmt: str

    def run(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """What the command prints. Raises AssertionError when it fails."""
        return self._run([self.go, *arguments], folder, environment)

    def unformatted(self, folder: Path) -> str:
        """The files that gofmt would change."""
        return self._run([self.gofmt, "-l", "."], folder, None)

    def _run(self, command: list[str], folder: Path, environment: Mapping[str, str] | None) -> str:
        offline = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off"}
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **offline, **(environment or {})}, capture_output=True, text=True,
            timeout=500, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
        return done.stdout


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    go = shutil.which("go")
    if go is None:
        message = "Go is missing: scripts/toolchains/install.sh go"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    beside = Path(go).resolve().with_name("gofmt")
    return Toolchain(go, str(beside) if beside.exists() else "gofmt")


@pytest.fixture(scope="session")
def go_folder(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go package on disk."""
    folder = tmp_path_factory.mktemp("go") / "sdk"
    write(generate(named("go"), api, Config()).files, folder)
    return folder


def program(source: Path, folder: Path, package: Path) -> Path:
    """A module in `folder` of the sources in `source` that uses the package."""
    shutil.copytree(source, folder)
    (folder / "go.mod").write_text(
        "module program\n\ngo 1.19\n\nrequire example.com/llmgateway v0.0.0\n\n"
        f"replace example.com/llmgateway => {package}\n"
    )
    return folder
