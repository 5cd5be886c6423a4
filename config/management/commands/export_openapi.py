"""`manage.py export_openapi`: the document the SDKs are generated from."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from drf_spectacular.validation import validate_schema

from sdkgen.documents.merged import merged


class Command(BaseCommand):
    """OpenAPI 3.1 as JSON, validated, the same bytes for the same code."""

    help = "Write the OpenAPI document of the data plane and the management API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", default="", metavar="FILE", help="Standard output by default.")

    def handle(self, *args: Any, **options: Any) -> None:
        document = merged()
        validate_schema(document)
        text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        if not options["output"]:
            self.stdout.write(text, ending="")
            return
        try:
            Path(options["output"]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror}.") from None
        self.stderr.write(f"{len(document['paths'])} paths written to {options['output']}.")
