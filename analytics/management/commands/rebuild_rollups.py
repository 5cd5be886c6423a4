"""`rebuild_rollups --since DATE [--organization SLUG]`: recompute rollups from the ledger."""

import argparse
import sys
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from analytics.rollups.rebuild import booked_span, rebuild
from analytics.rollups.refresh import DAY, Refreshed, day_of
from gateway.models import Organization


class Command(BaseCommand):
    help = "Recompute rollups from the ledger. Days whose ledger lines were detached are kept as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=_day, required=True, metavar="YYYY-MM-DD", help="First UTC day.")
        parser.add_argument("--organization", metavar="SLUG", help="One organization; all of them by default.")
        parser.add_argument("--workers", type=int, default=2, help="Connections at once.")

    def handle(self, *args: Any, since: datetime, organization: str | None, workers: int, **options: Any) -> None:
        only = None
        if organization:
            only = Organization.objects.filter(slug=organization).values_list("pk", flat=True).first()
            if only is None:
                raise CommandError(f"There is no organization {organization!r}.")
        total = Refreshed()
        for pk, (first, last) in booked_span(only).items():
            start, end = max(since, day_of(first)), day_of(last) + DAY
            with tqdm(total=max(0, (end - start).days), unit="day", disable=not sys.stderr.isatty()) as bar:
                total += rebuild(pk, start, end, workers=workers, progress=bar.update)
        self.stdout.write(f"{total.lines:,} lines, {total.days:,} days recomputed, {total.kept:,} days kept")


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date like 2026-11-01") from None
