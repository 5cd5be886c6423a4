"""`restore_archive --month YYYY-MM [--days N]`: bring an archived month back into the ledger for a while."""

import json
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.ledger.archive.writing import BrokenArchive
from gateway.services.archives import RESTORED_DAYS, restore_month
from gateway.services.errors import Invalid


class Command(BaseCommand):
    help = "Copy a month's archive back into a partition of the ledger. Retention leaves it alone for --days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--month", required=True, help="YYYY-MM")
        parser.add_argument("--days", type=int, default=RESTORED_DAYS, help="Days it stays (default %(default)s).")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, month: str, days: int, as_json: bool, **options: Any) -> None:
        say = (lambda line: None) if as_json else self.stdout.write
        try:
            lines = restore_month(month=_month(month), actor=None, days=days, say=say)
        except Invalid as error:
            raise CommandError(error.message) from None
        except BrokenArchive as error:
            raise CommandError(f"Nothing was restored: {error}") from None
        if as_json:
            self.stdout.write(json.dumps({"month": month, "lines": lines, "days": days}))
        else:
            self.stdout.write(f"{month}: {lines:,} lines are in the ledger again, for {days} days")


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise CommandError(f"{text!r} is no month: YYYY-MM is expected") from None
