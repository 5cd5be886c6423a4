"""`manage.py alive` in Django's list of commands; the work is `config.alive`, which runs before Django."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config import alive


class Command(BaseCommand):
    help = "Tells by its exit status whether this host's own writer, background process or scheduler works."

    def add_arguments(self, parser: CommandParser) -> None:
        alive.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Reached by `django-admin alive`."""
        alive.main(sys.argv[2:])
