"""Run one ASGI application on a listening socket that the supervisor holds.

The socket outlives a restart, so connections queue instead of being refused. uvicorn's own `--fd` takes every
descriptor for a Unix socket; here the family is read from the descriptor.

    python -m config.embedded.serve APP --fd N [--drain SECONDS] [--protocol module:class]
"""

import argparse
import os
import resource
import socket

import uvicorn


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="config.embedded.serve", description=__doc__)
    made.add_argument("app", help="module:callable")
    made.add_argument("--fd", type=int, required=True, help="descriptor of a listening stream socket")
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
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=options.fd)])


def _raise_file_limit() -> None:
    """Allow as many connections as the hard limit permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
