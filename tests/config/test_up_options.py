"""The options of `manage.py up`, before anything is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("port", ["abc", "80000", "0", "-1", "²"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_wrong_port_is_said_in_one_line(tmp_path: Path, port: str, by: str) -> None:
    given = [f"--port={port}"] if by == "option" else []
    env = os.environ | ({"PORT": port} if by == "environment" else {})

    ended = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "up", f"--data-dir={tmp_path}", *given],
        env=env, text=True, capture_output=True, timeout=30,
    )  # fmt: skip

    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith(f"argument --port: {port!r} is not a port between 1 and 65535")
    assert "Traceback" not in ended.stderr
