"""`manage.py up` from nothing to a first page, and again on the same directory. Downloads are not part of it."""

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from bench import common
from bench.common import ROOT, Report
from bench.stack import answers, end, free_port, scratch
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.processes import spawn

PATIENCE_S = 300.0


def run(options: argparse.Namespace) -> Report:
    """A first start with a week of demo data, later starts, and the time that Ctrl-C takes."""
    report = Report(
        "start", f"manage.py up with the demo organization; {options.later} later starts, the slowest counts"
    )
    directory = scratch()
    try:
        first, _ = _start(directory)
        later = [_start(directory) for _ in range(options.later)]
    finally:
        EmbeddedPostgres(directory).remove()
        shutil.rmtree(directory, ignore_errors=True)
    report.add("first start to the first page", first, "s", at_most=60)
    report.add("later start to the first page", max(start for start, _ in later), "s", at_most=8)
    report.add("stop after Ctrl-C", max(stop for _, stop in later), "s")
    return report


def _start(directory: Path) -> tuple[float, float]:
    """Seconds until the sign-in page answers and a key has been printed, and seconds that the end takes."""
    port, simulator_port = free_port(), free_port()
    env = os.environ | {"DATA_DIR": str(directory), "DATABASE_URL": "", "DATABASE_DIRECT_URL": ""}
    log = directory / "up.log"
    command = [sys.executable, "manage.py", "up", "--port", str(port), "--data-dir", str(directory)]
    command += ["--simulator-port", str(simulator_port)]
    began = time.monotonic()
    with log.open("wb") as output:
        process = spawn(command, death_signal=signal.SIGTERM, output=output, env=env, cwd=ROOT)
    try:
        while not (b"Virtual key" in log.read_bytes() and answers(f"http://127.0.0.1:{port}/admin/login/")):
            if process.poll() is not None or time.monotonic() - began > PATIENCE_S:
                raise RuntimeError(f"manage.py up is not ready:\n{log.read_text()}")
            time.sleep(0.02)
        ready = time.monotonic() - began
    finally:
        stopping = time.monotonic()
        end(process, signal.SIGINT)
    return ready, time.monotonic() - stopping


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--later", type=int, default=3, help="later starts (default %(default)s)")
    common.main("start", run, parser)
