"""`manage.py prepare`: schema, static files, administrator and, when asked for, the demo organization."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from config import installation
from config.doctor.data import unreachable


class Command(BaseCommand):
    help = "Brings database and data directory to this release; can be repeated."
    requires_system_checks = []  # they would cost half of a fast start; `check` and the tests run them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="make the demo organization and a key")
        parser.add_argument("--simulator-url", default="http://127.0.0.1:9100/v1", help="where its providers point")
        parser.add_argument("--static-only", action="store_true", help="static files alone, for an image; no database")
        parser.add_argument("--report", help="write what `up` needs to know to this file, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["static_only"]:
            installation.collect_static(self.say)
            return
        if reason := unreachable():
            raise CommandError(f"The database does not answer ({reason}): check DATABASE_URL.")
        try:
            report = self._prepare(demo=options["demo"], simulator_url=options["simulator_url"])
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"The database refused a step ({reason}): see log/postgres.log.") from error
        if options["report"]:
            Path(options["report"]).write_text(json.dumps(report))

    def _prepare(self, *, demo: bool, simulator_url: str) -> dict[str, Any]:
        """The steps in order; `key_file` is None without the demo."""
        password_file = settings.DATA_DIR / "admin-password"
        key_file = settings.DATA_DIR / "demo-key"
        installation.migrate(self.say)
        installation.collect_static(self.say)
        report: dict[str, Any] = {
            "admin": installation.ADMIN,
            "admin_password_file": str(password_file),
            "admin_is_new": installation.ensure_admin(password_file),
            "key_file": None,
            "demo_pending": False,
        }
        if demo:
            report["demo_pending"] = installation.ensure_demo(simulator_url, self.say)
            installation.ensure_demo_key(key_file)
            report |= {"key_file": str(key_file), "model": installation.demo_model()}
        return report

    def say(self, name: str, result: str) -> None:
        """A finished step, in the columns that `up` prints."""
        self.stdout.write(f"  {name:<18}{result}")
        self.stdout.flush()
