"""`manage.py import_head`: serve a local head from a signed file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from finetuning.services.headbundles import import_head
from gateway.models import Project
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    help = "Serve a local head from a file of export_head; one that was changed is refused"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--suffix", default="", help="part of its new name; default: as it was")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Project.objects.select_related("organization").filter(organization__slug=options["organization"])
        project = rows.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']} in {options['organization']}.")
        try:
            content = Path(options["file"]).read_bytes()
            tuned = import_head(project=project, content=content, actor=None, suffix=options["suffix"])
        except (ServiceError, OSError) as error:
            raise CommandError(str(error)) from error
        told = {"id": str(tuned.pk), "name": tuned.name, "sha256": tuned.artifact_sha256}
        self.stdout.write(json.dumps(told) if options["json"] else f"{tuned.name} is served.")
