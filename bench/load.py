"""Mixed load: people in the console and programs at the management API, while the data plane runs at 70 % of its best.

The demo organization has its 90 days. For its best the data plane has a core of its own, as in the other benchmarks;
during the load the gateway's processes go where the system puts them, as in an installation, and everything that makes
the load (nginx, wrk, the readers) stays on one core. Each reader asks for the next page `--pause` seconds after the
last one was whole; the time of a page is that of its answer, to the last byte. Then memory: resident megabytes of every
process of the gateway every five seconds, the mean of the last fifth beside that of the fifth after the first one.
"""

import argparse
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean
from typing import Any
from urllib.error import HTTPError
from urllib.request import OpenerDirector, build_opener

import psutil

from bench import common
from bench.common import CORES, Report, pin_tree, quantile, tree
from bench.dataplane import load, upstream
from bench.dataplane.pages import signed_in
from bench.dataplane.peers import Target
from bench.everything import CONFIGURATION, SETTLE_S
from bench.soak import pause_ms_for
from bench.stack import Stack

DEMO = "organization=demo"
PAGES = (
    f"/admin/?{DEMO}&range=30d", f"/admin/requests/?{DEMO}&range=7d", f"/admin/usage/?{DEMO}&range=30d&by=team",
    f"/admin/performance/?{DEMO}&range=30d", f"/admin/keys/?{DEMO}", f"/admin/costs/?{DEMO}&range=30d",
    f"/admin/budgets/?{DEMO}", f"/admin/realtime/?{DEMO}", f"/admin/recommendations/?{DEMO}",
)  # fmt: skip
QUESTIONS = (
    "/api/v1/usage-records", "/api/v1/admin/dashboard", "/api/v1/admin/dashboard/realtime", "/api/v1/api-keys",
    "/api/v1/admin/provider-health", "/api/v1/budgets", "/api/v1/routes", "/api/v1/audit-events",
)  # fmt: skip
PARTS = ("dataplane", "console", "writer", "background", "postgres")
FLAT = 10.0


class Reader(threading.Thread):
    """Asks for one path after the other until `over`; `seen` has seconds by path, `failures` what went wrong."""

    def __init__(self, opener: OpenerDirector, url: str, paths: tuple[str, ...], pause: float, number: int) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[str, float]] = []
        self.failures: list[str] = []
        self.over = threading.Event()
        self.opener, self._url, self._pause = opener, url, pause
        self._paths = itertools.cycle(paths[number % len(paths) :] + paths[: number % len(paths)])

    def run(self) -> None:
        while not self.over.wait(self._pause):
            path = next(self._paths)
            began = time.perf_counter()
            try:
                with self.opener.open(self._url + path, timeout=30) as page:
                    page.read()
                self.seen.append((path, time.perf_counter() - began))
            except HTTPError as error:
                self.failures.append(f"{path}: {error} {error.read(300).decode()}")
            except OSError as error:
                self.failures.append(f"{path}: {error}")


@contextmanager
def reading(readers: list[Reader]) -> Iterator[None]:
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        for reader in readers:
            reader.over.set()
        for reader in readers:
            reader.join(timeout=35)


class Memories(threading.Thread):
    """Megabytes that each part and everything below it has resident and shares with nobody, every five seconds."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.samples: dict[str, list[float]] = {part: [] for part in PARTS}
        self._pids = {part: stack.pid(part) for part in PARTS}
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(5):
            for part, pid in self._pids.items():
                self.samples[part].append(own_mb(pid))

    @property
    def is_long(self) -> bool:
        """Whether pools and caches have had the time to fill: half an hour."""
        return len(self.samples[PARTS[0]]) >= 360

    def growth(self, part: str) -> tuple[float, float]:
        """Megabytes in the end; growth in per cent since the second fifth of the time."""
        found, fifth = self.samples[part], max(1, len(self.samples[part]) // 5)
        early, late = mean(found[fifth : 2 * fifth] or found), mean(found[-fifth:])
        return late, 100 * (late / early - 1)


def own_mb(pid: int) -> float:
    found = 0
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):  # a connection's process may end meanwhile
            memory = process.memory_info()
            found += memory.rss - memory.shared
    return found / 1e6


def _management(stack: Stack) -> OpenerDirector:
    made: dict[str, Any] = json.loads(
        stack.manage("create_key", "--organization", "demo", "--scopes", "manage:read", "--json")
    )
    opener = build_opener()
    opener.addheaders = [("Authorization", f"Bearer {made['secret']}")]
    return opener


def run(options: argparse.Namespace) -> Report:
    load.need_wrk()
    report = Report(
        "load",
        f"{options.people} people, {options.programs} programs, {options.pause:g} s between pages, "
        f"{options.seconds:g} s, data plane at {100 * options.share:.0f} % with everything on",
    )
    with (
        tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name,
        upstream.start(Path(name)) as instant,
        Stack(instant.base_url) as stack,
    ):
        stack.manage("seed_demo")
        stack.manage("shell", "-c", CONFIGURATION)
        target = Target(
            "this gateway", f"{stack.url}/v1", {"Authorization": f"Bearer {stack.key}"}, stack.dataplane_pid
        )
        load.run(target, SETTLE_S)
        full = load.run(target, 10)
        pause_ms = pause_ms_for(target, options.share * full.per_second)
        people = [
            Reader(signed_in(stack.url, stack.admin_password), stack.url, PAGES, options.pause, number)
            for number in range(options.people)
        ]
        programs = [
            Reader(_management(stack), stack.url, QUESTIONS, options.pause, number)
            for number in range(options.programs)
        ]
        for path in PAGES:  # the processes have the pages' code by now
            people[0].opener.open(stack.url + path, timeout=60).read()
        for part in PARTS:
            pin_tree(stack.pid(part), *CORES)
        memories = Memories(stack)
        memories.start()
        with reading([*people, *programs]):
            loaded = load.run(target, options.seconds, pause_ms=pause_ms)
        memories.over.set()
        stack.wait_idle()
        verified = "consistent" if stack.verifies() else "not consistent"
    _figures(report, full, loaded, people, programs, memories)
    report.add(f"verify_ledger: {verified}", 0 if verified == "consistent" else 1, "", at_most=0)
    return report


def _figures(
    report: Report, full: load.Round, loaded: load.Round, people: list[Reader], programs: list[Reader],
    memories: Memories,
) -> None:  # fmt: skip
    report.add("requests/s, as fast as it goes", full.per_second, "1/s")
    report.add("requests/s meanwhile", loaded.per_second, "1/s")
    report.add("data plane: answers other than 2xx, broken connections", loaded.refused + loaded.broken, "", at_most=0)
    report.add("data plane: latency p99", loaded.p99_ms, "ms")
    for who, readers, limit in (("pages", people, 300.0), ("API", programs, None)):
        seen = [one for reader in readers for one in reader.seen]
        failures = [text for reader in readers for text in reader.failures]
        print("\n".join(failures[:5]), end="\n" if failures else "")
        report.add(f"{who}: answers", len(seen), "")
        report.add(f"{who}: failures", len(failures), "", at_most=0)
        report.add(f"{who}: p50", 1e3 * quantile([took for _, took in seen], 0.5), "ms")
        report.add(f"{who}: p95", 1e3 * quantile([took for _, took in seen], 0.95), "ms", at_most=limit)
        of = {path: [took for other, took in seen if other == path] for path, _ in seen}
        slowest = max(of, key=lambda path: quantile(of[path], 0.95))
        report.add(f"{who}: slowest, {slowest.partition('?')[0]}: p95", 1e3 * quantile(of[slowest], 0.95), "ms")
    for part in PARTS:
        late, growth = memories.growth(part)
        report.add(f"memory of {part} in the end", late, "MB")
        report.add(f"memory of {part}: growth", growth, "%", at_most=FLAT if memories.is_long else None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="length (default %(default)s)")
    parser.add_argument("--share", type=float, default=0.7, help="of the data plane's full load (default %(default)s)")
    parser.add_argument("--people", type=int, default=3, help="readers of pages (default %(default)s)")
    parser.add_argument("--programs", type=int, default=2, help="readers of the API (default %(default)s)")
    parser.add_argument("--pause", type=float, default=1, help="seconds between two pages (default %(default)s)")
    common.main("load", run, parser)
