"""`archive_ledger [--dry-run] [--verify] [--json]`: move what retention takes out of the ledger into the archive."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.archivework import archive_due
from analytics.retention import retire
from gateway.services import archives
from gateway.services.errors import Invalid


class Command(BaseCommand):
    help = "Retire months past LEDGER_RETENTION_DAYS and archive every detached table as Parquet at ARCHIVE_URL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, help="Days to keep; LEDGER_RETENTION_DAYS by default, 0 keeps all.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be archived.")
        parser.add_argument("--verify", action="store_true", help="Read every archive and compare it; write nothing.")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self, *args: Any, days: int | None, dry_run: bool, verify: bool, as_json: bool, **options: Any
    ) -> None:  # fmt: skip
        say = (lambda line: None) if as_json else self.stdout.write
        try:
            if verify:
                self._verify(archives.verify_archives(say=say), as_json)
            elif dry_run:
                self._plan([*retire(days=days, dry_run=True).tables, *archives.detached_tables()], as_json)
            else:
                done = archive_due(days=days, say=say)
                self._done(done.archived, [f"{month:%Y-%m}" for month in done.waiting.waiting], as_json)
        except Invalid as error:
            raise CommandError(error.message) from None

    def _plan(self, tables: list[str], as_json: bool) -> None:
        text = json.dumps({"tables": tables}) if as_json else f"{', '.join(tables) or 'nothing'} would be archived"
        self.stdout.write(text)

    def _verify(self, found: dict[str, list[str]], as_json: bool) -> None:
        broken = [name for name, problems in found.items() if problems]
        if as_json:
            self.stdout.write(json.dumps({"archives": found, "broken": broken}))
        if broken:
            raise CommandError(f"{len(broken)} of {len(found)} archives are broken: {', '.join(broken)}")
        if not as_json:
            self.stdout.write(f"{len(found)} archives, all intact")

    def _done(self, done: archives.Archived, waiting: list[str], as_json: bool) -> None:
        if as_json:
            written = [
                {"month": f"{one.month:%Y-%m}", "part": one.part, "lines": one.lines, "bytes": one.size_bytes}
                for one in done.written
            ]
            self.stdout.write(
                json.dumps({"archived": written, "failed": dict(done.failed), "busy": done.busy, "waiting": waiting})
            )
        else:
            for one in done.written:
                self.stdout.write(f"{one}: {one.lines:,} lines, {one.size_bytes:,} bytes at {one.place}")
            self.stdout.write(f"{len(done.written)} archived")
        for table in done.busy:
            self.stderr.write(f"{table}: another process is at it, or was killed less than two minutes ago")
        if waiting:
            self.stderr.write(f"{', '.join(waiting)} wait for rollups or bookings; run it again later")
        if done.failed:
            raise CommandError("; ".join(f"{table} stays: {why}" for table, why in done.failed))
