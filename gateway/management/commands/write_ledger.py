"""`manage.py write_ledger`: the ledger writer of this host."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway import places
from gateway.ledger.interrupted import price_interrupted
from gateway.ledger.writer import Writer, tune_interpreter
from gateway.services import spools


class Command(BaseCommand):
    help = "Book the spools of this host into the ledger until stopped (SIGTERM finishes the batch)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--give-up", metavar="SPOOL", help="close a silent spool whose disk is lost, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["give_up"]:
            return self._give_up(options["give_up"])
        stop = False

        def on_signal(*_: object) -> None:
            nonlocal stop
            stop = True

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        tune_interpreter()
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        place = places.take("writer", settings.DATA_DIR)
        Writer(settings.SPOOL_DIR, settings.DATABASE_DIRECT_URL, price_interrupted, place=place).run(lambda: stop)
        return None

    def _give_up(self, spool: str) -> None:
        if not spools.give_up(spool):
            raise CommandError(
                f"{spool} is no silent spool: `manage.py doctor --only silent_spools` names those there are."
            )
        self.stdout.write(
            f"Closed {spool}: its leases are back, what it still held is not in the ledger, unless its disk turns up."
        )
