"""Run one ASGI application on a listening socket that the supervisor holds, or on one that is opened here.

The supervisor's socket outlives a restart, so connections queue instead of being refused. uvicorn's own `--fd` takes
every descriptor for a Unix socket; here the family is read from the descriptor.

    python -m config.embedded.serve APP --fd N [--drain SECONDS] [--protocol module:class]
    python -m config.embedded.serve APP --listen 0.0.0.0:8000 | --listen /run/console.sock
"""

import argparse
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn
from django.core.exceptions import ImproperlyConfigured
from uvicorn.main import STARTUP_FAILURE

BACKLOG = 2048


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="config.embedded.serve", description=__doc__)
    made.add_argument("app", help="module:callable")
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="descriptor of a listening stream socket")
    where.add_argument("--listen", help="host:port, or the path of a Unix socket")
    made.add_argument("--drain", type=int, default=10, help="seconds that running requests get after SIGTERM")
    made.add_argument("--protocol", default="httptools", help="uvicorn's HTTP protocol, or module:class")
    made.add_argument("--lifespan", choices=("auto", "on", "off"), default="auto")
    return made


def main() -> None:
    """Serve until SIGTERM; then no new connection, and running requests get the drain time."""
    options = parser().parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    _raise_file_limit()
    config = uvicorn.Config(
        options.app,
        loop="uvloop",
        http=options.protocol,
        lifespan=options.lifespan,
        access_log=False,
        log_level="info",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=options.drain,
    )
    listener = socket.socket(fileno=options.fd) if options.fd is not None else _listening(options.listen)
    signal.signal(signal.SIGTERM, _end)
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listener])
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _end(number: int, _frame: FrameType | None) -> None:
    """uvicorn raises the signal again when it has drained, and that is the process's end without its exit handlers."""
    from gateway import heartbeats  # both read the settings, and the application has done so by now
    from gateway.otlp import local

    local.close()
    heartbeats.stop_all()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def _listening(where: str) -> socket.socket:
    """A socket of its own; that of a process which was killed is replaced. A Unix socket is its
    user's alone."""
    if "/" not in where:
        host, _, port = where.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    path = Path(where)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o077)
    try:
        listener.bind(where)
    finally:
        os.umask(mask)
    listener.listen(BACKLOG)
    return listener


def _raise_file_limit() -> None:
    """Allow as many connections as the hard limit permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
