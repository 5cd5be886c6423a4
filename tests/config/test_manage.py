"""`manage.py` with a Python that has no Django."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


@pytest.fixture
def manage(tmp_path: Path) -> Path:
    return Path(shutil.copy(MANAGE, tmp_path))


def run(manage: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With the modules of the standard library alone."""
    command = [sys.executable, "-I", "-c", _WITHOUT_PACKAGES, str(manage), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


_WITHOUT_PACKAGES = """
import runpy, sys
sys.path = [place for place in sys.path if "site-packages" not in place and "dist-packages" not in place]
sys.argv = sys.argv[1:]
sys.orig_argv = ["python", *sys.argv]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_goes_on_in_the_environment(manage: Path) -> None:
    python = manage.parent / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "environment: $@"\n')
    python.chmod(0o755)

    done = run(manage, "query", "--metric", "cost")

    assert (done.returncode, done.stdout) == (0, f"environment: {manage} query --metric cost\n")


def test_without_an_environment_it_says_what_to_do(manage: Path) -> None:
    done = run(manage, "doctor")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Django is not installed for this Python. `make run` sets up everything, in .venv.\n"
