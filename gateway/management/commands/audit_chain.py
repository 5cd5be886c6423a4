"""`manage.py audit_chain export --organization SLUG FILE` and `audit_chain verify FILE`: the audit trail as a file."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway import auditchain
from gateway.management.commands.create_key import organization_of
from gateway.models import Organization
from gateway.services import audit


class Command(BaseCommand):
    """`verify` reads the file alone, no database. Exit code 1: the chain is broken, or ends elsewhere than --head."""

    help = "Export the hash chain of the audit trail, or check such a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["export", "verify"])
        parser.add_argument("file", type=Path)
        parser.add_argument("--organization", default="", metavar="SLUG", help="Empty: the platform's own chain.")
        parser.add_argument("--head", default="", metavar="HASH", help="Head hash that was kept elsewhere.")
        parser.add_argument("--json", action="store_true")

    def _export(self, file: Path, where: Organization | None) -> None:
        """Readable by its owner alone; a file of that name stays as it is until the new one is whole."""
        unfinished = file.with_name(f".{file.name}.part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with open(descriptor, "wb") as target:
                target.writelines(audit.export(where))
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)

    def handle(self, *args: Any, action: str, file: Path, organization: str, head: str, **options: Any) -> None:
        try:
            if action == "export":
                self._export(file, organization_of(organization, is_archived_fine=True) if organization else None)
            with file.open(encoding="utf-8", errors="surrogatepass") as lines:
                walked = auditchain.walk(lines)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{file} is no export of an audit trail: it is not UTF-8.") from None
        problem = walked.problem
        if action == "verify" and not problem and not walked.events:
            problem = f"{file} holds no event."
        if not problem and head and head != walked.head_hash:
            problem = f"The chain ends with {walked.head_hash}, not with {head}: its end was cut off, or it goes on."
        answer = {"events": walked.events, "head_hash": walked.head_hash, "problem": problem}
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        elif not problem:
            self.stdout.write(f"{walked.events:,} events, intact; head {walked.head_hash}")
        if problem:
            raise CommandError(problem)
