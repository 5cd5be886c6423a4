"""Runs one simulator in the foreground until SIGTERM or SIGINT."""

import asyncio
import os
import resource
import signal
import sys

import uvloop

from gateway.simulator.app import Simulator
from gateway.simulator.options import READY_PREFIX, SimulatorOptions
from gateway.simulator.server import Connection

BACKLOG = 4_096


def run(options: SimulatorOptions) -> None:
    """Listen and serve; prints one line with the URL once it accepts connections. Raises `OSError` for a busy port."""
    _raise_file_limit()
    uvloop.run(serve(options))


async def serve(options: SimulatorOptions) -> None:
    """Serve until a signal asks to stop; open connections are dropped then."""
    simulator = Simulator(options)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(simulator.handle), options.host, options.port, backlog=BACKLOG)
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    if options.until_eof:
        loop.add_reader(sys.stdin.fileno(), _stop_at_eof, stopped)
    port = server.sockets[0].getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"{READY_PREFIX}http://{host}:{port}", flush=True)
    await stopped.wait()
    server.close()


def _stop_at_eof(stopped: asyncio.Event) -> None:
    """Read standard input away; its end means the parent is gone."""
    if not os.read(sys.stdin.fileno(), 4_096):
        stopped.set()


def _raise_file_limit() -> None:
    """Allow as many connections as the hard limit permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
