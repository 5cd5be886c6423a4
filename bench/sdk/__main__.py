"""The five SDKs against their language's plain HTTP: what a call and a streamed chunk cost, how long generating takes,
what importing the Python one costs, and the lines of one program (`code`). One server, of Go, on a core of its own;
each layer uses the same bodies and kind of connection, in turns. `--store` keeps the figures as what `sdk/benchmarks`
serves."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import common
from bench.common import CORES, ROOT, Report
from bench.sdk import code, languages

ORDER = ("python", "typescript", "java", "go", "csharp")
CALL_US = {"python": 1000}
CHUNKS_PER_S = {"python": 15_000}
STORED = ROOT / "sdkgen" / "data" / "benchmarks"
KEPT_RUNS = 12


def run(options: argparse.Namespace) -> Report:
    report = Report("sdk", "calls of 260 bytes on one connection, streams of 40,000 chunks; medians of rounds")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as kept, _serving(Path(kept)) as address:
        took = _generated(Path(kept))
        for language in ORDER:
            report.add(f"{language}: generated in", took[language], "s", at_most=3)
        report.add("all five, the document read", sum(took.values()), "s", at_most=12)
        for language in options.languages or ORDER:
            folder = Path(kept) / language
            try:
                found = _measured(language, folder, address)
            except languages.AbsentError as absent:
                report.skipped = str(absent)
                continue
            _add(report, language, found)
            if language == "python":
                _add_import(report, folder / "sdk")
            if options.store:
                _store(language, found, load)
    return report


def _generated(folder: Path) -> dict[str, float]:
    """Seconds of each language, in one process; the packages are in FOLDER/LANGUAGE/sdk."""
    command = [sys.executable, "-m", "bench.sdk.generating", str(folder)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    process = subprocess.Popen(languages.server(folder), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if len(CORES) > 1:
            common.pin(process.pid, CORES[0])
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def _measured(language: str, folder: Path, address: str) -> dict[str, Any]:
    command, more = languages.command(language, folder / "sdk", folder / "program", address)
    pinned = ["taskset", "-c", str(CORES[-1])] if len(CORES) > 1 else []
    done = subprocess.run([*pinned, *command], capture_output=True, text=True, env={**os.environ, **more}, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{language}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _add(report: Report, language: str, found: dict[str, Any]) -> None:
    report.versions[language] = found["runtime"]
    report.add(f"{language}: one call, p50, raw", found["raw_p50_us"], "µs")
    added = found["sdk_p50_us"] - found["raw_p50_us"]
    report.add(f"{language}: added to a call's p50", added, "µs", at_most=CALL_US.get(language, 300))
    report.add(f"{language}: a stream's chunks a second, raw", found["raw_chunks_per_s"], "1/s")
    least = CHUNKS_PER_S.get(language, 50_000)
    report.add(f"{language}: a stream's chunks a second", found["sdk_chunks_per_s"], "1/s", at_least=least)
    if "openai_chunks_per_s" in found:
        ratio = found["sdk_chunks_per_s"] / found["openai_chunks_per_s"]
        report.versions["openai"] = version("openai")
        report.add(f"{language}: chunks a second ÷ the openai client's", ratio, "×", at_least=5)
    report.add(f"{language}: greatest resident memory", found["rss_bytes"] / 1e6, "MB")
    ours, raw = map(code.counted, code.sources(language))
    report.add(f"{language}: lines of a streamed call, raw", raw, "lines")
    report.add(f"{language}: lines of a streamed call ÷ raw", ours / raw, "×", at_most=0.5)


def _add_import(report: Report, sdk: Path) -> None:
    """Processor time of `import llm_gateway` over a bare interpreter, and the installed size."""
    env = {**os.environ, "PYTHONPATH": str(sdk)}
    bare, own = (
        statistics.median(_cpu_ms([sys.executable, "-c", code], env) for _ in range(15))
        for code in ("pass", "import llm_gateway; llm_gateway.Gateway(api_key='x')")
    )
    report.add("python: import over a bare interpreter, processor", own - bare, "ms", at_most=80)
    size = sum(path.stat().st_size for path in (sdk / "llm_gateway").rglob("*.py"))
    report.add("python: installed size", size / 1000, "kB", at_most=400)


def _cpu_ms(command: list[str], env: dict[str, str]) -> float:
    before = os.times()
    subprocess.run(command, env=env, check=True)
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system) * 1000


def _store(language: str, found: dict[str, Any], load: float) -> None:
    """Add the run to the language's file; the newest of a version replaces the others of it."""
    path = STORED / f"{language}.json"
    runs = json.loads(path.read_text())["runs"] if path.is_file() else []
    released = _version()
    runs = [each for each in runs if each["version"] != released][-KEPT_RUNS + 1 :]
    names = ["openai"] if "openai_chunks_per_s" in found else []
    call = {
        "test": "One chat completion of 260 bytes", "p50_ms": round(found["sdk_p50_us"] / 1000, 4),
        "raw_p50_ms": round(found["raw_p50_us"] / 1000, 4), "throughput": round(1e6 / found["sdk_p50_us"], 1),
        "raw_throughput": round(1e6 / found["raw_p50_us"], 1), "unit": "calls/s", "memory_bytes": None,
        "cpu_ms": round(found["sdk_cpu_us"] / 1000, 4), "success_rate": 1.0,
    }  # fmt: skip
    stream = {
        "test": "A stream of 40,000 chunks", "p50_ms": None, "raw_p50_ms": None,
        "throughput": round(found["sdk_chunks_per_s"], 1), "raw_throughput": round(found["raw_chunks_per_s"], 1),
        "unit": "chunks/s", "memory_bytes": int(found["rss_bytes"]), "cpu_ms": None, "success_rate": 1.0,
    }  # fmt: skip
    run = {
        "language": language, "version": released, "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": {
            "cores": len(CORES), "processor": platform.machine(), "runtime": found["runtime"],
            "system": f"{platform.system()} {platform.release().partition('-')[0]}", "load_before": round(load, 2),
            "versions": [{"name": name, "version": version(name)} for name in names],
        },
        "results": [call, stream],
    }  # fmt: skip
    STORED.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"runs": [*runs, run]}, indent=2, ensure_ascii=False) + "\n")


def _version() -> str:
    from sdkgen.languages.base.config import Config

    return Config().version


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.sdk", description=__doc__)
    parser.add_argument("languages", nargs="*", choices=[[], *ORDER], help="default: all")
    parser.add_argument("--store", action="store_true", help="keep the figures as what the API serves")
    common.main("sdk", run, parser)
