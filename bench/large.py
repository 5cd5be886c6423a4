"""A ledger of 50 million lines: how fast it fills, how dashboards answer over it, how long verifying takes.

Lines are booked as the writer books them, 5,000 in a transaction with their marks and spend. With `--data-dir` the
database is kept and a run that ended goes on where it was; without, it is deleted. Rollups are made with the product's
own refresh once the lines are there. `--lines` scales it down.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench import common, lines, query
from bench.common import ROOT, Report, quantile
from bench.stack import database, manage
from config.embedded.postgres import EmbeddedPostgres

BATCH = 5_000
MARKS = (1_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000)
FLAT = 15.0
VERIFY_S = 300.0
DONE = "CREATE TABLE IF NOT EXISTS bench_large (batch bigint PRIMARY KEY, seconds float8 NOT NULL)"


@contextmanager
def kept(directory: str) -> Iterator[dict[str, str]]:
    """Environment of commands on a database that outlives the run."""
    place = Path(directory).absolute()
    place.mkdir(parents=True, exist_ok=True)
    server = EmbeddedPostgres(place, say=lambda line: print(line, file=sys.stderr))
    server.start()
    try:
        env = os.environ | dict.fromkeys(("DATABASE_URL", "DATABASE_DIRECT_URL"), server.url) | {"DATA_DIR": str(place)}
        manage(env, "migrate", "--verbosity=0")
        yield env
    finally:
        server.stop()


@contextmanager
def place(directory: str) -> Iterator[dict[str, str]]:
    if directory:
        with kept(directory) as env:
            yield env
    else:
        with database() as made:
            yield dict(made.env)


def run(options: argparse.Namespace) -> Report:
    report = Report("large", f"{options.lines:,} lines over {lines.DAYS} days, booked {BATCH:,} at a time")
    with place(options.data_dir) as env:
        _child(env, "--book", str(options.lines))
        _rates(report, env, options.lines)
        if waits := _marked(env):
            began = time.monotonic()
            _child(env, "--refresh")
            report.add(f"rollups of {waits:,} quarter-hours", time.monotonic() - began, "s")
        asked = json.loads(_child(env, "--ask", str(options.times)).splitlines()[-1])
        slowest = max(quantile(found, 0.95) for found in asked["ms"].values())
        report.add("dashboards' questions: slowest p95", slowest, "ms", at_most=100)
        report.add("questions that read the ledger", len(asked["ledger"]), "", at_most=0)
        began = time.monotonic()
        manage(env, "verify_ledger")
        took = time.monotonic() - began
        report.add("verify_ledger", took, "s", at_most=VERIFY_S)
        report.add("verify_ledger, per million lines", took / options.lines * 1e6, "s")
    return report


def _rates(report: Report, env: dict[str, str], total: int) -> None:
    """Lines per second of the last tenth before each size; the largest deviation from their mean."""
    speeds = {}
    with psycopg.connect(env["DATABASE_URL"]) as connection:
        for mark in (*(one for one in MARKS if one < total), total):
            row = connection.execute(
                "SELECT count(*) * %s / sum(seconds) FROM bench_large WHERE batch < %s AND batch >= %s",
                [BATCH, mark // BATCH, (mark - mark // 10) // BATCH],
            ).fetchone()
            assert row is not None
            speeds[mark] = float(row[0])
            report.add(f"booking at {mark:,} lines", speeds[mark], "lines/s")
    mean = sum(speeds.values()) / len(speeds)
    report.add("booking: farthest from the mean", 100 * max(abs(one / mean - 1) for one in speeds.values()), "%",
               at_most=FLAT if len(speeds) > 1 else None)  # fmt: skip


def _marked(env: dict[str, str]) -> int:
    """Buckets that wait for a refresh; none in a run that goes on after it."""
    with psycopg.connect(env["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM gateway_dirtymark").fetchone()
    return int(row[0]) if row else 0


def _child(env: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "bench.large", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


# ---- children ------------------------------------------------------------------------------------------------------
def book_lines(total: int) -> None:
    """Book what is missing up to `total` lines, a batch and its note in one transaction."""
    _set_up()
    from django.db import connection as django_connection

    from gateway.ledger.booking import book
    from gateway.ledger.connect import connect
    from gateway.ledger.partitions import ensure_partitions
    from gateway.models import Organization

    Organization.objects.get_or_create(
        pk=lines.ORGANIZATION, defaults={"slug": "bench", "name": "Bench", "reporting_timezone": query.ZONE}
    )
    django_connection.close()
    start = lines.first_day()
    templates = _templates()
    with connect() as connection:
        connection.execute(DONE)
        row = connection.execute("SELECT coalesce(max(batch) + 1, 0) FROM bench_large").fetchone()
        first = int(row[0]) if row else 0
        ensure_partitions(connection, [start + timedelta(days=day) for day in range(lines.DAYS)])
        for batch in range(first, total // BATCH):
            made = [_line(templates, number, total, start) for number in range(batch * BATCH, (batch + 1) * BATCH)]
            began = time.perf_counter()
            with connection.transaction():
                book(connection, made)
                connection.execute("INSERT INTO bench_large VALUES (%s, 0)", [batch])
            took = time.perf_counter() - began
            connection.execute("UPDATE bench_large SET seconds = %s WHERE batch = %s", [took, batch])
            if batch % 100 == 0:
                print(f"  {(batch + 1) * BATCH:,} lines", file=sys.stderr, flush=True)
        connection.execute("VACUUM ANALYZE gateway_ledgerline")


def _templates() -> list[dict[str, Any]]:
    """Lines of many kinds, without what is of one line alone."""
    import random

    rng = random.Random(7)
    made = []
    for _ in range(2_000):
        key, model = rng.randrange(lines.KEYS), rng.randrange(len(lines.MODELS))
        tokens, answer = rng.randint(50, 4000), rng.randint(5, 900)
        costs = [f"{tokens * 25 / 1e7:.10f}", f"{answer * 1e-5:.10f}"]
        rates = zip(("input_tokens", "output_tokens"), (tokens, answer), ("0.0000025", "0.00001"), costs, strict=True)
        total = f"{float(costs[0]) + float(costs[1]):.10f}"
        made.append(
            {
                "organization": str(lines.ORGANIZATION), "project": str(UUID(int=200 + key % (2 * lines.TEAMS))),
                "team": str(UUID(int=100 + key % lines.TEAMS)), "api_key": str(UUID(int=1000 + key)),
                "user": str(UUID(int=300 + key % 12)), "provider": lines.PROVIDERS[model],
                "model_requested": lines.MODELS[model], "model_served": lines.MODELS[model], "kind": "attempt",
                "endpoint": "chat/completions", "status": "ok", "http_status": 200, "input_tokens": tokens,
                "output_tokens": answer, "duration_ms": round(rng.lognormvariate(7, 0.6), 3),
                "ttft_ms": round(rng.lognormvariate(5, 0.4), 3), "usage_source": "reported", "price_status": "priced",
                "cost": total, "list_cost": total,
                "charges": [
                    {"meter": meter, "rate_id": f"bench:{meter}", "quantity": str(quantity), "unit_price": price,
                     "cost": cost, "currency": "USD"}
                    for meter, quantity, price, cost in rates
                ],
            }
        )  # fmt: skip
    return made


def _line(templates: list[dict[str, Any]], number: int, total: int, start: datetime) -> dict[str, Any]:
    from gateway.ledger.ids import ms_of

    # sizes below `total` are prefixes of it: lines come in the order of time
    ms = ms_of(start) + lines.DAYS * 86_400_000 * number // max(total, 1)
    head = f"{ms:012x}"
    identity = f"{head[:8]}-{head[8:]}-7000-8000-{number:012x}"
    return templates[number * 7919 % len(templates)] | {"id": identity, "request_id": f"req_{number:x}"}


def refresh() -> None:
    _set_up()
    from analytics.rollups.marks import drain_marks

    drain_marks()


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--lines", type=int, default=50_000_000, help="how many (default %(default)s)")
    parser.add_argument("--data-dir", default="", help="keep the database here, and go on with it")
    parser.add_argument("--times", type=int, default=20, help="times each question is asked (default %(default)s)")
    for name, kind in (("--book", int), ("--ask", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--refresh", action="store_true", help=argparse.SUPPRESS)
    given, _ = parser.parse_known_args()
    if given.book:
        book_lines(given.book)
    elif given.refresh:
        refresh()
    elif given.ask:
        query.ask(given.ask)
    else:
        common.main("large", run, parser)
