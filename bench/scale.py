"""Data-plane processes behind one port: processor time per request, what a million requests cost, the capacity model.

1, 2 and 4 processes take turns on one listening socket, over one database and one spool folder, each with as many
connections as the one: more processes are there for more calls. Their processor time per request is compared;
throughput is compared only where the machine has cores for it (2n + 2 of them). Processor time of the ledger writer,
PostgreSQL and the background process is counted until the last line is booked and rolled up. Then `config.capacity`
says what the rounds should have used, from what one process cost, and how far off that is.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from bench import common
from bench.common import CORES, LOAD_CORE, MEASURED_CORE, Report, cpu_seconds, pin_tree, rss_mb
from bench.dataplane import load, upstream
from bench.dataplane.peers import Target
from bench.stack import Stack, answers, end, wait_for
from config.capacity import Costs, used_cores
from config.embedded.children import FRONT_PROTOCOL

COUNTS = (1, 2, 4)
BEHIND = ("writer", "postgres", "background")
RATIO = 1.15


@dataclass(frozen=True, slots=True)
class Seen:
    """One round: `busy` is processor time of the data planes, `behind` of each part until all was booked."""

    requests: int
    failed: int
    per_second: float
    busy: float
    behind: dict[str, float]

    @property
    def cpu_us(self) -> float:
        return self.busy / max(1, self.requests) * 1e6


@contextmanager
def planes(stack: Stack, count: int) -> Iterator[tuple[str, list[int]]]:
    """URL and process ids of so many data planes on one listening socket."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        listener.set_inheritable(True)
        number, port = listener.fileno(), listener.getsockname()[1]
        command = [sys.executable, "-m", "config.embedded.serve", "config.dataplane:app", "--fd", str(number),
                   "--protocol", FRONT_PROTOCOL]  # fmt: skip
        log = (stack.directory / f"planes-{count}.log").open("wb")
        environment = stack.env | {"GATEWAY_PROCESSES": str(count)}
        started = [
            subprocess.Popen(command, env=environment, cwd=common.ROOT, stdout=log, stderr=log, pass_fds=[number])
            for _ in range(count)
        ]
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 90, "the data planes")
            time.sleep(2 * count)  # each of them has read its configuration
            for process in started:
                pin_tree(process.pid, MEASURED_CORE) if len(CORES) < 2 * count + 2 else None
            yield f"http://127.0.0.1:{port}/v1", [process.pid for process in started]
        finally:
            for process in started:
                end(process)
            log.close()


def _round(stack: Stack, count: int, seconds: float) -> Seen:
    with planes(stack, count) as (url, pids):
        target = Target("planes", url, {"Authorization": f"Bearer {stack.key}"}, pids[0])
        connections = load.CONNECTIONS * count
        load.run(target, 2, connections)
        _settled(stack)
        before = sum(map(cpu_seconds, pids))
        behind = {name: cpu_seconds(stack.pid(name)) for name in BEHIND}
        found = load.run(target, seconds, connections)
        busy = sum(map(cpu_seconds, pids)) - before
        _settled(stack)
    spent = {name: cpu_seconds(stack.pid(name)) - behind[name] for name in BEHIND}
    return Seen(found.requests, found.refused + found.broken, found.per_second, busy, spent)


def _settled(stack: Stack) -> None:
    """Until every line is booked and the rollups have it."""
    seen = -1
    while (now := stack.ledger_lines()) != seen:
        seen = now
        time.sleep(1.5)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:

        def is_done() -> bool:
            row = connection.execute("SELECT count(*) FROM gateway_dirtymark").fetchone()
            return row is not None and row[0] == 0

        wait_for(is_done, 90, "the rollups")  # the open quarter-hour is refreshed every 20 s


def _bytes(stack: Stack) -> tuple[float, float, float]:
    """Of the ledger and of the rollups per line, of the spool per request."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        row = connection.execute(
            "SELECT (SELECT count(*) FROM gateway_ledgerline), "
            "(SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('gateway_ledgerline')), "
            "(SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' "
            "AND relname LIKE 'analytics_%'), "
            '(SELECT sum(segment * 33554432::bigint + "offset") FROM gateway_spoolcursor)'
        ).fetchone()
    assert row is not None
    lines = max(1, row[0])
    return float(row[1]) / lines, float(row[2]) / lines, float(row[3]) / lines


def run(options: argparse.Namespace) -> Report:
    load.need_wrk()
    report = Report(
        "scale",
        f"{load.CONNECTIONS} connections for each process, {options.rounds} × {options.seconds:g} s for each number",
    )
    seen: dict[int, list[Seen]] = {count: [] for count in COUNTS}
    with (
        tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as scratch,
        upstream.start(Path(scratch)) as instant,
        Stack(instant.base_url) as stack,
    ):
        for part in BEHIND:
            pin_tree(stack.pid(part), LOAD_CORE)
        for _ in range(options.rounds):
            for count in COUNTS:
                seen[count].append(_round(stack, count, options.seconds))
                last = seen[count][-1]
                print(f"  {count} processes {last.per_second:9,.0f}/s {last.cpu_us:9,.0f} µs", flush=True)
        sizes = _bytes(stack)
        memory = rss_mb(stack.dataplane_pid)
    _figures(report, seen, sizes, memory)
    return report


def _figures(report: Report, seen: dict[int, list[Seen]], sizes: tuple[float, float, float], memory: float) -> None:
    middle = {count: median(one.cpu_us for one in rounds) for count, rounds in seen.items()}
    for count in COUNTS:
        report.add(f"processor time per request, {count} processes", middle[count], "µs")
        if count > 1:
            report.add(
                f"{count} processes ÷ 1: processor time per request", middle[count] / middle[1], "×", at_most=RATIO
            )
            if len(CORES) >= 2 * count + 2:
                ratio = median(one.per_second for one in seen[count]) / median(one.per_second for one in seen[1])
                report.add(f"{count} processes ÷ 1: requests per second", ratio, "×")
            else:
                print(f"  {count} processes ÷ 1, requests per second: not measured ({len(CORES)} cores)")
    every = [one for rounds in seen.values() for one in rounds]
    requests = sum(one.requests for one in every)
    behind = {name: sum(one.behind[name] for one in every) / requests * 1e6 for name in BEHIND}
    report.add("a million requests: data plane", middle[1], "CPU-seconds")
    for name, spent in behind.items():
        report.add(f"a million requests: {name}", spent, "CPU-seconds")
    for name, size in zip(("ledger, per line", "rollups, per line", "spool, per request"), sizes, strict=True):
        report.add(name, size, "bytes")
    report.add("memory of a data plane", memory, "MB")
    costs = Costs(middle[1], behind["writer"], behind["postgres"], behind["background"], *sizes, dataplane_mb=memory)
    for count in COUNTS:
        used = sum(one.busy + sum(one.behind.values()) for one in seen[count])
        expected = used_cores(sum(one.requests for one in seen[count]), costs)
        report.add(f"capacity model, {count} processes: error", 100 * abs(expected / used - 1), "%")
    report.add("answers other than 2xx, broken connections", sum(one.failed for one in every), "", at_most=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="length of a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every number (default %(default)s)")
    common.main("scale", run, parser)
