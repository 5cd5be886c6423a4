"""The table of faults, and what the slow ones do."""

import random
import signal
import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.chaos import arena as arenas
from bench.chaos import sinks
from bench.chaos.arena import Arena
from bench.chaos.faults import catalogue
from bench.chaos.loops import LoopThread
from bench.chaos.sinks import MailSink
from tests.gateway.dataplane.stack import free_port

FAULTS = {(fault.name, fault.target): fault for fault in catalogue()}


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len(FAULTS) == len(catalogue())


def test_processes_are_killed_paused_and_slowed_and_the_mail_server_is_slow() -> None:
    slowed = {target for name, target in FAULTS if name == "slow"}

    assert slowed == {"data plane", "writer", "worker", "beat", "console", "provider", "SMTP"}
    assert {target for name, target in FAULTS if name == "pause"} >= slowed - {"SMTP"}
    assert [target for target in sorted(slowed) if FAULTS["slow", target].disturbs] == ["worker"]


class Keeper:
    """A process that is killed and started again while it is slow."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []

    def pid(self, name: str) -> int:
        return 1 if len(self.sent) < 5 else 2

    def send(self, name: str, number: int) -> int:
        self.sent.append((self.pid(name), number))
        return self.sent[-1][0]


@pytest.mark.parametrize("target", ["data plane", "writer", "worker", "beat", "console"])
def test_a_slow_process_stands_still_nine_tenths_of_the_time_and_goes_on_in_the_end(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, keeper = [0.0], Keeper()
    monkeypatch.setattr(arenas.time, "monotonic", lambda: clock[0])
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(arenas.time, "sleep", sleep)
    installation = SimpleNamespace(keeper=keeper)
    arena = Arena(cast(Any, installation), cast(Any, None), cast(Any, None), choose=random.Random(1))

    FAULTS["slow", target].run(arena)

    assert 5.0 <= sum(slept) <= 8.2
    assert sum(slept[::2]) / sum(slept) == pytest.approx(0.9)
    stop, go = signal.SIGSTOP, signal.SIGCONT
    assert keeper.sent[:7] == [(1, stop), (1, go), (1, stop), (1, go), (1, stop), (2, stop), (2, go)]
    assert keeper.sent[-2:] == [(2, stop), (2, go)]


@pytest.fixture
def sink() -> Iterator[MailSink]:
    thread = LoopThread("sinks")
    yield MailSink(thread, free_port())
    thread.close()


def test_a_slow_mail_server_takes_the_mail_in_the_end(sink: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "SLOW_S", 0.05)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "a@example.com", "b@example.com", "<one@example.com>"
    sink.mode, began = "slow", time.monotonic()

    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        assert client.send_message(mail) == {}

    assert time.monotonic() - began >= 5 * 0.05  # EHLO, MAIL, RCPT, DATA, QUIT
    assert [(one.id, one.is_acknowledged) for one in sink.taken] == [("one", True)]
