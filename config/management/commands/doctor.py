"""`manage.py doctor`: every dependency checked, each failure with its remedy."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.doctor import CHECKS, Outcome, examine

MARKS = {
    Outcome.OK: "ok", Outcome.WARNING: "warning", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "-", Outcome.OFF: "off",
}  # fmt: skip


class Command(BaseCommand):
    help = "Checks every dependency; exit status 1 when one fails, with --strict also when one warns or cannot tell."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable answer")
        parser.add_argument(
            "--strict", action="store_true", help="warnings and what could not be told count as failures"
        )
        names = [check.__name__ for check in CHECKS]
        parser.add_argument("--only", nargs="+", choices=names, metavar="CHECK", help=f"of {', '.join(names)}")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine(options["only"])
        if options["json"]:
            self.stdout.write(json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2))
        else:
            for finding in findings:
                self.stdout.write(f"  {finding.name:<21}{MARKS[finding.outcome]:<9}{finding.detail}")
                if finding.remedy:
                    self.stdout.write(f"  {'':<21}{'':<9}→ {finding.remedy}")
        fine = {Outcome.OK, Outcome.OFF}
        if not options["strict"]:
            fine |= {Outcome.WARNING, Outcome.SKIPPED}
        failures = sum(finding.outcome not in fine for finding in findings)
        if failures:
            if not options["json"]:
                self.stderr.write(f"{failures} of {len(findings)} checks failed.")
            sys.exit(1)
