"""The Go SDK against raw net/http and encoding/json: the same server, bodies and kind of connection, on loopback.

Server and client are processes of their own, each on a core of its own where there are two.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import common
from bench.common import CORES, ROOT, Report

SOURCE = Path(__file__).parent / "go" / "main.go"


def run(options: argparse.Namespace) -> Report:
    report = Report("sdk.golang", "chat completions of 200 bytes, streams of 40,000 chunks, medians of 9 rounds")
    go = shutil.which("go")
    if go is None:
        report.skipped = "Go is missing: scripts/toolchains/install.sh go"
        return report
    with tempfile.TemporaryDirectory() as kept:
        found = _measured(_built(go, Path(kept)))
    report.versions["go"] = found["go"]
    report.add("one call, p50, raw", found["raw_p50_us"], "µs")
    report.add("one call, p50, SDK", found["sdk_p50_us"], "µs")
    report.add("added by the SDK to a call's p50", found["added_p50_us"], "µs", at_most=300)
    report.add("a stream's chunks a second, raw", found["raw_chunks_per_s"], "1/s")
    report.add("a stream's chunks a second, SDK", found["sdk_chunks_per_s"], "1/s", at_least=50_000)
    return report


def _built(go: str, folder: Path) -> Path:
    """The program, on an SDK that is generated now."""
    command = [sys.executable, "scripts/offline.py", "generate_sdk", "go", "--output", str(folder / "sdk")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    program = folder / "program"
    program.mkdir()
    shutil.copy(SOURCE, program)
    (program / "go.mod").write_text(
        "module program\n\ngo 1.19\n\nrequire example.com/llmgateway v0.0.0\n\n"
        "replace example.com/llmgateway => ../sdk\n"
    )
    subprocess.run([go, "build", "-o", "program", "."], cwd=program, check=True, env={**os.environ, "GOPROXY": "off"})
    return program / "program"


def _measured(program: Path) -> dict[str, Any]:
    server = subprocess.Popen([str(program), "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        client = subprocess.Popen([str(program), "call", address], stdout=subprocess.PIPE, text=True)
        if len(CORES) > 1:
            common.pin(server.pid, CORES[0])
            common.pin(client.pid, CORES[1])
        said, _ = client.communicate()
    finally:
        server.kill()
        server.wait()
    found: dict[str, Any] = json.loads(said)
    return found


if __name__ == "__main__":
    common.main("sdk.golang", run, argparse.ArgumentParser(prog="python -m bench.sdk.golang", description=__doc__))
