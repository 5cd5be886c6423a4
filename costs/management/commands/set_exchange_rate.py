"""`manage.py set_exchange_rate`: state what one currency is worth in another from a day on."""

import json
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from costs.services.currencies import NewRate, Taken, read_csv, state_rates
from gateway.management.commands.create_key import organization_of
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """`set_exchange_rate EUR USD 1.0815 --on 2026-11-02 --source "European Central Bank"`, or `--file rates.csv`."""

    help = "State exchange rates; platform-wide unless an organization is named. The same ones again change nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("base", nargs="?", help="Currency of which one unit is …")
        parser.add_argument("quote", nargs="?", help="… so many units of this one.")
        parser.add_argument("rate", nargs="?")
        parser.add_argument(
            "--on", default="", metavar="DAY", help="First day (UTC) on which it stands; default: today."
        )
        parser.add_argument("--source", default="", help="Who states it.")
        parser.add_argument("--file", default="", metavar="PATH", help="CSV: base, quote, rate, valid_from, source.")
        parser.add_argument("--organization", default="", metavar="SLUG")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            organization = organization_of(options["organization"]) if options["organization"] else None
            taken = state_rates(organization=organization, actor=None, stated=_stated(options))
        except ServiceError as error:
            raise CommandError(error.message) from None
        self.stdout.write(_answer(taken, is_json=options["json"]))


def _stated(options: dict[str, Any]) -> list[NewRate]:
    if options["file"]:
        try:
            content = Path(options["file"]).read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        return read_csv(content, options["source"])
    if not options["rate"]:
        raise CommandError("Give two currencies and a rate, or --file.")
    try:
        day = date.fromisoformat(options["on"]) if options["on"] else datetime.now(UTC).date()
        rate = Decimal(options["rate"])
    except (ValueError, InvalidOperation):
        raise CommandError("The rate is a decimal such as 1.0815, the day one such as 2026-11-02.") from None
    return [NewRate(options["base"], options["quote"], rate, day, options["source"])]


def _answer(taken: Taken, *, is_json: bool) -> str:
    if is_json:
        return json.dumps({"stated": len(taken.rows) - taken.known, "known": taken.known})
    words = f"{len(taken.rows) - taken.known:,} rates stated, {taken.known:,} stood already."
    return "\n".join([*(str(row) for row in taken.rows[:10]), words])
