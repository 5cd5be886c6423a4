"""`manage.py mcp_server`: operations of the gateway as tools of an assistant, over standard input and output."""

import os
import sys
from argparse import ArgumentParser
from typing import IO, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from gateway.choices import Scope
from gateway.models import VirtualKey
from gateway.services import keys
from sdkgen.mcp.calls import Gateway
from sdkgen.mcp.protocol import LONGEST_MESSAGE, Server
from sdkgen.mcp.service import OF_CALLS, OF_MANAGEMENT, server

API_KEY, MANAGEMENT_KEY, URL = "GATEWAY_API_KEY", "GATEWAY_MANAGEMENT_KEY", "GATEWAY_BASE_URL"


class Command(BaseCommand):
    """Keys come from the environment alone. What they may do is read from the database; without one the gateway says
    it, call by call. Standard output has nothing but messages of the protocol."""

    help = "Serve the gateway's operations to an assistant (Model Context Protocol, stdio)"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", default="", metavar="URL", help=f"default: {URL}, else this installation")
        parser.add_argument("--write", action="store_true", help="tools that change something too (manage:write)")
        parser.add_argument("--only", action="append", default=[], metavar="PATTERN",
                            help="operationIds or places, such as manage.budgets.*; repeatable")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        url = (options["base_url"] or os.environ.get(URL, "") or settings.GATEWAY_INTERNAL_URL).rstrip("/")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise CommandError(f"{url!r} is no http(s) address.")
        calls, management = os.environ.get(API_KEY, ""), os.environ.get(MANAGEMENT_KEY, "")
        if not calls and not management:
            raise CommandError(f"Set {API_KEY} (calls of models), {MANAGEMENT_KEY} (management), or both.")
        scopes = _scopes(API_KEY, calls) & OF_CALLS | _scopes(MANAGEMENT_KEY, management) & OF_MANAGEMENT
        if not scopes:
            raise CommandError("The keys have none of the scopes inference, manage:read, manage:write.")
        may_write = options["write"] and Scope.MANAGE_WRITE.value in scopes
        if options["write"] and not may_write:
            self.stderr.write("--write has no effect: the management key has no scope manage:write.")
        gateway = Gateway(url, calls, management)
        serve(server(gateway=gateway, scopes=scopes, may_write=may_write, only=options["only"]), sys.stdin.buffer,
              sys.stdout.buffer)  # fmt: skip


def _scopes(name: str, secret: str) -> frozenset[str]:
    """Of the key; all there are when there is no database to ask. Raises CommandError for a key that is none."""
    if not secret:
        return frozenset()
    try:
        key: VirtualKey | None = keys.authenticate(secret)
    except DatabaseError:
        return frozenset(Scope.values)
    if key is None:
        raise CommandError(f"The key in {name} is unknown, revoked or expired.")
    return frozenset(key.scopes)


def serve(found: Server, source: IO[bytes], target: IO[bytes]) -> None:
    """One message a line, until the input ends."""
    while line := source.readline(LONGEST_MESSAGE + 2):
        if not line.strip():
            continue
        text = found.answer_text(line)
        if text is not None:
            target.write(text.encode() + b"\n")
            target.flush()
