"""`retire_ledger [--days N] [--dry-run] [--drop-detached]`: take old months out of the ledger."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.retention import drop_detached, retire
from gateway.services.archives import is_configured


class Command(BaseCommand):
    help = "Detach months of the ledger past LEDGER_RETENTION_DAYS. Rollups keep their figures."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, help="Days to keep; LEDGER_RETENTION_DAYS by default, 0 keeps all.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be detached.")
        parser.add_argument("--drop-detached", action="store_true", help="Delete detached tables, for good.")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self, *args: Any, days: int | None, dry_run: bool, drop_detached: bool, as_json: bool, **options: Any
    ) -> None:
        if drop_detached and is_configured():
            raise CommandError("ARCHIVE_URL is set: `archive_ledger` drops what it has archived and read back.")
        done = retire(days=days, dry_run=dry_run)
        dropped = _drop() if drop_detached and not dry_run else []
        waiting = [f"{month:%Y-%m}" for month in done.waiting]
        if as_json:
            self.stdout.write(json.dumps({"detached": done.tables, "waiting": waiting, "dropped": dropped}))
            return
        what = "would be detached" if dry_run else "detached"
        self.stdout.write(f"{', '.join(done.tables) or 'nothing'} {what}; {len(dropped)} tables dropped")
        if waiting:
            self.stderr.write(f"{', '.join(waiting)} wait for rollups or bookings; run it again later")


_drop = drop_detached
