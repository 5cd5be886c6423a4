"""What a fault can lay hands on, and whether everything works again after it."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

import psycopg
import redis

from bench.chaos.company import Company
from bench.chaos.former import Former
from bench.chaos.installation import DATAPLANES, Installation
from bench.chaos.traffic import CHAT, Traffic, body, exchange
from bench.stack import answers

PROBE_S = 10.0
STOPPED_S = 0.09
AFTERMATH_S = 15.0
"""So long after a fault a relay may still find out that what it delivered was not booked."""


CALLS = "every data plane answers"
MINUTES = "gateway_dirtymark WHERE grain = 'minute'"


@dataclass(slots=True)
class Recovery:
    """Seconds until each thing worked again, in the order of the list; `problem`: what did not in time."""

    after_s: dict[str, float] = field(default_factory=dict)
    problem: str = ""

    @property
    def calls_s(self) -> float:
        return self.after_s.get(CALLS, float("inf"))

    @property
    def whole_s(self) -> float:
        return max(self.after_s.values(), default=0.0) if not self.problem else float("inf")


@dataclass(slots=True)
class Arena:
    """`choose` is seeded anew for every fault, so that one fault's luck does not depend on another's."""

    installation: Installation
    traffic: Traffic
    company: Company
    former: Former = field(default_factory=Former)
    choose: random.Random = field(default_factory=random.Random)
    disturbed: list[tuple[float, float]] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    rescued: set[str] = field(default_factory=set)
    tests: int = 0
    note: str = ""
    """What the fault that runs says of itself."""

    # ---- handles -----------------------------------------------------------------------------------------------
    def send(self, name: str, number: int) -> int:
        return self.installation.keeper.send(name, number)

    def wait(self, low: float, high: float) -> None:
        time.sleep(self.choose.uniform(low, high))

    def pause(self, name: str, low: float, high: float) -> None:
        """SIGSTOP, and SIGCONT to whom it was sent."""
        pid = self.send(name, signal.SIGSTOP)
        try:
            self.wait(low, high)
        finally:
            if pid == self.installation.keeper.pid(name):
                self.send(name, signal.SIGCONT)

    def slow_down(self, name: str, low: float, high: float) -> None:
        """It runs for a tenth of the time: SIGSTOP and SIGCONT in turn, to whatever process has the name."""
        ended = time.monotonic() + self.choose.uniform(low, high)
        while time.monotonic() < ended:
            pid = self.send(name, signal.SIGSTOP)
            try:
                time.sleep(STOPPED_S)
            finally:
                if pid == self.installation.keeper.pid(name):
                    self.send(name, signal.SIGCONT)
            time.sleep(STOPPED_S / 9)

    @contextmanager
    def database(self) -> Iterator["psycopg.Connection[Any]"]:
        """Straight to the server, by no wire."""
        with psycopg.connect(self.installation.postgres.url, autocommit=True, connect_timeout=5) as connection:
            yield connection

    def redis(self) -> "redis.Redis":
        return redis.Redis(port=self.installation.ports["redis"], socket_timeout=5)

    def configure(self, provider: str, **changes: Any) -> None:
        """Of a simulated provider, by its control endpoint."""
        request = Request(f"{self.installation.url(provider)}/_sim/config", data=json.dumps(changes).encode())
        with urlopen(request, timeout=10) as response:
            response.read()

    def cause_effects(self) -> None:
        """A mail and an event, now. A database that is away is no reason to end."""
        self.tests += 1
        with suppress(Exception):
            self.company.test_an_alert(self.tests)

    # ---- recovery ----------------------------------------------------------------------------------------------
    def recover(self, patience_s: float) -> "Recovery":
        """Wait until everything works again."""
        began = time.monotonic()
        steps: Sequence[tuple[str, Callable[[], bool]]] = (
            ("every data plane is ready", lambda: all(answers(f"{self._url(name)}/readyz") for name in DATAPLANES)),
            (CALLS, lambda: all(self._probe(name) for name in DATAPLANES)),
            ("the console answers", lambda: answers(f"{self._url(DATAPLANES[0])}/admin/login/")),
            ("the writer books", self._books),
            ("the background works", self._works_off()),
        )
        found = Recovery()
        for what, is_so in steps:
            if not _until(is_so, began + patience_s):
                found.problem = f"not within {patience_s:.0f} s: {what}"
                break
            found.after_s[what] = round(time.monotonic() - began, 1)
        return found

    def _works_off(self) -> Callable[[], bool]:
        """Whether the minutes that were marked at the first look are worked off; an open quarter-hour's turn comes
        every 20 s only."""
        last: list[int] = []

        def is_done() -> bool:
            if not last:
                found = self._value(f"SELECT coalesce(max(id), 0) FROM {MINUTES}")
                last.extend([] if found is None else [found])
            return bool(last) and self._count(f"{MINUTES} AND id <= %s", last[0]) == 0

        return is_done

    def _url(self, name: str) -> str:
        return self.installation.url(name)

    def _probe(self, name: str) -> bool:
        """A call of ours; the oracle sees it like all others."""
        call = exchange(self.installation.ports[name], self.traffic.keys.plain, body(CHAT), "probe")
        try:
            seen = self.installation.thread.call(asyncio.wait_for(call, PROBE_S), PROBE_S + 5)
        except (OSError, EOFError, TimeoutError):
            return False
        self.traffic.calls.append(seen)
        return seen.status == 200 and seen.is_whole

    def _books(self) -> bool:
        """The last probe of each data plane is in the ledger."""
        probes = [call.request_id for call in self.traffic.calls[-500:] if call.kind == "probe"][-len(DATAPLANES) :]
        return self._count("gateway_ledgerline WHERE request_id = ANY(%s)", probes) >= len(probes)

    def _count(self, what: str, argument: Any) -> int:
        found = self._value(f"SELECT count(*) FROM {what}", argument)
        return -1 if found is None else found

    def _value(self, statement: str, *arguments: Any) -> int | None:
        try:
            with self.database() as connection:
                row = connection.execute(statement, arguments).fetchone()
        except psycopg.Error:
            return None
        return int(row[0]) if row else None


def _until(is_so: Callable[[], bool], deadline: float) -> bool:
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
