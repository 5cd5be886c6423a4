"""What callers notice when a provider, Redis or PostgreSQL is killed or hangs under load, everything on.

The provider: 64 connections at full speed, a route with a fallback, the primary killed and started again. PostgreSQL
(killed, down for a minute) and Redis (hanging for half a minute, then killed): calls at a fixed rate, their times
beside those of direct calls before. Afterwards every call that reached an upstream has its line, and `verify_ledger`
passes.
"""

import argparse
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psutil

from bench import common
from bench.common import Report
from bench.dataplane import load
from bench.dataplane.peers import Target
from bench.dataplane.upstream import Nginx, find_nginx
from bench.everything import CONFIGURATION
from bench.openloop import OpenLoop
from bench.stack import MODEL, ORGANIZATION, Stack, answers, end, free_port, wait_for
from config.embedded.processes import spawn

ALIAS = "with-fallback"
ROUTE = f"""
from gateway.models import Model, Organization
from gateway.services import catalog
names = ("{MODEL}", "gpt-4o-mini-second")
targets = [catalog.Target(Model.objects.get(name=name), priority, 1) for priority, name in enumerate(names)]
catalog.create_route(organization=Organization.objects.get(slug={ORGANIZATION!r}), actor=None, alias={ALIAS!r},
                     targets=targets)
"""
GRACE_S = 2.0
"""The first seconds of an outage, in which time-outs and breakers find out."""


class Redis:
    """redis-server as a child on a free port; `url` for `REDIS_URL`."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = directory
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("bench.outages needs redis-server: apt-get install redis-server")
        command = [
            program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self._directory),
        ]
        self._process = spawn(command, output=subprocess.DEVNULL)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        end(self._process, death=signal.SIGKILL)


class Outages:
    """One stack over both upstreams and Redis; every scene adds its figures to the report."""

    def __init__(self, options: argparse.Namespace, directory: Path, report: Report) -> None:
        self.options, self.directory, self.report = options, directory, report

    def go(self) -> None:
        program = find_nginx()
        if program is None:
            self.report.skipped = "nginx is not installed"
            return
        self.program = program
        self.primary, self.second = (self._nginx(name) for name in ("primary", "second"))
        self.redis = Redis(self.directory)
        self.served_before_kill = 0
        try:
            hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.second.port}"
            with Stack(
                self.primary.base_url, settings={"REDIS_URL": self.redis.url, "GATEWAY_PRIVATE_UPSTREAMS": hosts}
            ) as self.stack:
                self._configure()
                self._provider()
                self._redis()
                self._postgres()
                self._books()
        finally:
            self.redis.kill()
            for each in (self.primary, self.second):
                each.kill()

    def _nginx(self, name: str, port: int = 0) -> Nginx:
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return Nginx(self.program, directory, port)

    def _configure(self) -> None:
        stack = self.stack
        stack.manage("set_provider", "second", "--base-url", self.second.base_url, "--api-key-env", "BENCH_CREDENTIAL",
                     "--price-list", "openai")  # fmt: skip
        stack.manage("add_model", "gpt-4o-mini-second", "--provider", "second", "--upstream", MODEL)
        stack.manage("shell", "-c", CONFIGURATION)
        stack.manage("shell", "-c", ROUTE)
        self.headers = {"Authorization": f"Bearer {stack.key}"}
        self.target = Target("this gateway", f"{stack.url}/v1", self.headers, stack.dataplane_pid)
        load.run(self.target, 5)

    # ---- the provider ----------------------------------------------------------------------------------------------
    def _provider(self) -> None:
        """Killed a quarter into the load, back at the half."""
        seconds = self.options.seconds
        results: list[load.Round] = []
        thread = threading.Thread(target=lambda: results.append(load.run(self.target, seconds, model=ALIAS)))
        thread.start()
        time.sleep(seconds / 4)
        self.served_before_kill += self.primary.served() - self.primary.own_requests
        self.primary.kill()
        killed = time.monotonic()
        opened = self._seconds_until(killed, lambda: self._breaker_of_primary() == 2, seconds / 4)
        time.sleep(max(0.0, killed + seconds / 4 - time.monotonic()))
        self.primary = self._nginx("primary", self.primary.port)
        returned = time.monotonic()
        back = self._seconds_until(returned, lambda: self.primary.served() > 200, seconds / 2)
        thread.join()
        (found,) = results
        add = self.report.add
        add("provider killed at full load: calls", found.requests, "")
        add("provider killed: answers other than 2xx, broken connections", found.refused + found.broken, "", at_most=0)
        add("provider killed: breaker seen open after", opened, "s", at_most=2)
        add("provider returned: primary in use again after", back, "s", at_most=10)

    def _breaker_of_primary(self) -> int:
        with urlopen(f"{self.stack.url}/metrics", timeout=10) as response:
            text = response.read().decode()
        states = re.findall(r'^gateway_breaker_state\{[^}]*provider="upstream"[^}]*\} (\d)', text, re.MULTILINE)
        return max(map(int, states), default=0)

    @staticmethod
    def _seconds_until(since: float, condition: Callable[[], bool], timeout: float) -> float:
        with suppress(TimeoutError):
            wait_for(condition, timeout, "the change")
        return time.monotonic() - since

    # ---- Redis and PostgreSQL --------------------------------------------------------------------------------------
    def _redis(self) -> None:
        def hang() -> None:
            self.redis.signal(signal.SIGSTOP)

        def resume() -> None:
            self.redis.signal(signal.SIGCONT)

        self._scene("Redis hangs", self.options.outage / 2, hang, resume)
        self._scene("Redis killed", self.options.outage / 4, self.redis.kill, self.redis.start)

    def _postgres(self) -> None:
        """The supervisor would start it again at once, so it is stopped meanwhile."""
        supervisor = self.stack.process
        assert supervisor is not None

        def kill() -> None:
            supervisor.send_signal(signal.SIGSTOP)
            postmaster = psutil.Process(self.stack.pid("postgres"))
            postmaster.kill()

        self._scene("PostgreSQL killed", self.options.outage, kill, lambda: supervisor.send_signal(signal.SIGCONT))
        wait_for(lambda: answers(f"{self.stack.url}/readyz"), 60, "readiness after PostgreSQL's return")

    def _scene(self, name: str, seconds: float, begin: Callable[[], object], finish: Callable[[], object]) -> None:
        """5 s before, the outage, 5 s after."""
        direct = self._direct_p99()
        with OpenLoop(f"{self.stack.url}/v1/chat/completions", self.headers, self.options.rate) as calls:
            time.sleep(5)
            began = calls.now()
            begin()
            time.sleep(seconds)
            finish()
            ended = calls.now()
            time.sleep(5)
        add = self.report.add
        add(f"{name}: calls during {seconds:g} s", len(calls.between(began, ended)), "")
        add(f"{name}: answers other than 200, all the time", calls.refused(), "", at_most=0)
        add(f"{name}: added p99 before", calls.p99(0, began) - direct, "ms")
        add(f"{name}: added p99 in the first 2 s", calls.p99(began, began + GRACE_S) - direct, "ms")
        add(f"{name}: added p99 after them", calls.p99(began + GRACE_S, ended) - direct, "ms", at_most=20)

    def _direct_p99(self) -> float:
        with OpenLoop(f"{self.primary.base_url}/chat/completions", {}, self.options.rate) as calls:
            time.sleep(3)
        self.direct_calls = getattr(self, "direct_calls", 0) + len(calls.samples)
        return calls.p99(0.5, 3)

    # ---- the books -------------------------------------------------------------------------------------------------
    def _books(self) -> None:
        self.stack.wait_idle()
        lines = self._answered_lines()
        served = self.second.served() + self.primary.served() + self.served_before_kill - self.direct_calls
        self.report.add("lines of answered attempts", lines, "")
        self.report.add("calls that the upstreams counted, their own status pages included", served, "")
        self.report.add("verify_ledger failures", 0 if self.stack.verifies() else 1, "", at_most=0)

    def _answered_lines(self) -> int:
        """Once the writer has nothing left: the count stands still for two seconds."""
        before = -1
        while (now := self.stack.ledger_lines("http_status = 200")) != before:
            before = now
            time.sleep(2)
        return now


def run(options: argparse.Namespace) -> Report:
    load.need_wrk()
    report = Report("outages", f"{options.rate:g} calls/s; the provider at {load.CONNECTIONS} connections")
    with tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name:
        Outages(options, Path(name), report).go()
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.outages", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=24, help="load around the provider's death (default %(default)s)"
    )
    parser.add_argument(
        "--outage", type=float, default=60, help="PostgreSQL's; Redis hangs half of it (default %(default)s)"
    )
    parser.add_argument("--rate", type=float, default=150, help="calls a second (default %(default)s)")
    common.main("outages", run, parser)
