"""`manage.py verify_ledger`: ledger, rollups, key spend, spools and audit chain agree, or it says where not."""

import json
import os
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from analytics.verify import compare_rollups
from costs.budgets.verify import verify_budgets
from gateway.ledger.connect import connect
from gateway.ledger.verify import EXAMPLES, Check, verify
from gateway.models import AuditEvent, Organization
from gateway.services import audit

MOST_WORKERS = 4
"""Connections that compare rollups at once, at most."""


class Command(BaseCommand):
    help = "Check the ledger against itself and everything derived from it. Exit status 1 when something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="only this one")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = self._organization(options["organization"])
        checks: list[Check] = []
        for check in _checks(organization):
            checks.append(check)
            if not options["json"]:
                self._print(check)
        wrong = [check for check in checks if not check.is_fine]
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not wrong, "checks": [_as_json(check) for check in checks]}, indent=2))
        if wrong:
            raise CommandError(
                f"{len(wrong)} of {len(checks)} checks failed: {'; '.join(check.name for check in wrong)}"
            )
        if not options["json"]:
            self.stdout.write(f"All {len(checks)} checks passed.")

    def _organization(self, slug: str | None) -> Organization | None:
        if slug is None:
            return None
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"no organization {slug!r}")
        return organization

    def _print(self, check: Check) -> None:
        word = "ok" if check.problems == 0 else "warning" if check.is_warning else "WRONG"
        looked = f"{check.looked_at:,} looked at" if check.looked_at else "nothing there"
        wrong = f", {check.problems:,} of them wrong" if check.problems else ""
        self.stdout.write(f"  {word:<8}{check.name}: {looked}{wrong}")
        for example in check.examples:
            self.stdout.write(f"          {example}")
        self.stdout.flush()


def _checks(organization: Organization | None) -> Iterator[Check]:
    """The rollups are compared at the same time, on connections of their own."""
    with ThreadPoolExecutor(1, thread_name_prefix="rollups") as pool:
        rollups = pool.submit(_rollups, organization)
        with connect() as connection:
            spools = settings.SPOOL_DIR if organization is None else None
            only = organization.pk if organization else None
            yield from verify(connection, organization=only, spools=spools)
            yield from verify_budgets(connection, only)
        yield rollups.result()
    yield _audit_chains(organization)


def _rollups(organization: Organization | None) -> Check:
    wanted = [organization.pk] if organization else None
    try:
        differences = compare_rollups(wanted, workers=min(len(os.sched_getaffinity(0)), MOST_WORKERS))
        looked = 1 if organization else Organization.objects.count()
    finally:
        connections.close_all()  # this thread's
    return Check("rollups = ledger", looked, len(differences), tuple(map(str, differences[:EXAMPLES])))


def _audit_chains(organization: Organization | None) -> Check:
    """Every chain, the platform's (no organization) too."""
    chains: list[Organization | None] = [organization] if organization else [None, *_with_events()]
    broken = [
        f"{chain.slug if chain else 'platform'}: {outcome.problem}"
        for chain in chains
        if not (outcome := audit.verify(chain)).is_intact
    ]
    return Check("audit chain intact", len(chains), len(broken), tuple(broken[:EXAMPLES]))


def _with_events() -> list[Organization]:
    events = AuditEvent.objects.exclude(organization=None).order_by().values("organization_id").distinct()
    return list(Organization.objects.filter(pk__in=events))


def _as_json(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "status": "ok" if check.problems == 0 else "warning" if check.is_warning else "failed",
        "looked_at": check.looked_at,
        "problems": check.problems,
        "examples": list(check.examples),
    }
