"""Requests per second and processor time per request: this gateway, Portkey's and LiteLLM's, in one run.

Every target runs on the same core, alone; wrk (64 connections), the instant upstream, PostgreSQL, the ledger writer,
the background process and the console share the other one. Keys, pricing and the spool are on, and somebody reads
console pages through the data plane. A run that loses or invents a ledger line fails.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from bench import common
from bench.common import Report
from bench.dataplane import load, peers, upstream
from bench.dataplane.load import Round
from bench.dataplane.pages import PageReader
from bench.dataplane.peers import Target
from bench.stack import Stack


class Run:
    """The stack, the peers and what was measured. A subclass may configure the gateway and measure more."""

    name = "dataplane"
    floors = (("Portkey gateway", 3.0), ("LiteLLM proxy", 30.0))
    least_per_second = 1_500.0

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self.options, self.scratch = options, scratch
        self.rounds: dict[str, list[Round]] = {}
        self.forwarded = 0
        self.pages = 0

    def go(self) -> Report:
        """Measure and report."""
        options = self.options
        report = Report(self.name, f"{load.CONNECTIONS} connections, {options.rounds} × {options.seconds:g} s each")
        with upstream.start(self.scratch) as self.instant, Stack(self.instant.base_url) as self.stack:
            report.setting += f", upstream {self.instant.name}"
            ours = self.target()
            started = self._served_when_quiet()
            self.configure()
            self.forwarded += self.instant.served() - started - self.instant.own_requests
            with ExitStack() as running:
                others = [running.enter_context(peer(self.instant.base_url, self.scratch)) for peer in self._peers()]
                report.versions |= {target.name: target.version for target in others}
                self._measure(ours, others)
            self.afterwards(report)
            lines = self.stack.wait_for_lines(self.forwarded)
        self._figures(report, lines)
        return report

    def target(self) -> Target:
        """The measured data plane."""
        headers = {"Authorization": f"Bearer {self.stack.key}"}
        return Target("this gateway", f"{self.stack.url}/v1", headers, self.stack.dataplane_pid)

    def configure(self) -> None:
        """Before the load: nothing more than a key, a provider and a model."""

    def afterwards(self, report: Report) -> None:
        """After the rounds, the peers gone: nothing more."""

    def _peers(self) -> list[Callable[[str, Path], AbstractContextManager[Target]]]:
        return [] if self.options.no_peers else [peers.portkey, peers.litellm]

    def _measure(self, ours: Target, others: list[Target]) -> None:
        """All rounds, targets in turn, so that a noisy minute falls on all of them."""
        self._load_ours(ours, 2)  # connections, code paths and caches warm
        for target in others:
            load.run(target, 2)
        for number in range(self.options.rounds):
            for target in (ours, *others):
                seconds = self.options.seconds
                result = self._load_ours(target, seconds) if target is ours else load.run(target, seconds)
                self.rounds.setdefault(target.name, []).append(result)
                say = f"  {number + 1} {target.name:<18}{result.per_second:9,.0f}/s {result.cpu_us:9,.0f} µs"
                print(say, flush=True)

    def _load_ours(self, ours: Target, seconds: float) -> Round:
        """A round with the console in use; counts what the upstream was sent meanwhile."""
        before = self._served_when_quiet()
        with PageReader(self.stack.url, self.stack.admin_password) as reader:
            result = load.run(ours, seconds)
        if reader.failures or not reader.served:
            raise RuntimeError(f"the console served {reader.served} pages; failures: {reader.failures}")
        self.pages += reader.served
        self.stack.wait_idle()
        self.forwarded += self.instant.served() - before - self.instant.own_requests
        return result

    def _served_when_quiet(self) -> int:
        """What the upstream has served, once the peers' last calls, which wrk no longer waits for, are through."""
        seen, still = self.instant.served(), 0
        while still < 4:
            time.sleep(0.5)
            now = self.instant.served()
            still = still + 1 if now - seen == self.instant.own_requests else 0
            seen = now
        return seen

    def _figures(self, report: Report, lines: int) -> None:
        medians = {name: _median(rounds) for name, rounds in self.rounds.items()}
        ours = medians.pop("this gateway")
        report.add("requests/s", ours.per_second, "1/s", at_least=self.least_per_second)
        report.add("processor time per request", ours.cpu_us, "µs")
        report.add("latency p50 at 64 connections", ours.p50_ms, "ms")
        report.add("latency p99 at 64 connections", ours.p99_ms, "ms")
        report.add("answers other than 2xx, broken connections", ours.refused + ours.broken, "", at_most=0)
        report.add("requests that reached the upstream", self.forwarded, "")
        report.add("of them without a ledger line", max(0, self.forwarded - lines), "", at_most=0)
        report.add("ledger lines without one of them", max(0, lines - self.forwarded), "", at_most=0)
        report.add("console pages served meanwhile", self.pages, "", at_least=1)
        for name, floor in self.floors:
            if (peer := medians.get(name)) is not None:
                report.add(f"{name}: requests/s", peer.per_second, "1/s")
                report.add(f"{name}: processor time per request", peer.cpu_us, "µs")
                report.add(f"{name}: answers other than 2xx", peer.refused + peer.broken, "", at_most=0)
                report.add(f"this gateway ÷ {name}: requests/s", ours.per_second / peer.per_second, "×", at_least=floor)
                report.add(f"{name} ÷ this gateway: processor time", peer.cpu_us / ours.cpu_us, "×")


def _median(rounds: list[Round]) -> Round:
    """Medians of speed and times over the rounds; failures are summed."""
    middle = {
        name: statistics.median(getattr(each, name) for each in rounds)
        for name in ("per_second", "cpu_us", "p50_ms", "p99_ms")
    }
    sums = {name: sum(getattr(each, name) for each in rounds) for name in ("requests", "refused", "broken")}
    return Round(**sums, **middle)


def run(options: argparse.Namespace) -> Report:
    """Entry of the command."""
    load.need_wrk()
    with tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name:
        return Run(options, Path(name)).go()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.dataplane", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="length of a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of every target (default %(default)s)")
    parser.add_argument("--no-peers", action="store_true", help="this gateway alone")
    common.main("dataplane", run, parser)
