"""The questions of the dashboard over 90 days: PostgreSQL and Python, nothing cached, the ledger never read.

The organization has 30 keys × 10 models × 5 teams. A part of the days is loaded into the ledger and rolled up; its rows
are then copied to the other days, which makes the rollups of ten million lines in a few minutes and is checked by the
sums of lines. Processor time (in ticks of 10 ms, without PostgreSQL's parallel workers) tells a slow question from a
busy machine.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import psycopg

from bench import common, lines
from bench.common import ROOT, Report, quantile
from bench.rollups import STEP
from bench.stack import Database, database, manage

ZONE = "Asia/Kathmandu"
COPIES = 15
TABLES = [
    f"analytics_{cube}_{grain}"
    for grain, names in (
        ("quarter_hour", ("total", "model", "project", "key", "wide")),
        ("day", ("total", "model", "project", "key", "wide", "key_model", "outcome")),
    )
    for cube in names
]
MAKE = (
    "from uuid import UUID; from gateway.models import Organization; Organization.objects.create("
    f"pk=UUID('{lines.ORGANIZATION}'), slug='bench', name='Bench', reporting_timezone='{ZONE}')"
)
SUMS = ["requests", "errors", "error_rate", "total_tokens", "cost", "cost_per_request"]
PERCENTILES = ["latency_p50", "latency_p95", "latency_p99", "ttft_p95", "output_rate_p50"]
QUESTIONS: dict[str, dict[str, Any]] = {
    "totals and the period before": {"measures": [*SUMS, *PERCENTILES], "compare_to": "previous_period"},
    "cost by day": {"measures": ["cost", "requests"], "granularity": "day"},
    "cost by day in the reporting zone": {"measures": ["cost", "requests"], "granularity": "day", "timezone": ZONE},
    "sums by model": {"measures": SUMS, "dimensions": ["model"], "compare_to": "previous_period"},
    "sums by model and day, the first five": {
        "measures": ["cost", "requests"], "dimensions": ["model"], "granularity": "day", "limit": 5,
    },
    "sums by team": {"measures": SUMS, "dimensions": ["team"]},
    "sums by key": {"measures": SUMS, "dimensions": ["api_key"], "limit": 10},
    "sums by key and model": {"measures": SUMS, "dimensions": ["api_key", "model"], "limit": 50},
    "percentiles by day": {"measures": PERCENTILES, "granularity": "day"},
    "percentiles by model": {"measures": PERCENTILES, "dimensions": ["model"]},
    "errors by type": {"measures": ["errors", "requests"], "dimensions": ["error_type"]},
    "statuses by week": {"measures": ["requests"], "dimensions": ["status"], "granularity": "week"},
    "people and keys by day": {"measures": ["distinct_users", "distinct_keys"], "granularity": "day"},
    "every hour, for the heat map": {"measures": ["requests"], "granularity": "hour"},
    "ragged edges": {"measures": SUMS, "dimensions": ["model"], "ragged": True},
}  # fmt: skip


def run(options: argparse.Namespace) -> Report:
    report = Report("query", f"{options.lines:,} lines in rollups of 90 days, 30 keys × 10 models × 5 teams, no cache")
    with database() as server:
        build(server, options.lines)
        command = [sys.executable, "-m", "bench.query", "--ask", str(options.times)]
        done = subprocess.run(command, cwd=ROOT, env=dict(server.env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-3000:])
    asked = json.loads(done.stdout.splitlines()[-1])
    for name in QUESTIONS:
        report.add(f"{name}: p95", quantile(asked["ms"][name], 0.95), "ms", at_most=100)
        report.add(f"{name}: processor time, Python + PostgreSQL, mean", asked["cpu_ms"][name], "ms")
    report.add("questions that read the ledger", len(asked["ledger"]), "", at_most=0)
    return report


def build(server: Database, count: int) -> None:
    """Rollups of so many lines on 90 days, and the local days of an organization that reports in `ZONE`."""
    manage(server.env, "shell", "-c", MAKE)
    days = lines.DAYS // COPIES
    lines.load(server.url, count // COPIES, days)
    starts = [(lines.first_day(days) + number * STEP).isoformat() for number in range(days // STEP.days)]
    command = [sys.executable, "-m", "bench.rollups", "--work", *starts]
    subprocess.run(command, cwd=ROOT, env=dict(server.env), stdout=subprocess.DEVNULL, check=True)
    with psycopg.connect(server.url, autocommit=True) as connection:
        for table in TABLES:
            copy(connection, table, days)
        for grain in ("day", "quarter_hour"):
            row = connection.execute(f"SELECT sum(lines) FROM analytics_wide_{grain}").fetchone()
            if row is None or row[0] != count // COPIES * COPIES:
                raise RuntimeError(f"{row} lines in the {grain} rows")
    manage(server.env, "shell", "-c", "from analytics.rollups.zones import follow_zones; follow_zones()")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def copy(connection: psycopg.Connection, table: str, days: int) -> None:
    """The rows of the last `days` days on all days before them."""
    names = connection.execute(
        "SELECT string_agg(format('%%I', column_name), ', ') FROM information_schema.columns WHERE table_name = %s "
        "AND column_name NOT IN ('id', 'bucket')",
        [table],
    ).fetchone()
    assert names is not None
    connection.execute(
        f"INSERT INTO {table} (bucket, {names[0]}) SELECT bucket - n * make_interval(days => %s), {names[0]} "
        f"FROM {table}, generate_series(1, %s) n",
        [days, COPIES - 1],
    )


def ask(times: int) -> None:
    """The child: print as JSON the times in ms by question, and which questions read the ledger."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection

    from analytics.query import Query, run
    from analytics.query import sql as query_sql
    from analytics.query.plan import make_plan
    from analytics.query.scope import scope_of
    from gateway.models import User

    root, _ = User.objects.get_or_create(username="bench", defaults={"is_superuser": True})
    backend = psutil.Process(connection.connection.info.backend_pid)
    found: dict[str, Any] = {"ms": {}, "cpu_ms": {}, "ledger": []}
    for name, fields in QUESTIONS.items():
        query = Query(**_window(dict(fields)), organization=lines.ORGANIZATION)
        text, parameters = query_sql.statement(make_plan(query, scope_of(root, query), datetime.now(UTC)))
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {text}", parameters)
            if any("gateway_ledgerline" in row[0] for row in cursor.fetchall()):
                found["ledger"].append(name)
        _timed(lambda query=query: run(root, query))
        _timed(lambda query=query: run(root, query))
        before = sum(backend.cpu_times()[:2]), time.process_time()
        found["ms"][name] = [_timed(lambda query=query: run(root, query)) for _ in range(times)]
        spent = sum(backend.cpu_times()[:2]) - before[0] + time.process_time() - before[1]
        found["cpu_ms"][name] = spent * 1000 / times
    print(json.dumps(found))


def _window(fields: dict[str, Any]) -> dict[str, Any]:
    """The last 90 days in the question's zone; `ragged` begins and ends in the middle of a day."""
    shift = timedelta(hours=-5, minutes=-45) if fields.get("timezone") == ZONE else timedelta(0)
    if fields.pop("ragged", False):
        shift = timedelta(hours=7, minutes=15)
    start = lines.first_day() + shift
    return {**fields, "start": start, "end": start + timedelta(days=lines.DAYS)}


def _timed(question: Any) -> float:
    """Milliseconds of one answer; nothing asked before is used."""
    from analytics import cache

    cache.clear()
    began = time.perf_counter()
    question()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask(int(sys.argv[2]))
        sys.exit(0)
    parser = argparse.ArgumentParser(prog="python -m bench.query", description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000, help="lines in rollups (default %(default)s)")
    parser.add_argument("--times", type=int, default=20, help="how often each is asked (default %(default)s)")
    common.main("query", run, parser)
