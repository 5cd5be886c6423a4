"""Starts children, starts them again when they die, stops them in order; no child outlives it (rule 20).

Children are spawned from the main thread only, since the kernel binds their life to the thread that spawned them.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from subprocess import Popen
from types import FrameType

from config.embedded import processes
from config.embedded.childlogs import LogPump
from config.embedded.runtime import StartError, StateFile

FIRST_DELAY = 0.2  # seconds before the first restart; doubles with every death in quick succession
LONGEST_DELAY = 10.0
STEADY = 20.0  # a child that lived this long begins again with the first delay
LOUD_DEATHS = 10  # so many are told one by one, then every tenth
SAME_SIGNAL = 0.5  # seconds within which a second signal is the echo of the first
EARLY_DEATHS = 3  # so many deaths before it was ever ready, and the start has failed


@dataclass(frozen=True, slots=True)
class Child:
    """How to run one child. `patience` is the time in seconds it gets to end after `stop_signal`."""

    name: str
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    fds: tuple[int, ...] = ()
    port: int | None = None
    patience: float = 5.0
    stop_signal: int = signal.SIGTERM
    kill_signal: int = signal.SIGKILL
    keep: bool = True  # False: a task that ends by itself; started again only when it failed
    before: Callable[[], None] | None = None
    spawn: Callable[[int], Popen[bytes]] | None = None  # takes the log's descriptor; default: `argv`


@dataclass(slots=True)
class _Running:
    child: Child
    process: Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    deaths: int = 0  # in quick succession
    due: float | None = None  # monotonic time of the next start
    finished: bool = False


class Supervisor:
    """Owns the children; `start()` each, then `run()` until a signal, then `stop()`."""

    def __init__(self, state: StateFile, logs: LogPump, say: Callable[[str], None]) -> None:
        self.state = state
        self.logs = logs
        self.say = say
        self._running: dict[str, _Running] = {}
        self._signals = 0
        self._last_signal = float("-inf")
        self._wake_r, wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Count people's signals: one that a tool sends to the process and to its group is one."""
        now = time.monotonic()
        if now - self._last_signal > SAME_SIGNAL:
            self._signals += 1
        self._last_signal = now

    @property
    def stopping(self) -> bool:
        """Was an end asked for?"""
        return self._signals > 0

    # ---- starting -----------------------------------------------------------------------------------------------
    def start(self, child: Child) -> None:
        """Start `child`; from now on it is kept alive by `poll()`."""
        self._running[child.name] = _Running(child)
        self._spawn(self._running[child.name])

    def pid(self, name: str) -> int | None:
        """Process id of a live child."""
        process = self._running[name].process
        return process.pid if process and process.poll() is None else None

    def _spawn(self, running: _Running) -> None:
        child = running.child
        if child.before is not None:
            child.before()
        output = self.logs.pipe(child.name)
        try:
            if child.spawn is not None:
                running.process = child.spawn(output)
            else:
                env = {**os.environ, **child.env}
                running.process = processes.spawn(child.argv, output=output, env=env, pass_fds=child.fds)
        finally:
            os.close(output)
        running.started = time.monotonic()
        running.due = None
        self._write_state()

    def _write_state(self) -> None:
        self.state.values["children"] = {
            name: {
                "pid": running.process.pid if running.process and running.due is None else None,
                "port": running.child.port,
                "restarts": running.restarts,
            }
            for name, running in self._running.items()
            if not running.finished
        }
        self.state.write()

    # ---- running ------------------------------------------------------------------------------------------------
    def poll(self, timeout: float) -> None:
        """Wait for a signal or a death, at most `timeout` s; notice deaths and do the restarts that are due."""
        due = [running.due - time.monotonic() for running in self._running.values() if running.due is not None]
        select.select([self._wake_r], [], [], max(0.0, min([timeout, *due])))
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_r, 4096)
        for running in self._running.values():
            if running.due is None and not running.finished and running.process and running.process.poll() is not None:
                self._note_death(running, running.process.returncode)
            if running.due is not None and running.due <= time.monotonic() and not self.stopping:
                self._restart(running)

    def _note_death(self, running: _Running, status: int) -> None:
        log = self.logs.path(running.child.name)
        if time.monotonic() - running.started >= STEADY:
            running.deaths = 0
        if not running.child.keep and (status == 0 or running.deaths + 1 >= EARLY_DEATHS):
            running.finished = True
            self._write_state()
            if status != 0:
                self.say(f"{running.child.name} failed {EARLY_DEATHS} times ({_how(status)}); given up. Log: {log}")
            return
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2**running.deaths)
        running.deaths += 1
        running.due = time.monotonic() + delay
        self._write_state()
        if not self.stopping and (running.deaths <= LOUD_DEATHS or running.deaths % LOUD_DEATHS == 0):
            self.say(f"{running.child.name} ended ({_how(status)}); starting it again in {delay:.1f} s. Log: {log}")

    def _restart(self, running: _Running) -> None:
        running.restarts += 1
        try:
            self._spawn(running)
        except (OSError, RuntimeError) as error:
            running.due = time.monotonic() + LONGEST_DELAY
            self.say(f"{running.child.name} cannot start: {error}")

    def wait_for(self, condition: Callable[[], bool], *, names: Sequence[str], timeout: float) -> bool:
        """Poll until `condition` holds; False when a signal came. Raises StartError when the start has failed."""
        deadline = time.monotonic() + timeout
        while not condition():
            if self.stopping:
                return False
            for name in names:
                if self._running[name].deaths >= EARLY_DEATHS:
                    raise StartError(f"{name} does not start: {self.logs.last_line(name)} ({self.logs.path(name)})")
            if time.monotonic() > deadline:
                logs = ", ".join(str(self.logs.path(name)) for name in names)
                raise StartError(f"Not ready after {timeout:.0f} s. The logs say why: {logs}")
            self.poll(0.05)
        return True

    def run(self) -> None:
        """Keep the children alive until SIGINT, SIGTERM or SIGHUP."""
        while not self.stopping:
            self.poll(60.0)

    def run_task(self, argv: Sequence[str], env: Mapping[str, str]) -> int:
        """Run `argv` to its end on this terminal, keeping the children alive meanwhile; its exit status.

        A signal ends the task too (then the status is negative).
        """
        task = processes.spawn(argv, output=None, env={**os.environ, **env})
        while task.poll() is None:
            self.poll(1.0)
            if self.stopping:
                task.terminate()
                self._wait_end(task, 5.0, None)
                task.kill()
                task.wait()
        return task.returncode

    # ---- stopping -----------------------------------------------------------------------------------------------
    def stop(self, order: Sequence[str]) -> None:
        """Stop the children named in `order`, each within its patience; a further signal kills what is left."""
        already = min(self._signals, 1)  # two that came before this line are a first and a further one
        for name in [*(self._running.keys() - set(order)), *order]:
            if name in self._running:
                self._stop_one(self._running[name], already)
        self.state.remove()

    def _stop_one(self, running: _Running, already: int) -> None:
        process, child = running.process, running.child
        if process is None or process.poll() is not None:
            return
        if self._signals <= already:
            process.send_signal(child.stop_signal)
            self._wait_end(process, child.patience, already)
        if process.poll() is None:
            if self._signals <= already:
                self.say(f"{child.name} did not end within {child.patience:.0f} s; killing it.")
            process.send_signal(child.kill_signal)
            self._wait_end(process, 3.0, None)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, child.kill_signal)  # what the child left behind in its group
        process.poll()
        if process.returncode is None:
            process.kill()
            process.wait()

    def _wait_end(self, process: Popen[bytes], patience: float, already: int | None) -> None:
        deadline = time.monotonic() + patience
        while process.poll() is None and (left := deadline - time.monotonic()) > 0:
            if already is not None and self._signals > already:
                return
            select.select([self._wake_r], [], [], min(left, 0.5))
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_r, 4096)


def _how(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
