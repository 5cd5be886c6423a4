"""`manage.py seed_demo`: the demo company, deterministic by seed and end."""

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from config.demo.releases import ensure_releases
from config.demo.seed import SEED, SIMULATOR_URL, SLUG, DemoError, Seeded, seed
from config.demo.story import DAYS

BACKGROUND_PAUSE_S = 0.2


def _until(text: str) -> datetime:
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither a date nor an ISO 8601 time") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class Command(BaseCommand):
    help = "Make the demo organization: a company of 5 teams and 45 keys, at least 400,000 ledger lines in 90 days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=DAYS)
        parser.add_argument("--seed", type=int, default=SEED)
        parser.add_argument(
            "--until", type=_until, metavar="DATE", help="end, not included, UTC; default: the current quarter-hour"
        )
        parser.add_argument("--organization", default=SLUG, metavar="SLUG")
        parser.add_argument("--simulator-url", default=SIMULATOR_URL, help="where its providers point")
        parser.add_argument("--days-first", type=int, metavar="N", help="load the newest N days and stop")
        parser.add_argument("--clean", action="store_true", help="the same company without anything wasteful")
        parser.add_argument("--background", action="store_true", help="go on quietly, leaving room for others")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        quiet = options["json"] or options["background"] or not sys.stderr.isatty()
        with tqdm(total=options["days"], unit=" days", desc="Demo company", disable=quiet, leave=False) as bar:
            try:
                seeded = seed(
                    days=options["days"],
                    seed=options["seed"],
                    until=options["until"],
                    slug=options["organization"],
                    simulator_url=options["simulator_url"],
                    days_first=options["days_first"],
                    clean=options["clean"],
                    pause_s=BACKGROUND_PAUSE_S if options["background"] else 0.0,
                    progress=lambda done, wanted: _move(bar, done, wanted),
                )
            except DemoError as error:
                raise CommandError(str(error)) from error
        if options["background"]:
            ensure_releases()
        self._report(seeded, time.monotonic() - began, as_json=options["json"])

    def _report(self, seeded: Seeded, seconds: float, *, as_json: bool) -> None:
        if as_json:
            facts = {
                "organization": seeded.slug,
                "until": seeded.until.isoformat(),
                "added_lines": seeded.added_lines,
                "added_days": seeded.added_days,
                "days": seeded.days,
                "wanted_days": seeded.wanted_days,
                "seconds": round(seconds, 1),
            }
            self.stdout.write(json.dumps(facts))
            return
        more = "" if seeded.is_complete else "; the rest: python manage.py seed_demo --background"
        self.stdout.write(
            f"{seeded.slug}: {seeded.added_lines:,} lines of {seeded.added_days} days added in {seconds:.1f} s, "
            f"{seeded.days} of {seeded.wanted_days} days are there, until {seeded.until:%Y-%m-%d %H:%M} UTC{more}"
        )


def _move(bar: Any, done: int, wanted: int) -> None:
    bar.total = wanted
    bar.update(done - bar.n)
