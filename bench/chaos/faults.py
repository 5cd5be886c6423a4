"""The faults: each does harm, waits, and takes away what it can; recovery is measured afterwards."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from bench.chaos import former
from bench.chaos.arena import Arena
from bench.chaos.company import newest
from bench.chaos.installation import DATAPLANES, PROVIDERS, WORKERS, WRITERS
from bench.chaos.poison import poison_spool, poison_tasks

LONG_S = (11.0, 14.0)
"""Longer than a data plane's sign of life counts (10 s)."""
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
CONNECTIONS = 80
CHEAP_KILLS = ("data plane", "writer", "worker", "PostgreSQL")


@dataclass(frozen=True, slots=True)
class Fault:
    """`disturbs`: an acknowledgement may be lost between a sink and the database."""

    name: str
    target: str
    run: Callable[[Arena], None]
    disturbs: bool = False
    is_cheap: bool = False
    """Among those of the short run."""
    is_missing: Callable[[Arena], str] = lambda arena: ""
    """Why it cannot be made here; empty when it can."""


# ---- processes -----------------------------------------------------------------------------------------------------
def _one_of(names: tuple[str, ...], arena: Arena) -> str:
    return arena.choose.choice(names)


def kill(names: tuple[str, ...], arena: Arena) -> None:
    arena.send(_one_of(names, arena), signal.SIGKILL)
    arena.wait(0.2, 1.0)


def kill_all(arena: Arena) -> None:
    """As a power cut that the disk survives: everything at once, but for the provider and the sinks."""
    for name in arena.installation.keeper.names:
        if name not in PROVIDERS:
            arena.send(name, signal.SIGKILL)
    arena.wait(0.2, 1.0)


def hold_down(name: str, arena: Arena) -> None:
    """Killed and away for a while."""
    keeper = arena.installation.keeper
    keeper.hold(name)
    arena.send(name, signal.SIGKILL)
    try:
        arena.wait(3.0, 6.0)
    finally:
        keeper.release(name)


def pause(names: tuple[str, ...], seconds: tuple[float, float], arena: Arena) -> None:
    arena.pause(_one_of(names, arena), *seconds)


def slow_down(names: tuple[str, ...], arena: Arena) -> None:
    """As on a host that has no time for it."""
    arena.slow_down(_one_of(names, arena), 5.0, 8.0)


def restart(name: str, arena: Arena) -> None:
    """An orderly restart: PostgreSQL by SIGINT ("fast"), the others by SIGTERM."""
    arena.send(name, signal.SIGINT if name == "postgres" else signal.SIGTERM)
    arena.wait(0.5, 1.5)


# ---- wires ---------------------------------------------------------------------------------------------------------
def slow(name: str, arena: Arena) -> None:
    wire = arena.installation.wires[name]
    wire.delay_s = arena.choose.uniform(0.05, 0.25)
    arena.wait(2.0, 5.0)
    wire.heal()


def freeze(name: str, arena: Arena) -> None:
    wire = arena.installation.wires[name]
    wire.freeze()
    arena.wait(2.0, 6.0)
    wire.heal()


def reset(name: str, arena: Arena) -> None:
    """Again and again."""
    wire = arena.installation.wires[name]
    for _ in range(4):
        wire.reset()
        arena.wait(0.1, 0.6)


def unplug(name: str, arena: Arena) -> None:
    """Nothing is open, and nothing new is taken."""
    wire = arena.installation.wires[name]
    wire.is_refusing = True
    wire.reset()
    arena.wait(2.0, 5.0)
    wire.heal()


def half_close(name: str, arena: Arena) -> None:
    wire = arena.installation.wires[name]
    wire.half_close()
    arena.wait(2.0, 4.0)
    wire.heal()


# ---- PostgreSQL and Redis ------------------------------------------------------------------------------------------
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'gateway'"
)


def terminate(arena: Arena) -> None:
    for _ in range(3):
        with arena.database() as connection:
            connection.execute(TERMINATE)
        arena.wait(0.1, 0.8)


def exhaust(arena: Arena) -> None:
    """Takes every connection there is, those of the gateway included."""
    taken: list[psycopg.Connection[tuple[object, ...]]] = []
    ended = time.monotonic() + arena.choose.uniform(3.0, 5.0)
    try:
        with arena.database() as connection:
            connection.execute(TERMINATE)
            while time.monotonic() < ended and len(taken) < CONNECTIONS:
                try:
                    taken.append(psycopg.connect(arena.installation.postgres.url, connect_timeout=2))
                except psycopg.OperationalError:
                    connection.execute(f"{TERMINATE} AND application_name <> ''") if not taken else time.sleep(0.05)
            time.sleep(max(0.0, ended - time.monotonic()))
    finally:
        for known in taken:
            known.close()


def flush_all(arena: Arena) -> None:
    arena.redis().flushall()
    arena.wait(0.2, 1.0)


# ---- sinks ---------------------------------------------------------------------------------------------------------
def sink_mode(kind: str, mode: str, arena: Arena) -> None:
    sink = arena.installation.mail if kind == "mail" else arena.installation.hook
    sink.mode = mode
    for _ in range(3):
        arena.cause_effects()
    arena.wait(6.0, 8.0)
    sink.mode = "ok"


# ---- providers -----------------------------------------------------------------------------------------------------
def provider_says(changes: dict[str, object], arena: Arena) -> None:
    """Its ways are changed for a while."""
    with suppress(OSError):
        arena.configure(PROVIDERS[0], **changes)
    arena.wait(2.0, 5.0)
    quiet: dict[str, object] = {"down": False, "latency_ms": 40, "error_rate": 0, "next_faults": []}
    arena.configure(PROVIDERS[0], **quiet)


# ---- disk, clock, schema -------------------------------------------------------------------------------------------
def fill_disk(arena: Arena) -> None:
    """The spool's disk has no block left; one data plane is killed meanwhile and cannot make its new spool."""
    ballast = arena.installation.spool / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        block = bytes(1 << 20)
        while True:
            file.write(block)
    try:
        arena.wait(2.0, 4.0)
        if arena.choose.random() < 0.5:
            arena.send(_one_of(DATAPLANES, arena), signal.SIGKILL)
        arena.wait(2.0, 4.0)
    finally:
        ballast.unlink()


def step_clock(names: tuple[str, ...], seconds: int, arena: Arena) -> None:
    """One process's clock jumps while it runs, and back."""
    name = _one_of(names, arena)
    dial = arena.installation.directory / "clock"
    dial.write_text("+0")
    env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(dial), "FAKETIME_NO_CACHE": "1",
           "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    keeper = arena.installation.keeper
    keeper.restart(name, env)
    arena.wait(5.0, 6.0)
    dial.write_text(f"{seconds:+d}")
    arena.wait(4.0, 6.0)
    dial.write_text("+0")
    arena.wait(1.0, 2.0)
    keeper.restart(name)


def migrate_back(app: str, arena: Arena) -> None:
    """The newest migration is taken back and made again, while everything runs."""
    last, before = newest(app)
    arena.installation.manage("migrate", app, before, "--verbosity", "0", "--skip-checks")
    arena.wait(0.5, 1.5)
    arena.installation.manage("migrate", app, last, "--verbosity", "0", "--skip-checks")


def former_code(names: tuple[str, ...], arena: Arena) -> None:
    """Processes run the former release's code on this release's schema for a while, then this one's again."""
    code = former.unpack(arena.former.commit, arena.installation.directory / "former")
    keeper, lacks = arena.installation.keeper, arena.former.lacks
    arena.note = f"{arena.former.commit[:8]}, without {', '.join(lacks)}"
    for name in names:
        keeper.restart(name, code=code)
    arena.cause_effects()
    arena.wait(5.0, 8.0)
    for name in names:
        keeper.restart(name)


def _no_former(arena: Arena) -> str:
    return arena.former.reason


def _no_disk(arena: Arena) -> str:
    return "" if arena.installation.has_spool_disk else "a disk of its own for the spool takes root"


def _no_faketime(arena: Arena) -> str:
    return "" if FAKETIME else "libfaketime is not installed"


def catalogue() -> list[Fault]:
    """Every fault there is, in a fixed order."""
    return [*_of_processes(), *_of_wires(), *_of_stores(), *_of_others(), *_of_the_host()]


def _of_processes() -> Iterator[Fault]:
    groups = {"data plane": DATAPLANES, "writer": WRITERS, "worker": WORKERS, "beat": ("beat",),
              "console": ("console",), "PostgreSQL": ("postgres",), "Redis": ("redis",),
              "provider": PROVIDERS[:1]}  # fmt: skip
    for target, names in groups.items():
        disturbs = target in ("worker", "PostgreSQL")
        yield Fault("kill -9", target, partial(kill, names), disturbs, is_cheap=target in CHEAP_KILLS)
    yield Fault("kill -9", "everything", kill_all, disturbs=True)
    for target, names in groups.items():
        seconds = LONG_S if target in ("data plane", "writer") else (3.0, 6.0)
        disturbs = target in ("worker", "PostgreSQL")
        yield Fault("pause", target, partial(pause, names, seconds), disturbs)
    for target in ("data plane", "writer", "worker", "beat", "console"):
        yield Fault("slow", target, partial(slow_down, groups[target]), disturbs=target == "worker")
    for target, name in (("PostgreSQL", "postgres"), ("Redis", "redis"), ("provider", PROVIDERS[0])):
        yield Fault("away", target, partial(hold_down, name), target == "PostgreSQL")
    yield Fault("restart", "PostgreSQL", partial(restart, "postgres"), disturbs=True)
    yield Fault("restart", "data plane", partial(restart, DATAPLANES[0]))


def _of_wires() -> Iterator[Fault]:
    harms = {"slow wire": slow, "frozen wire": freeze, "reset wire": reset, "unplugged wire": unplug,
             "half-closed wire": half_close}  # fmt: skip
    wires = {"web to PostgreSQL": "postgres-web", "writer to PostgreSQL": "postgres-writer",
             "background to PostgreSQL": "postgres-background", "Redis": "redis", "provider": PROVIDERS[0]}  # fmt: skip
    for name, harm in harms.items():
        for target, wire in wires.items():
            disturbs = wire == "postgres-background"
            yield Fault(name, target, partial(harm, wire), disturbs, is_cheap=harm is reset and wire == "redis")


def _of_stores() -> Iterator[Fault]:
    yield Fault("backends terminated", "PostgreSQL", terminate, disturbs=True, is_cheap=True)
    yield Fault("connections exhausted", "PostgreSQL", exhaust, disturbs=True)
    yield Fault("FLUSHALL", "Redis", flush_all, is_cheap=True)
    yield Fault("poison", "Celery", poison_tasks, is_cheap=True)
    yield Fault("poison", "spool", poison_spool, is_cheap=True)


def _of_others() -> Iterator[Fault]:
    for mode, name in (("down", "down"), ("451", "451 after DATA"), ("lost", "lost after its 250"),
                       ("mute", "lost before its 250"), ("slow", "slow")):  # fmt: skip
        yield Fault(name, "SMTP", partial(sink_mode, "mail", mode), is_cheap=mode == "lost")
    for mode, name in (("500", "500"), ("hang", "hangs"), ("lost", "lost after its 200"), ("mute", "lost before it")):
        yield Fault(name, "webhook", partial(sink_mode, "hook", mode))
    ways: dict[str, dict[str, object]] = {
        "503": {"down": True}, "resets": {"down": "close"}, "slow": {"latency_ms": 2_500},
        "cut streams": {"next_faults": ["cut-stream"] * 60},
        "garbage": {"next_faults": ["bad-json", "lying-length"] * 30},
        "429 storm": {"next_faults": ["error-429@1"] * 80},
    }  # fmt: skip
    for name, changes in ways.items():
        yield Fault(name, "provider", partial(provider_says, changes), is_cheap=name == "cut streams")


def _of_the_host() -> Iterator[Fault]:
    yield Fault("disk full", "spool", fill_disk, is_missing=_no_disk)
    for target, names in (("data plane", DATAPLANES), ("writer", WRITERS), ("worker", WORKERS)):
        for seconds in (90, -90):
            run = partial(step_clock, names, seconds)
            yield Fault(f"clock {seconds:+d} s", target, run, disturbs=target == "worker", is_missing=_no_faketime)
    for app in former.APPS:
        yield Fault("migration back and forth", app, partial(migrate_back, app), disturbs=True)
    groups = {"data plane": DATAPLANES[:1], "writer": WRITERS, "worker": (*WORKERS, "beat"), "console": ("console",),
              "everything": ("console", *DATAPLANES, *WRITERS, *WORKERS, "beat")}  # fmt: skip
    for target, parts in groups.items():
        disturbs = target in ("worker", "everything")
        yield Fault("former code", target, partial(former_code, parts), disturbs, is_missing=_no_former)
