"""A million rows in every format, as many as it takes in PDF: how memory grows while a file is written, and the time.

Each format has a process of its own. Growth is the process's largest resident size while it writes less the one after
its first thousand rows, so that imports and first buffers do not count.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import common
from bench.common import Report

FORMATS = ("csv", "json", "ndjson", "xlsx", "parquet", "pdf")
MOST_MIB = 150
START = datetime(2026, 1, 1, tzinfo=UTC)
WORKER = "from bench.exports import work; import sys; work(sys.argv[1], int(sys.argv[2]))"


def run(options: argparse.Namespace) -> Report:
    from analytics.exports.formats import FORMATS as KNOWN

    setting = f"{options.rows:,} rows of 10 columns, {KNOWN['pdf'].max_rows:,} in PDF; a process for each format"
    report = Report("exports", setting)
    report.versions = {name: version(name) for name in ("xlsxwriter", "pyarrow", "reportlab")}
    for name in FORMATS:
        rows = min(options.rows, KNOWN[name].max_rows)
        ran = subprocess.run(
            [sys.executable, "-c", WORKER, name, str(rows)], check=True, capture_output=True, text=True
        )
        found = json.loads(ran.stdout)
        report.add(f"{name}: growth of resident memory", found["growth_mib"], "MiB", at_most=MOST_MIB)
        report.add(f"{name}: time", found["seconds"], "s")
        report.add(f"{name}: size of the file", found["size_mib"], "MiB")
    return report


def work(name: str, rows: int) -> None:
    """In a process of its own: write the file, print what it took as JSON."""
    import psutil

    from analytics.exports.formats import FORMATS as KNOWN

    me = psutil.Process()
    sizes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        path = Path(folder) / "file"
        KNOWN[name].write(_table(rows), path, lambda count: sizes.append(me.memory_info().rss))
        seconds = time.monotonic() - began
        size = path.stat().st_size
    growth = max([*sizes, me.memory_info().rss]) - sizes[0]
    print(json.dumps({"seconds": seconds, "size_mib": size / 2**20, "growth_mib": growth / 2**20}))


def _table(rows: int) -> Any:
    from analytics.exports.table import Column, Table

    columns = (
        Column("started_at", "Started", "time"), Column("request_id", "Request"), Column("project", "Project"),
        Column("model", "Model"), Column("status", "Status"), Column("input_tokens", "Input tokens", "integer"),
        Column("output_tokens", "Output tokens", "integer"), Column("duration_ms", "Duration", "number"),
        Column("cost", "Cost", "money"), Column("is_final", "Final", "boolean"),
    )  # fmt: skip
    return Table("A million lines", columns, _rows(rows), expected=rows)


def _rows(rows: int) -> Iterator[list[Any]]:
    for number in range(rows):
        yield [
            START + timedelta(milliseconds=number * 37), f"req_{number:032x}", f"project-{number % 40}",
            f"model-{number % 12}", "ok" if number % 50 else "timeout", number % 9_000, number % 700,
            float(number % 3_000), Decimal(number % 100_000).scaleb(-7), True,
        ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.exports", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each file (default %(default)s)")
    common.main("exports", run, parser)
