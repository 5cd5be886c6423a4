"""The data plane with everything on: limits, hard budgets, guardrails both ways, pricing and the spool.

The rounds, the peers and the checks of `bench.dataplane`, with stricter circumstances for this gateway alone: requests
and tokens per minute on the key, hard budgets of the organization, the team and the key, and guardrails that look for
secrets, personal data, denied words, length and prompt injection in questions and for the first three in answers.
Then the added time at one connection, and the processor time of a call with two data-plane processes beside that with
one (each with half of the load).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench import common, latency
from bench.common import LOAD_CORE, MEASURED_CORE, Report, pin_tree, quantile
from bench.dataplane import load
from bench.dataplane.__main__ import Run
from bench.dataplane.load import Round
from bench.dataplane.peers import Target
from bench.stack import ORGANIZATION, Stack, answers, end, free_port, wait_for
from config.embedded.processes import spawn

CONFIGURATION = f"""
from decimal import Decimal
from costs.services.budgets import create_budget
from gateway.models import Organization, VirtualKey
from gateway.services import keys
from gateway.services.guardrails import create_guardrail

organization = Organization.objects.get(slug={ORGANIZATION!r})
key = VirtualKey.objects.get(organization=organization)
keys.update_limits(key=key, actor=None, rpm_limit=100_000_000, tpm_limit=2_000_000_000)
for name, scope, value in (
    ("Company", "organization", ""), ("Team", "team", str(key.project.team_id)), ("Key", "key", str(key.pk)),
):
    if scope != "team" or key.project.team_id:
        create_budget(organization=organization, actor=None, name=name, scope=scope, scope_value=value,
                      amount=Decimal(1_000_000), enforcement="hard")
for kind, direction, action, config in (
    ("secrets", "both", "redact", {{}}), ("pii", "both", "redact", {{}}),
    ("deny_list", "both", "block", {{"terms": ["project nightfall", "merger with acme"]}}),
    ("max_size", "input", "block", {{"max_chars": 200_000}}),
    ("prompt_injection", "input", "flag", {{}}),
):
    create_guardrail(organization=organization, actor=None, name=kind, kind=kind, direction=direction, action=action,
                     config=config)
"""
SETTLE_S = 4


class Everything(Run):
    """`bench.dataplane`'s run with the configuration above; then latency and the second process."""

    name = "everything"
    floors = (("Portkey gateway", 2.5), ("LiteLLM proxy", 25.0))
    least_per_second = 1_200.0

    def configure(self) -> None:
        self.stack.manage("shell", "-c", CONFIGURATION)
        load.run(self.target(), SETTLE_S)  # the configuration arrives within two seconds; leases are taken
        self.stack.wait_idle()

    def afterwards(self, report: Report) -> None:
        direct, through = latency.measure(self.instant.base_url, self.stack, self.options.requests)
        self.forwarded += self.options.requests + latency.WARM_UP
        report.add("added p50 at 1 connection", quantile(through, 0.5) - quantile(direct, 0.5), "ms", at_most=1.5)
        report.add("added p99 at 1 connection", quantile(through, 0.99) - quantile(direct, 0.99), "ms")
        one, two = self._one_and_two()
        report.add("processor time per request, one process, no console", one, "µs")
        report.add("processor time per request, two processes", two, "µs")
        report.add("two processes ÷ one: processor time per request", two / one, "×", at_most=1.15)

    def _one_and_two(self) -> tuple[float, float]:
        """Microseconds of processor time a request: one process, then two that share load and cores."""
        seconds = self.options.seconds
        with second_process(self.stack) as other:
            first = self.target()
            one, two = [], []
            for _ in range(self.options.rounds):
                one.append(self._counted([first], seconds))
                two.append(self._counted([first, other], seconds))
        return cpu_us(one), cpu_us(two)

    def _counted(self, targets: list[Target], seconds: float) -> Round:
        before = self._served_when_quiet()
        with ThreadPoolExecutor() as pool:
            share = load.CONNECTIONS // len(targets)
            rounds = list(pool.map(lambda target: load.run(target, seconds, share), targets))
        time.sleep(1)  # what the load generators dropped runs to its end
        self.stack.wait_idle()
        self.forwarded += self.instant.served() - before - self.instant.own_requests
        return combined(rounds)


def combined(rounds: list[Round]) -> Round:
    """One round of several processes at once: requests summed, processor time a request over all of them."""
    requests = sum(each.requests for each in rounds)
    return Round(
        requests=requests,
        refused=sum(each.refused for each in rounds),
        broken=sum(each.broken for each in rounds),
        per_second=sum(each.per_second for each in rounds),
        cpu_us=sum(each.cpu_us * each.requests for each in rounds) / max(1, requests),
        p50_ms=max(each.p50_ms for each in rounds),
        p99_ms=max(each.p99_ms for each in rounds),
    )


def cpu_us(rounds: list[Round]) -> float:
    """Median over the rounds."""
    return quantile([each.cpu_us for each in rounds], 0.5)


@contextmanager
def second_process(stack: Stack) -> Iterator[Target]:
    """Another data plane over the same database and spool directory, on the other core."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.dataplane:app", "--port", str(port), "--no-access-log",
               "--no-proxy-headers", "--loop", "uvloop"]  # fmt: skip
    with (stack.directory / "second.log").open("wb") as log:
        process: subprocess.Popen[bytes] = spawn(command, output=log, env=stack.env, cwd=common.ROOT)
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60, "the second data plane")
        pin_tree(process.pid, LOAD_CORE)
        pin_tree(stack.dataplane_pid, MEASURED_CORE)
        yield Target("second", f"http://127.0.0.1:{port}/v1", {"Authorization": f"Bearer {stack.key}"}, process.pid)
    finally:
        end(process)


def run(options: argparse.Namespace) -> Report:
    """Entry of the command."""
    load.need_wrk()
    with tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name:
        return Everything(options, Path(name)).go()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.everything", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="length of a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of every target (default %(default)s)")
    parser.add_argument("--requests", type=int, default=3_000, help="requests at one connection (default %(default)s)")
    parser.add_argument("--no-peers", action="store_true", help="this gateway alone")
    common.main("everything", run, parser)
