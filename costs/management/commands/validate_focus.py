"""`manage.py validate_focus`: does a file keep the rules of FOCUS 1.4 Cost and Usage?"""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from costs.focus.files import UnreadableFile, open_rows
from costs.focus.rules import RULES
from costs.focus.validator import FILE_RULES, Report, validate


class Command(BaseCommand):
    """Exit code 1 when a rule is broken or the file cannot be read."""

    help = "Check a CSV or JSON lines file against the rules of FOCUS 1.4 Cost and Usage."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true")
        parser.add_argument(
            "--whole", action="store_true", help="The file has all charges of whole days: judge its sums too."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with open_rows(path) as (columns, rows):
                report = validate(columns, rows, is_whole=options["whole"])
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from None
        self._print_json(report) if options["json"] else self._print(report)
        if report.total:
            raise CommandError(f"{report.total:,} violations of {len(report.counts)} rules.")

    def _print_json(self, report: Report) -> None:
        told = {"rows": report.rows, "counts": dict(report.counts), "violations": [*map(asdict, report.violations)]}
        self.stdout.write(json.dumps(told, ensure_ascii=False))

    def _print(self, report: Report) -> None:
        for one in report.violations:
            where = f"row {one.row}" if one.row else "columns"
            self.stdout.write(f"{one.rule}, {where}: {one.text} {one.value}".rstrip())
        self.stdout.write(f"{report.rows:,} rows, {len(RULES) + len(FILE_RULES)} rules, {report.total:,} violations.")
