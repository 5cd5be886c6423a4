"""Make the alert rules that an organization begins with, where it never had them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.alerts.defaults import create_defaults
from gateway.models import Organization


class Command(BaseCommand):
    help = "Makes the default alert rules (budgets, anomalies) of organizations that never had them; safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="only this one")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Organization.objects.filter(archived_at=None).order_by("slug")
        if options["organization"]:
            rows = rows.filter(slug=options["organization"])
            if not rows:
                raise CommandError(f"There is no organization {options['organization']}.")
        for organization in rows:
            made = create_defaults(organization=organization, actor=None)
            self.stdout.write(f"{organization.slug}: {made} made")
