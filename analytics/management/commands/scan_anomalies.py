"""`manage.py scan_anomalies`: judge hours that are not judged yet, or a stretch again."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.anomalies.scan import scan, whole_hour
from gateway.models import Organization


class Command(BaseCommand):
    help = "Look for anomalies in the hourly figures. Background processes do it once an hour."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="only this one")
        parser.add_argument(
            "--days", type=int, help="judge the last N days again; what people have said something of stays"
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, organization: str | None, days: int | None, as_json: bool, **options: Any) -> None:
        if days is not None and not 1 <= days <= 365:
            raise CommandError("--days lies between 1 and 365.")
        found = Organization.objects.filter(archived_at=None).order_by("slug")
        if organization is not None:
            found = found.filter(slug=organization)
            if not found:
                raise CommandError(f"no organization {organization!r}")
        end = whole_hour(datetime.now(UTC))
        since = None if days is None else end - timedelta(days=days)
        rows = [(each.slug, scan(each, end=end, since=since)) for each in found]
        if as_json:
            facts = [{"organization": slug, "hours": s.hours, "found": s.found, "grown": s.grown} for slug, s in rows]
            self.stdout.write(json.dumps(facts))
            return
        for slug, scanned in rows:
            self.stdout.write(f"{slug}: {scanned.hours:,} hours judged, {scanned.found} found, {scanned.grown} grown")
