"""Rollups from ledger lines: lines per second of one worker process and of two, processor time per line.

Workers recompute days as they do for `manage.py rebuild_rollups`: a transaction takes the lines of some days from the
ledger into every cube. Two workers have two thirds of the days, one had the first third before them. Fewer lines than
ten million are on fewer days, so that a quarter-hour has as many as it would have then.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import psycopg

from bench import common, lines
from bench.common import ROOT, Report
from bench.stack import Database, database

STEP_DAYS = 2
STEP = timedelta(days=STEP_DAYS)
FULL = 10_000_000
"""So many lines are on 90 days."""


@dataclass(frozen=True, slots=True)
class Work:
    """What some workers did: ledger lines, seconds of the clock, seconds of processors (theirs and PostgreSQL's)."""

    lines: int
    wall: float
    cpu: float


def run(options: argparse.Namespace) -> Report:
    steps = max(3, round(lines.DAYS / STEP_DAYS * options.lines / FULL))
    days = steps * STEP_DAYS
    setting = f"{options.lines:,} lines of {days} days, 30 keys × 10 models × 5 teams, durable PostgreSQL"
    report = Report("rollups", setting)
    with database() as server:
        began = time.monotonic()
        lines.load(server.url, options.lines, days)
        loading = time.monotonic() - began
        one, two = (work(server, workers) for workers in shares(days, steps))
        rows, wrong = ask(server.url, _ROWS), ask(server.url, _DIFFERENT)
    report.add("loading the ledger by COPY", options.lines / loading, "lines/s")
    report.add("one worker", one.lines / one.wall, "lines/s")
    report.add("two workers", two.lines / two.wall, "lines/s", at_least=100_000)
    per_line = one.cpu / one.lines * 1e6, two.cpu / two.lines * 1e6
    report.add("processor time, one worker", per_line[0], "µs/line")
    report.add("processor time, two workers", per_line[1], "µs/line")
    report.add("processor time per line, two workers ÷ one", per_line[1] / per_line[0], "", at_most=1.15)
    report.add("lines that were rolled up", one.lines + two.lines, "", at_least=options.lines)
    report.add("rows of the widest cube by quarter-hour", rows, "")
    report.add("days whose lines or cost differ from the ledger's", wrong, "", at_most=0)
    return report


_ROWS = "SELECT count(*) FROM analytics_wide_quarter_hour"
_DIFFERENT = """
SELECT count(*) FROM (
  SELECT date_bin('1 day', started_at, timestamptz 'epoch') AS bucket, count(*) AS lines, sum(cost) AS cost
  FROM gateway_ledgerline GROUP BY 1) l
FULL JOIN analytics_total_day t USING (bucket) WHERE (l.lines, l.cost) IS DISTINCT FROM (t.lines::bigint, t.cost)
"""


def shares(days: int, steps: int) -> tuple[list[list[datetime]], list[list[datetime]]]:
    """By run, by worker: the starts of the days that it recomputes."""
    starts = [lines.first_day(days) + number * STEP for number in range(steps)]
    rest = starts[steps // 3 :]
    return [starts[: steps // 3]], [rest[::2], rest[1::2]]


def work(server: Database, workers: list[list[datetime]]) -> Work:
    """Start a process for each list of days, wait for all."""
    before, began = _cpu(server), time.monotonic()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.rollups", "--work", *(start.isoformat() for start in mine)],
            cwd=ROOT, env=dict(server.env), stdout=subprocess.PIPE, text=True,
        )
        for mine in workers
    ]  # fmt: skip
    answers = [child.communicate()[0].splitlines()[-1].split() for child in running]
    if any(child.returncode for child in running):
        raise RuntimeError("a worker failed")
    wall = max(float(ended) for _, _, ended, _ in answers) - min(float(started) for _, started, _, _ in answers)
    cpu = sum(float(own) for *_, own in answers) + _cpu(server) - before
    assert time.monotonic() - began >= wall
    return Work(sum(int(count) for count, *_ in answers), wall, cpu)


def _cpu(server: Database) -> float:
    """Processor seconds of the server and of every process that it had."""
    pid = int((Path(server.directory) / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    running = sum(sum(child.cpu_times()[:2]) for child in postmaster.children())
    return sum(postmaster.cpu_times()[:4]) + running


def recompute(starts: list[str]) -> None:
    """The child: print lines, when it began and ended (monotonic seconds), and its own processor seconds."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection

    from analytics.rollups.refresh import refresh

    connection.ensure_connection()
    began, worked = time.monotonic(), time.process_time()
    done = 0
    for start in map(datetime.fromisoformat, starts):
        done += refresh(lines.ORGANIZATION, start, start + STEP).lines
    ended, worked = time.monotonic(), time.process_time() - worked
    connection.close()
    print(done, began, ended, worked)


def ask(url: str, statement: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return int(row[0]) if row else -1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        recompute(sys.argv[2:])
        sys.exit(0)
    parser = argparse.ArgumentParser(prog="python -m bench.rollups", description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000, help="ledger lines (default %(default)s)")
    common.main("rollups", run, parser)
