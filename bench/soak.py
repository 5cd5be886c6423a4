"""Ten minutes at 70 % of what one process can do, everything on: memory stays flat, nothing fails, nothing is lost."""

import argparse
import tempfile
import threading
from pathlib import Path

from bench import common
from bench.common import Report, quantile, rss_mb
from bench.dataplane import load, upstream
from bench.dataplane.peers import Target
from bench.everything import CONFIGURATION, SETTLE_S
from bench.stack import Stack

SHARE = 0.7
SAMPLE_S = 5.0
WARM_SHARE = 0.1
"""The first tenth of the run fills pools and caches; memory is judged from there on."""


class Memory:
    """Samples a process's resident memory until the block ends; `samples` in MB."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.samples: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self.samples.append(rss_mb(self.pid))

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()


def run(options: argparse.Namespace) -> Report:
    load.need_wrk()
    report = Report("soak", f"{load.CONNECTIONS} connections, {options.seconds:g} s at 70 % load, everything on")
    with (
        tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name,
        upstream.start(Path(name)) as instant,
        Stack(instant.base_url) as stack,
    ):
        report.setting += f", upstream {instant.name}"
        before = instant.served()
        headers = {"Authorization": f"Bearer {stack.key}"}
        target = Target("this gateway", f"{stack.url}/v1", headers, stack.dataplane_pid)
        stack.manage("shell", "-c", CONFIGURATION)
        load.run(target, SETTLE_S)
        full = load.run(target, 10)
        pause_ms = pause_ms_for(target, SHARE * full.per_second)
        with Memory(target.pid) as memory:
            soaked = load.run(target, options.seconds, pause_ms=pause_ms)
        stack.wait_idle()
        served = instant.served() - before - instant.own_requests
        lines = stack.wait_for_lines(served, timeout=180)
        verified = "consistent" if stack.verifies() else "not consistent"
    settled = memory.samples[max(1, int(WARM_SHARE * len(memory.samples))) :]
    middle = quantile(settled, 0.5)
    report.add("requests/s, as fast as it goes", full.per_second, "1/s")
    report.add("requests/s during the soak", soaked.per_second, "1/s")
    report.add("share of full load", soaked.per_second / full.per_second * 100, "%", at_least=65)
    report.add("answers other than 2xx, broken connections", soaked.refused + soaked.broken, "", at_most=0)
    report.add("latency p99", soaked.p99_ms, "ms")
    report.add("resident memory, median", middle, "MB")
    report.add("resident memory: largest deviation from it", _deviation(settled, middle), "%", at_most=5)
    report.add("requests that reached the upstream", served, "")
    report.add("difference to the ledger's lines", abs(served - lines), "", at_most=0)
    report.add(f"verify_ledger: {verified}", 0 if verified == "consistent" else 1, "", at_most=0)
    return report


def pause_ms_for(target: Target, wanted: float) -> float:
    """Pause of every connection at which all of them make `wanted` calls a second; found by trying."""
    pause_ms = load.CONNECTIONS / wanted * 1e3
    for _ in range(2):
        tried = load.run(target, 5, pause_ms=pause_ms)
        pause_ms = max(1.0, pause_ms + load.CONNECTIONS * (1 / wanted - 1 / tried.per_second) * 1e3)
    return pause_ms


def _deviation(samples: list[float], middle: float) -> float:
    """Per cent."""
    return max(abs(each - middle) for each in samples) / middle * 100


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="length of the soak (default %(default)s)")
    common.main("soak", run, parser)
