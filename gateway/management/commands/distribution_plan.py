"""`distribution_plan [--apply] [--json]`: how the tables would lie on a Citus cluster, and whether they may."""

import json
from dataclasses import asdict
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.ledger import catalogue, distribution
from gateway.ledger.connect import connect
from gateway.ledger.distribution import Placement, Step, Violation


class Command(BaseCommand):
    help = "Prints which tables Citus distributes by ledger_shard, in which order and by which statements."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="Run the statements; needs the extension citus.")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, apply: bool, as_json: bool, **options: Any) -> None:
        with connect() as connection:
            tables = catalogue.read(connection)
            steps = distribution.plan(tables)
            wrong = distribution.violations(tables, steps)
            (self._as_json if as_json else self._print)(steps, wrong)
            if refused := [one for one in wrong if not one.is_handled]:
                raise CommandError(f"{len(refused)} of the catalogue's rules do not allow the plan.")
            if apply:
                _apply(connection, distribution.settings(steps))

    def _as_json(self, steps: list[Step], wrong: list[Violation]) -> None:
        body = {
            "steps": [asdict(step) for step in steps], "statements": distribution.settings(steps),
            "violations": [asdict(one) for one in wrong],
        }  # fmt: skip
        self.stdout.write(json.dumps(body, indent=2))

    def _print(self, steps: list[Step], wrong: list[Violation]) -> None:
        for step in steps:
            if step.placement != Placement.LOCAL:
                self.stdout.write(f"{step.placement:<12} {step.table}: {step.reason}")
        local = [step for step in steps if step.placement == Placement.LOCAL]
        self.stdout.write(f"{Placement.LOCAL:<12} {len(local)} tables on the coordinator; the largest:")
        for step in sorted(local, key=lambda step: -step.bytes)[:5]:
            self.stdout.write(f"{'':<12} {step.table}, {step.bytes:,} bytes: {step.reason}")
        self.stdout.write("")
        for statement in distribution.settings(steps):
            self.stdout.write(f"{statement};")
        for one in wrong:
            self.stdout.write(f"{'settled' if one.is_handled else 'WRONG'}: {one.table} {one.what}: {one.reason}")


def _apply(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    """In one session and one transaction, in their order."""
    if not catalogue.has_citus(connection):
        where = connection.info.dbname or settings.DATABASES["default"]["NAME"]
        raise CommandError(f"The extension citus is not in the database {where}: nothing was changed.")
    with connection.transaction():
        for statement in statements:
            connection.execute(statement)
