"""`manage.py export_head`: a local head as a signed file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from finetuning.models import TunedModel
from finetuning.services.headbundles import export_head
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    help = "Write a local head with its signature to a file, which import_head of this installation takes"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="as applications name it: ft:local-head:…")
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--organization", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = TunedModel.objects.filter(organization__slug=options["organization"], name=options["model"])
        tuned = rows.select_related("organization", "job__training_file").first()
        if tuned is None:
            raise CommandError(f"There is no tuned model {options['model']} in {options['organization']}.")
        try:
            content = export_head(tuned=tuned, actor=None)
            Path(options["file"]).write_bytes(content)
        except (ServiceError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(content):,} bytes written to {options['file']}")
