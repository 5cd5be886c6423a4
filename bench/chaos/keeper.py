"""Keeps the parts of the installation running: starts each, starts it again when it ends, unless it is held down."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from bench.common import ROOT
from config.embedded.processes import Output, spawn, wait_until

MANAGE = str(ROOT / "manage.py")
LOOK_S = 0.05
RESTART_S = 0.3
LONGEST_S = 5.0
STEADY_S = 10.0


@dataclass(frozen=True, slots=True)
class Part:
    """How one process is started; `start` instead of `argv` when it takes more than that."""

    name: str
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    start: Callable[[Output], Popen[bytes]] | None = None
    death: int = signal.SIGTERM


@dataclass(slots=True)
class _Running:
    part: Part
    process: Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    deaths: int = 0
    is_held: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    """Added for as long as a fault lasts."""
    code: Path = ROOT
    """Where its modules come from."""


class Keeper:
    """All processes are children of one thread that lives as long as the run: the kernel ends them with it."""

    def __init__(self, logs: Path, env: Mapping[str, str]) -> None:
        self.logs, self.env = logs, env
        self.own_deaths: list[tuple[str, int]] = []
        """Who ended without being told, and how."""
        self._parts: dict[str, _Running] = {}
        self._told: set[int] = set()
        self._orders: queue.Queue[Part] = queue.Queue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper")
        self._thread.start()

    def add(self, part: Part) -> None:
        """Start it now; return when it has been."""
        self._orders.put(part)
        wait_until(lambda: part.name in self._parts and self._parts[part.name].process is not None, 30)

    def pid(self, name: str) -> int:
        """Of the process that runs now; 0 between two of them."""
        process = self._parts[name].process
        return process.pid if process is not None and process.poll() is None else 0

    def send(self, name: str, number: int) -> int:
        """A signal; the process id it went to, 0 when nobody was there."""
        if pid := self.pid(name):
            if number not in (signal.SIGSTOP, signal.SIGCONT):
                self._told.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    def hold(self, name: str) -> None:
        """Do not start it again until `release`."""
        self._parts[name].is_held = True

    def release(self, name: str) -> None:
        self._parts[name].is_held = False

    def restart(self, name: str, env: Mapping[str, str] | None = None, code: Path = ROOT) -> None:
        """End it by SIGTERM; its successor has `env` added to its environment, and runs the code in that folder."""
        self._parts[name].env, self._parts[name].code = env or {}, code
        former = self.send(name, signal.SIGTERM)
        if not wait_until(lambda: self.pid(name) not in (0, former), 30):
            self.send(name, signal.SIGKILL)
            wait_until(lambda: self.pid(name) not in (0, former), 10)

    @property
    def names(self) -> list[str]:
        return list(self._parts)

    def stop(self, order: Sequence[str]) -> None:
        """End all, in the order given."""
        self._over.set()
        self._thread.join()
        for running in (self._parts[name] for name in order if name in self._parts):
            process = running.process
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGCONT)
            process.send_signal(running.part.death)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            if process.poll() is None:
                process.kill()
                process.wait()

    # ---- the thread --------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            with suppress(queue.Empty):
                while True:
                    part = self._orders.get_nowait()
                    self._parts[part.name] = _Running(part)
            for running in list(self._parts.values()):
                self._look_after(running)

    def _look_after(self, running: _Running) -> None:
        now, process = time.monotonic(), running.process
        if process is not None and process.poll() is not None:
            self._note_death(running, process)
        if running.process is None and not running.is_held and now >= running.due:
            running.process, running.started = self._start(running), now

    def _note_death(self, running: _Running, process: Popen[bytes]) -> None:
        now = time.monotonic()
        if process.pid not in self._told:
            self.own_deaths.append((running.part.name, process.returncode))
        running.deaths = 0 if now - running.started > STEADY_S else running.deaths + 1
        running.due = now + min(LONGEST_S, RESTART_S * 2**running.deaths)
        running.process = None

    def _start(self, running: _Running) -> Popen[bytes] | None:
        part = running.part
        with (self.logs / f"{part.name}.log").open("ab") as log:
            try:
                if part.start is not None:
                    return part.start(log)
                env = {**self.env, **part.env, "PYTHONPATH": str(running.code), **running.env}
                argv = [str(running.code / "manage.py") if each == MANAGE else each for each in part.argv]
                return spawn(argv, output=log, env=env, cwd=running.code)
            except (OSError, RuntimeError) as error:
                log.write(f"cannot start: {error}\n".encode())
                running.due = time.monotonic() + 1.0
                return None
