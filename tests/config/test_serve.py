"""A data plane that cannot start ends, so that its supervisor starts it again; it never serves half-made."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from config.embedded.children import FRONT_PROTOCOL

ROOT = Path(__file__).resolve().parents[2]


def test_a_data_plane_without_a_place_for_its_spool_ends(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder, as a full disk gives none")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "config.embedded.serve", "config.dataplane:app", "--listen", f"127.0.0.1:{port}",
               "--protocol", FRONT_PROTOCOL]  # fmt: skip

    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "DATA_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 3, done.stdout + done.stderr
    assert "the data plane cannot start" in done.stdout + done.stderr
