"""`manage.py record_golden`: keep what a model answers before it is switched off."""

import json
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from finetuning.models import Recording, TuningFile
from finetuning.services import recording
from gateway.models import Project
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """Queues a recording and runs it to its end; a background process that takes it first does the same."""

    help = "Replay prompts to a model through the gateway and store its answers as a training file"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="as applications name it")
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--file", metavar="ID", help="whose prompts are asked; default: logged requests")
        parser.add_argument("--days", type=int, default=30, help="of logged requests; default: %(default)s")
        parser.add_argument("--size", type=int, default=200, help="at most so many prompts; default: %(default)s")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--budget-limit", metavar="AMOUNT", help="end with what there is before answers cost more")
        parser.add_argument("--consent", action="store_true", help="those whose words these are have agreed")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            row = recording.create_recording(
                project=_project(options), model=options["model"], consent=options["consent"], actor=None,
                source=_file(options["file"]), days=options["days"], size=options["size"], seed=options["seed"],
                budget_limit=_amount(options["budget_limit"]),
            )  # fmt: skip
        except ServiceError as error:
            raise CommandError(error.message) from error
        recording.run(row.pk)
        row.refresh_from_db()
        if options["json"]:
            self.stdout.write(json.dumps({
                "id": str(row.pk), "status": row.status, "prompts": row.prompts, "recorded": row.recorded,
                "spent": None if row.spent is None else f"{row.spent:f}",
                "currency": row.currency, "file": str(row.file_id) if row.file_id else None, "error": row.error,
            }))  # fmt: skip
        else:
            self._say(row)
        if row.status == "failed":
            raise SystemExit(1)

    def _say(self, row: Recording) -> None:
        spent = "cost in several currencies" if row.spent is None else f"{row.spent:f} {row.currency}"
        self.stdout.write(f"{row.status}: {row.recorded} of {row.prompts or 0} prompts, {spent}")
        if row.file_id:
            self.stdout.write(f"file {row.file_id}")
        if row.error:
            self.stderr.write(row.error)


def _project(options: dict[str, Any]) -> Project:
    rows = Project.objects.select_related("organization").filter(organization__slug=options["organization"])
    found = rows.filter(slug=options["project"]).first()
    if found is None:
        raise CommandError(f"There is no project {options['project']} in {options['organization']}.")
    return found


def _file(identity: str | None) -> TuningFile | None:
    if identity is None:
        return None
    try:
        return TuningFile.objects.ready().get(pk=identity)
    except (TuningFile.DoesNotExist, ValueError, TypeError) as error:
        raise CommandError(f"There is no file {identity}.") from error
    except Exception as error:
        raise CommandError(f"{identity} is no file's id.") from error


def _amount(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation as error:
        raise CommandError(f"{text} is no amount.") from error
