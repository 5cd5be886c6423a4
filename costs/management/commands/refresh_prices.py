"""`manage.py refresh_prices`: read a price file, or the lists of this release, into dated rows."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from costs.choices import SnapshotState
from costs.services import snapshots
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """Exit status 1 when a file is rejected; the prices before it stay."""

    help = (
        "Read public prices: LiteLLM's file from --file or --url (default: PRICES_URL), else what this release brings."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--file", metavar="PATH", help="LiteLLM's model_prices_and_context_window.json")
        where.add_argument("--url", default="", help="where to ask for it")
        where.add_argument("--bundled", action="store_true", help="only what this release brings")
        parser.add_argument("--version-name", default="", metavar="TEXT", help="version of --file; default: today")
        parser.add_argument("--force", action="store_true", help="take a file whose prices moved unbelievably far")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = snapshots.refresh(_files(options), force=options["force"])
        except ServiceError as error:
            raise CommandError(error.message) from error
        for one in found:
            if options["json"]:
                names = (
                    "source",
                    "version",
                    "origin",
                    "state",
                    "models_count",
                    "opened_count",
                    "closed_count",
                    "problems",
                )
                self.stdout.write(json.dumps({"id": str(one.pk)} | {name: getattr(one, name) for name in names}))
            else:
                self.stdout.write(
                    f"{one.source} {one.version}: {one.state}, {one.models_count:,} models, {one.opened_count:,} rates "
                    f"began, {one.closed_count:,} ended."
                )
                for problem in one.problems:
                    self.stdout.write(f"  {problem}")
        if any(one.state == SnapshotState.REJECTED for one in found):
            raise CommandError("A price file was rejected; the prices before it stay.")


def _files(options: dict[str, Any]) -> list[snapshots.File]:
    if options["file"]:
        return [snapshots.read_litellm(Path(options["file"]), options["version_name"])]
    url = options["url"] or ("" if options["bundled"] else settings.PRICES_URL)
    return [snapshots.fetch_litellm(url)] if url else snapshots.bundled_files()
