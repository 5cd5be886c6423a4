"""What all benchmarks share: the figures they report, processor pinning, processor time, quantiles."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
SHARED_DATA = ROOT.parent / "shared" / "data"
CORES = sorted(os.sched_getaffinity(0))
MEASURED_CORE, LOAD_CORE = CORES[0], CORES[-1]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `target` with `at_least` True is a floor, False a ceiling; None is for information."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def row(self) -> str:
        """`name   value unit   target`, aligned for a terminal."""
        wanted = "" if self.target is None else f"{'≥' if self.at_least else '≤'} {self.target:,g}"
        verdict = "" if self.target is None else ("ok" if self.holds else "MISSED")
        return f"  {self.name:<58}{number(self.value):>12} {self.unit:<14}{wanted:>10}  {verdict}"


@dataclass(slots=True)
class Report:
    """Everything one run of one benchmark found; `setting` says under what circumstances."""

    benchmark: str
    setting: str
    figures: list[Figure] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: str = ""

    def add(
        self, name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Note a figure with its target, if it has one."""
        target = at_least if at_least is not None else at_most
        self.figures.append(Figure(name, float(value), unit, target, at_least is not None))

    @property
    def holds(self) -> bool:
        return all(figure.holds for figure in self.figures)


def number(value: float) -> str:
    """Four significant digits, thousands separated."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def main(name: str, run: Callable[[argparse.Namespace], Report], parser: argparse.ArgumentParser | None = None) -> None:
    """Run one benchmark from the command line: print its figures, keep them as JSON, exit 1 when a target is missed."""
    parser = parser or argparse.ArgumentParser(prog=f"python -m bench.{name}")
    parser.add_argument("--no-save", action="store_true", help="do not keep the result for the report")
    options = parser.parse_args()
    began, load_before = time.monotonic(), os.getloadavg()[0]
    report = run(options)
    print(f"\n{name}: {report.setting}")
    print(f"  skipped: {report.skipped}" if report.skipped else "\n".join(figure.row() for figure in report.figures))
    if not options.no_save:
        save(report, time.monotonic() - began, load_before)
    sys.exit(0 if report.holds else 1)


def save(report: Report, seconds: float, load_before: float) -> None:
    """Keep a run in `bench/results/<name>.json`; `load_before` shows whether the machine was quiet."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = {
        **asdict(report),
        "command": f"python -m bench.{report.benchmark} {' '.join(sys.argv[1:])}".strip(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "seconds": round(seconds, 1),
        "load_before": round(load_before, 2),
        "cores": len(CORES),
    }
    kept["versions"] = base_versions() | report.versions
    (RESULTS / f"{report.benchmark}.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def commit() -> str:
    """Short hash of the checkout, with `+` when files differ from it; empty outside of git."""
    try:
        head = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, text=True).strip()
        changed = subprocess.check_output(["git", "status", "--porcelain", "-uno"], cwd=ROOT, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{head}+" if changed else head


def base_versions() -> dict[str, str]:
    """Versions that every figure depends on."""
    names = ("django", "uvicorn", "uvloop", "httptools", "orjson", "psycopg")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


# ---- processors ----------------------------------------------------------------------------------------------------
def pin(pid: int, *cores: int) -> None:
    """Bind every thread of `pid` to these cores; threads and children that it makes later inherit it."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cores)


def pin_tree(pid: int, *cores: int) -> None:
    """`pin` for a process and everything below it."""
    for process in tree(pid):
        pin(process.pid, *cores)


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants, from /proc/PID/stat (10 ms ticks)."""
    times = [process.cpu_times() for process in tree(pid)]
    return sum(each.user + each.system for each in times)


def rss_mb(pid: int) -> float:
    """Resident memory of one process in MB (10⁶ bytes)."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6
