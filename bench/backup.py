"""A backup of a large ledger, and its restore: seconds of `backup`, of `restore --verify`, size of the file.

The ledger has its rollups and what keys have spent, so that the restored copy passes `verify_ledger`, which is part of
the time. The server is durable, as `manage.py up` runs it, and has the scratch database beside its own.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import psycopg

from bench import common, lines
from bench.common import ROOT, Report
from bench.stack import database, manage

SPENT = """
INSERT INTO gateway_keyspend (key_id, spent, requests)
SELECT api_key, coalesce(sum(cost), 0), sum(is_final::int) FROM gateway_ledgerline GROUP BY 1
"""


def run(options: argparse.Namespace) -> Report:
    report = Report("backup", f"{options.lines:,} ledger lines of {lines.DAYS} days with their rollups")
    with database() as server, tempfile.TemporaryDirectory(prefix="bench-backup-") as folder:
        lines.load(server.url, options.lines)
        starts = [lines.first_day() + timedelta(days=day) for day in range(0, lines.DAYS, 2)]
        argv = [sys.executable, "-m", "bench.rollups", "--work", *(start.isoformat() for start in starts)]
        subprocess.run(argv, cwd=ROOT, env=dict(server.env), check=True, stdout=subprocess.DEVNULL)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(SPENT)
        path = Path(folder) / "bench.tar"
        began = time.monotonic()
        manage(server.env, "backup", "--output", str(path))
        made = time.monotonic() - began
        manage(server.env, "restore", str(path), "--verify", "--jobs", str(options.jobs))
        restored = time.monotonic() - began - made
        size = path.stat().st_size
    report.add("backup", made, "s")
    report.add("backup", options.lines / made, "lines/s")
    report.add("restore --verify, verify_ledger included", restored, "s", at_most=1800)
    report.add("restore --verify", options.lines / restored, "lines/s")
    report.add("size of the file", size / options.lines, "bytes/line")
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.backup", description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000, help="ledger lines (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="workers of pg_restore (default %(default)s)")
    common.main("backup", run, parser)
