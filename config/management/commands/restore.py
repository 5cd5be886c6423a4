"""`manage.py restore FILE --verify | --into URL`: a backup checked in a scratch database, or put into an empty one."""

import signal
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backup.restoring import RestoreError, into, verify
from config.backup.server import ServerError


class Command(BaseCommand):
    help = "Checks or restores a backup; exit status 1 with the reason when anything is missing or differs."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what `backup` wrote")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--verify", action="store_true", help="restore into a database made for it, check, drop it")
        what.add_argument("--into", metavar="URL", help="restore into this empty database")
        parser.add_argument(
            "--yes-replace", default="", metavar="NAME", help="with --into: delete what this database holds"
        )
        parser.add_argument("--spool", default="", metavar="FOLDER", help="with --into: where the backup's spools go")
        parser.add_argument(
            "--server", default="", metavar="URL", help="with --verify: a server other than the gateway's"
        )
        parser.add_argument("--jobs", type=int, default=1, help="workers of pg_restore (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _end)
        try:
            if options["verify"]:
                verify(options["file"], self._say, server=options["server"], jobs=options["jobs"])
            else:
                into(
                    options["file"], options["into"], self._say,
                    replace=options["yes_replace"], spool=options["spool"], jobs=options["jobs"],
                )  # fmt: skip
        except (RestoreError, ServerError) as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _end(number: int, _frame: object) -> None:
    """The scratch database, a whole copy of the data, is dropped on the way out."""
    sys.exit(128 + number)
