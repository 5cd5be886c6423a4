"""`manage.py release_sdk`: what changed since the newest release, the version that follows, and keeping it."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.services.errors import ServiceError
from sdkgen import ir
from sdkgen.releases import Proposal, levels_of, propose, release
from sdkgen.versions import Level, level_of

SHOWN = 20


class Command(BaseCommand):
    """Storing the same code again changes nothing."""

    help = "Release the SDKs of the code that runs"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--release-version", metavar="X.Y.Z", help="instead of the proposed one; not lower")
        parser.add_argument("--evidence", metavar="FILE", help="what `python -m bench.sdk.evidence` wrote")
        parser.add_argument("--dry-run", action="store_true", help="propose, store nothing")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            evidence = json.loads(Path(options["evidence"]).read_text()) if options["evidence"] else None
            proposal = propose(evidence)
            version = options["release_version"] or proposal.version
            if not options["dry_run"]:
                version = release(proposal, version=options["release_version"], evidence=evidence).version
        except (OSError, json.JSONDecodeError, ir.DocumentError, ServiceError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(_told(proposal, version, options["dry_run"]), indent=2))
        else:
            self._say(proposal, version, is_dry=options["dry_run"], has_evidence=evidence is not None)

    def _say(self, proposal: Proposal, version: str, *, is_dry: bool, has_evidence: bool) -> None:
        if not proposal.is_new:
            self.stdout.write(f"Nothing changed since {proposal.version}.")
            return
        if proposal.previous is None:
            self.stdout.write(f"{'Would store' if is_dry else 'Stored'} {version}, the first release.")
            return
        self.stdout.write(f"{len(proposal.changes)} changes since {proposal.previous.version}:")
        for language, level in sorted((proposal.levels or {}).items()):
            counts = levels_of(proposal.changes, language)
            said = ", ".join(f"{counts[one]} {one.name.lower()}" for one in sorted(Level, reverse=True))
            self.stdout.write(f"  {language:<12}{level.name.lower():<7}{said}")
        grave = [
            one for one in proposal.changes if any(level_of(one, name) is Level.MAJOR for name in proposal.levels or ())
        ]
        for change in grave[:SHOWN]:
            self.stdout.write(f"  breaking: {change.text}")
        if len(grave) > SHOWN:
            self.stdout.write(f"  and {len(grave) - SHOWN} more that break code")
        if not has_evidence:
            self.stdout.write("  not checked by compiling the code of the release before (--evidence)")
        self.stdout.write(f"{'Would store' if is_dry else 'Stored'} {version}.")


def _told(proposal: Proposal, version: str, is_dry: bool) -> dict[str, Any]:
    return {
        "version": version,
        "proposed": proposal.version,
        "previous": proposal.previous.version if proposal.previous else None,
        "is_new": proposal.is_new,
        "is_stored": not is_dry,
        "level": proposal.level.name.lower() if proposal.level is not None else None,
        "levels": {language: level.name.lower() for language, level in sorted((proposal.levels or {}).items())},
        "changes": [change.as_json() for change in proposal.changes],
    }
