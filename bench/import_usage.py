"""Importing the Azure trace of 2023 (28,185 requests) as ledger lines, start of the process included."""

import argparse
import csv
import time
from decimal import Decimal

import psycopg

from bench import common
from bench.common import SHARED_DATA, Report
from bench.stack import MAKE_ORGANIZATION, ORGANIZATION, database, manage

TRACE = SHARED_DATA / "azure_llm_2023"


def run(options: argparse.Namespace) -> Report:
    """Import both files once, then once more; compare lines and tokens with the files."""
    report = Report("import_usage", "both files in one command, priced as gpt-4o, durable PostgreSQL")
    files = sorted(TRACE.glob("*.csv"))
    if not files:
        report.skipped = f"{TRACE} is absent"
        return report
    command = ["import_usage", *map(str, files), "--format", "azure-trace", "--organization", ORGANIZATION]
    with database() as server:
        manage(server.env, "shell", "-c", MAKE_ORGANIZATION)
        seconds = []
        for _ in range(2):
            began = time.monotonic()
            manage(server.env, *command, "--mapping", "model=gpt-4o", "--json")
            seconds.append(time.monotonic() - began)
        found = _ledger(server.url)
    expected = _expected([list(csv.DictReader(path.open(newline=""))) for path in files])
    report.add("lines", found[0], "")
    report.add("import", seconds[0], "s", at_most=10)
    report.add("lines per second", found[0] / seconds[0], "1/s")
    report.add("second import, which adds nothing", seconds[1], "s")
    for name, ours, theirs in zip(("lines", "input tokens", "output tokens"), found, expected, strict=True):
        report.add(f"{name}: difference to the files", abs(ours - theirs), "", at_most=0)
    return report


def _ledger(url: str) -> tuple[int, int, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*), sum(input_tokens)::bigint, sum(output_tokens)::bigint FROM gateway_ledgerline"
        ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _expected(tables: list[list[dict[str, str]]]) -> tuple[int, int, int]:
    rows = [row for table in tables for row in table]
    sums = (sum(Decimal(row[name]) for row in rows) for name in ("ContextTokens", "GeneratedTokens"))
    return len(rows), *(int(total) for total in sums)  # type: ignore[return-value]


if __name__ == "__main__":
    common.main("import_usage", run)
