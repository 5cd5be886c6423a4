"""Child processes that never outlive their parent, and the look at processes that others left behind."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import IO

import psutil

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)

Output = int | IO[bytes] | None  # None: the parent's own


def die_with_parent(death_signal: int) -> Callable[[], None]:
    """Return a `preexec_fn`: the kernel sends `death_signal` to the child when the spawning *thread* ends.

    Runs after the change of user, which would clear the setting (prctl(2)). Spawn from a thread that lives as
    long as the process. A parent that died before the call was made is noticed by the changed parent id.
    """
    parent = os.getpid()

    def arrange() -> None:
        if sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return arrange


def spawn(
    argv: Sequence[str],
    *,
    death_signal: int = signal.SIGKILL,
    output: Output = DEVNULL,
    env: dict[str, str] | None = None,
    cwd: str | Path | None = None,
    uid: int | None = None,
    gid: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Popen[bytes]:
    """Start `argv` in its own process group, bound to this process's life; `uid`/`gid` drop all other groups."""
    return Popen(
        argv,
        stdin=DEVNULL,
        stdout=output,
        stderr=output,
        env=env,
        cwd=cwd,
        user=uid,
        group=gid,
        extra_groups=None if uid is None else [],
        pass_fds=pass_fds,
        process_group=0,
        preexec_fn=die_with_parent(death_signal),
    )


def matching(marker: str) -> list[psutil.Process]:
    """Processes whose command line holds `marker`; readable for every process, whoever owns it."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(marker in argument for argument in process.info["cmdline"] or ())
    ]


def wait_until(condition: Callable[[], bool], timeout: float, *, interval: float = 0.01) -> bool:
    """Poll `condition` until it holds; False after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True
