"""The short run: one of each kind of fault that recovers at once, on a whole installation; nothing may be lost."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.common import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]


def test_nothing_is_lost_in_a_short_run(tmp_path: Path) -> None:
    kept = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "bench.chaos", "--cheap", "--seed", "7", "--minutes", "0", "--json", str(kept)]

    done = subprocess.run([*command, "--no-save"], cwd=ROOT, capture_output=True, text=True, timeout=600)

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    found = json.loads(kept.read_text())
    assert found["findings"] == []
    assert {(each["name"], each["target"]) for each in found["faults"]} == {
        ("kill -9", "data plane"), ("kill -9", "writer"), ("kill -9", "worker"), ("kill -9", "PostgreSQL"),
        ("reset wire", "Redis"), ("backends terminated", "PostgreSQL"), ("FLUSHALL", "Redis"), ("poison", "Celery"),
        ("poison", "spool"), ("lost after its 250", "SMTP"), ("cut streams", "provider"),
    }  # fmt: skip
    assert sum(figure["value"] for figure in found["figures"] if figure["name"] == "lines of the ledger") > 500
