"""`forecast --organization demo`: make and store forecasts of now; with `--days-back`, of earlier weeks too."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.outlook import runs
from analytics.outlook.models import ForecastRun
from gateway.models import Organization

MOST_DAYS = 100


class Command(BaseCommand):
    help = (
        "Store forecasts of cost, requests and tokens as the background does, and compare earlier ones with what came."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument(
            "--days-back", type=int, default=0, metavar="N",
            help="also from origins a week apart over the last N days, as they would have been made then",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, organization: str, days_back: int, as_json: bool, **options: Any) -> None:
        if not 0 <= days_back <= MOST_DAYS:
            raise CommandError(f"--days-back is between 0 and {MOST_DAYS}.")
        found = Organization.objects.filter(slug=organization, archived_at=None).first()
        if found is None:
            raise CommandError(f"No organization {organization!r}.")
        stored = runs.backfill(found, days_back)
        newest = (
            ForecastRun.objects.filter(organization=found, measure="cost", grain="day", level=runs.ORGANIZATION)
            .order_by("-origin_at")
            .first()
        )
        facts = {
            "organization": organization,
            "runs": stored,
            "cost_next_30_days": newest.total["mean"] if newest else None,
            "method": newest.method if newest else None,
        }
        if as_json:
            self.stdout.write(json.dumps(facts))
            return
        if newest is None:
            self.stdout.write(f"{organization}: nothing was used yet, so there is nothing to forecast from.")
            return
        low, high = newest.total["lower"]["0.8"], newest.total["upper"]["0.8"]
        self.stdout.write(
            f"{organization}: {stored} forecasts stored; cost of the next {newest.horizon} days "
            f"{newest.total['mean']:.2f} {found.currency}, 80 % likely {low:.2f} to {high:.2f} ({newest.method})"
        )
