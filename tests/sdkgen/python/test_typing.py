"""The generated Python package and callers' code under `mypy --strict`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_package_and_its_callers(python_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sdk"
    shutil.copytree(python_folder, folder)
    usage = folder / "usage.py"
    shutil.copy(Path(__file__).with_name("usage.py.txt"), usage)
    expected = {
        (number, found[1])
        for number, line in enumerate(usage.read_text().splitlines(), 1)
        if (found := re.search(r"# error: ([\w-]+)$", line))
    }

    options = ["--strict", "--no-error-summary", "--show-error-codes", "--hide-error-context"]
    cache = ["--cache-dir", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "mypy", *options, *cache, "llm_gateway", "examples", "usage.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)

    wrong, elsewhere = set(), []
    for line in done.stdout.splitlines():
        found = re.match(r"usage\.py:(\d+): error: .*\[([\w-]+)\]$", line)
        if found:
            wrong.add((int(found[1]), found[2]))
        elif ": error:" in line:
            elsewhere.append(line)
    assert elsewhere == []
    assert wrong == expected
    assert done.stderr == ""
