"""`manage.py rotate_secrets`: new pepper and field key, stored values put under them; `--retire` removes old ones."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import rotation


class Command(BaseCommand):
    help = "Rotates peppers and field keys while the gateway runs; run again after a kill, it goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retire", action="store_true", help="remove old ones that nothing needs")
        parser.add_argument(
            "--forget-hashes", action="store_true",
            help="with --retire: the lowest pepper too; hashes of addresses and requests then differ from older ones",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["retire"]:
                rotation.retire(self._say, forget_hashes=options["forget_hashes"])
            else:
                rotation.rotate(self._say)
                self._say("Run `manage.py rotate_secrets --retire` to remove the old ones.")
        except rotation.RotationError as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
