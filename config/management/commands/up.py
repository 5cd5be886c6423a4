"""`manage.py up` in Django's list of commands; the work is `config.embedded.up`, which runs before Django."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.embedded import up
from config.env import BASE_DIR


class Command(BaseCommand):
    help = "Starts the whole gateway on this machine: database, data plane, console, workers, simulated provider."

    def add_arguments(self, parser: CommandParser) -> None:
        up.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Reached by `django-admin up`: hand over to a fresh interpreter, in which Django is not loaded yet."""
        os.execv(sys.executable, [sys.executable, str(BASE_DIR / "manage.py"), "up", *sys.argv[2:]])
