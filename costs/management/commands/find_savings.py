"""`manage.py find_savings`: search the last 30 whole days for savings and keep what is found."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from costs.models import Recommendation
from costs.recommendations.money import plain
from costs.recommendations.realized import measure_all
from costs.recommendations.search import search
from costs.recommendations.store import Stored
from costs.savings.proposals import Findings
from gateway.models import Organization


class Command(BaseCommand):
    help = "Search for savings and keep them as recommendations. The background process does it once a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="only this one")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, organization: str | None, as_json: bool, **options: Any) -> None:
        found = Organization.objects.filter(archived_at=None).order_by("slug")
        if organization is not None:
            found = found.filter(slug=organization)
            if not found:
                raise CommandError(f"no organization {organization!r}")
        now = datetime.now(UTC)
        answers = []
        for each in found:
            findings, kept = search(each, now=now)
            measure_all(each, now=now)
            answers.append(_facts(each, findings, kept))
            if not as_json:
                self._tell(each, findings, kept)
        if as_json:
            self.stdout.write(json.dumps(answers))

    def _tell(self, organization: Organization, findings: Findings, kept: Stored) -> None:
        share = f" ({findings.joint_saving / findings.charged:.1%})" if findings.charged else ""
        self.stdout.write(
            f"{organization.slug}: {findings.joint_saving:,.2f} of {findings.charged:,.2f} {findings.currency}{share}"
            f" in {findings.lines:,} lines; {kept.opened} opened, {kept.updated} updated, {kept.expired} expired"
        )
        for row in Recommendation.objects.filter(organization=organization).open():
            self.stdout.write(f"  {row.monthly_saving:>12,.2f} a month  {row.title}")
        for _, message in findings.notes:
            self.stdout.write(f"  note: {message}")


def _facts(organization: Organization, findings: Findings, kept: Stored) -> dict[str, Any]:
    rows = Recommendation.objects.filter(organization=organization).open()
    return {
        "organization": organization.slug, "start": findings.start.isoformat(), "end": findings.end.isoformat(),
        "currency": findings.currency, "spend": plain(findings.charged), "lines": findings.lines,
        "joint_saving": plain(findings.joint_saving), "opened": kept.opened, "updated": kept.updated,
        "expired": kept.expired,
        "recommendations": [
            {
                "id": str(row.pk), "category": row.category, "title": row.title,
                "monthly_saving": plain(row.monthly_saving),
            }
            for row in rows
        ],
        "notes": [{"code": code, "message": message} for code, message in findings.notes],
    }  # fmt: skip
