"""`manage.py backup --output FOLDER|FILE`: database, spools and manifest in one file, beside a running gateway."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backup.making import make
from config.backup.server import ServerError


class Command(BaseCommand):
    help = "Writes a backup that `restore --verify` can check. It holds no key; keep the secrets apart from it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", required=True, metavar="FOLDER|FILE", help="a new file, or a folder for one")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            make(options["output"], self.stdout.write)
        except ServerError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup cannot be written: {error}") from error
