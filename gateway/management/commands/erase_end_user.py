"""`manage.py erase_end_user NAME --organization SLUG [--dry-run] [--json]`: forget an end user."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.management.commands.create_key import organization_of
from gateway.services import erasure
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """The background process does it within seconds; the API's `end-user-erasures` says what it found."""

    help = "Queue the erasure of an end user by the name that calls give."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("end_user", metavar="NAME", help="As in X-Gateway-End-User, or the body's user.")
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--dry-run", action="store_true", help="Only say what the ledger has of them.")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, end_user: str, organization: str, dry_run: bool, **options: Any) -> None:
        where = organization_of(organization, is_archived_fine=True)
        trace = erasure.look_for(organization=where, end_user=end_user)
        answer: dict[str, Any] = {"lines": trace.lines, "id": None, "pseudonym": None}
        if not dry_run:
            try:
                made = erasure.erase_end_user(organization=where, end_user=end_user, actor=None)
            except ServiceError as error:
                raise CommandError(error.message) from None
            answer |= {"id": str(made.pk), "pseudonym": made.pseudonym}
        words = f"{trace.lines:,} ledger lines" + (
            "" if dry_run else f"; queued, {answer['pseudonym']} takes its place"
        )
        self.stdout.write(json.dumps(answer) if options["json"] else words)
