"""`manage.py write_ledger`: the ledger writer of this host."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gateway.ledger.interrupted import price_interrupted
from gateway.ledger.writer import Writer, tune_interpreter


class Command(BaseCommand):
    help = "Book the spools of this host into the ledger until stopped (SIGTERM finishes the batch)."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = False

        def on_signal(*_: object) -> None:
            nonlocal stop
            stop = True

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        tune_interpreter()
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        Writer(settings.SPOOL_DIR, settings.DATABASE_DIRECT_URL, price_interrupted).run(lambda: stop)
