"""`manage.py import_usage`: usage recorded elsewhere becomes ledger lines, exactly once."""

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gateway.imports.fields import parse_mapping
from gateway.imports.formats import FORMATS
from gateway.imports.records import BadValueError, UnreadableFileError
from gateway.imports.rows.lines import inspect
from gateway.imports.service import Source, Summary, import_file
from gateway.models import DirtyMark, Organization, Project
from gateway.services.identity import ensure_default_project

SHOWN_REJECTIONS = 20
POLL_S = 0.2


def _pair(text: str) -> tuple[str, str]:
    try:
        return next(iter(parse_mapping([text]).items()))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _move(bar: Any, line: int) -> None:
    bar.update(line - bar.n)


class Command(BaseCommand):
    help = "Import recorded usage into the ledger. Repeating an import adds nothing; a killed one goes on where it was."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
        parser.add_argument("--format", required=True, choices=sorted(FORMATS))
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--project", metavar="SLUG", help="default: the project `default`, made when missing")
        parser.add_argument(
            "--mapping", nargs="+", action="extend", default=[], type=_pair, metavar="FIELD=COLUMN",
            help="where a field comes from, or its value for the whole file: model=gpt-4o provider=openai",
        )  # fmt: skip
        parser.add_argument("--source", default="", metavar="NAME", help="lasting name of a file that grows")
        parser.add_argument(
            "--prices", choices=("file", "book"), default="file",
            help="file: keep the costs that the file states; book: price everything by the price book",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="read and price everything, write nothing")
        parser.add_argument("--wait", action="store_true", help="wait until the dashboards include the lines")
        parser.add_argument("--wait-seconds", type=float, default=120, help="longest wait of --wait")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        project = self._project(options["organization"], options["project"])
        summaries, failures = [], []
        for path in options["files"]:
            mapping = dict(options["mapping"])
            source = Source(path, options["format"], mapping, options["source"], options["prices"])
            try:
                summaries.append(self._import(project, source, options))
            except (UnreadableFileError, BadValueError) as error:
                failures.append(f"{path}: {error}".replace(f"{path}: {path}: ", f"{path}: "))
        if options["json"]:
            files = [summary.as_json() for summary in summaries]
            self.stdout.write(json.dumps({"files": files, "errors": failures}, indent=2))
        if failures:
            raise CommandError("\n".join(failures))
        if options["wait"] and not options["dry_run"]:
            self._wait(project, options["wait_seconds"])

    def _project(self, organization_slug: str, project_slug: str | None) -> Project:
        organization = Organization.objects.active().filter(slug=organization_slug).first()
        if organization is None:
            known = ", ".join(Organization.objects.active().values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"no organization {organization_slug!r}; there are: {known}")
        if project_slug is None:
            return ensure_default_project(organization=organization, actor=None)
        project = Project.objects.active().filter(organization=organization, slug=project_slug).first()
        if project is None:
            known = ", ".join(organization.projects.active().values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"no project {project_slug!r} in {organization_slug}; there are: {known}")
        return project

    def _import(self, project: Project, source: Source, options: dict[str, Any]) -> Summary:
        quiet = options["json"] or not sys.stderr.isatty()
        total = inspect(source.path).lines
        with tqdm(total=total, desc=source.path.name, unit=" lines", disable=quiet, leave=False) as bar:
            summary = import_file(
                project=project,
                source=source,
                dry_run=options["dry_run"],
                progress=partial(_move, bar),
            )
        if not options["json"]:
            self._print(summary, dry_run=options["dry_run"])
        return summary

    def _print(self, summary: Summary, *, dry_run: bool) -> None:
        verb = "would be imported" if dry_run else "imported"
        self.stdout.write(
            f"{summary.file}: {summary.imported:,} {verb}, {summary.duplicates:,} already there, "
            f"{summary.rejected:,} rejected{f', {summary.skipped:,} no usage' if summary.skipped else ''}"
        )
        cost = f"{summary.cost:,f} USD" if summary.unpriced < summary.imported else "unknown"
        remedy = ": --mapping model=…" if dry_run else ""
        unpriced = f" ({summary.unpriced:,} lines unpriced{remedy})" if summary.unpriced else ""
        if summary.imported:
            self.stdout.write(
                f"  {summary.requests:,} requests, {summary.input_tokens:,} input and {summary.output_tokens:,} output "
                f"tokens, cost {cost}{unpriced}"
            )
        if summary.unpriced_before:
            self.stderr.write(
                f"  {summary.unpriced_before:,} of the lines that are there already have no price. A line keeps the "
                "model and the price that it was imported with; another --mapping changes neither."
            )
        for item in summary.first_rejections[:SHOWN_REJECTIONS]:
            self.stderr.write(f"  line {item.line}: {item.reason}")
        if summary.rejected > len(summary.first_rejections):
            self.stderr.write(f"  {summary.rejected:,} lines are kept aside with their reasons")
        if summary.quarantined:
            self.stderr.write(f"  {summary.quarantined:,} lines were refused by the database and are in quarantine")
        if summary.imported and not dry_run:
            self.stdout.write("  The background process brings the dashboards up to date within seconds.")

    def _wait(self, project: Project, seconds: float) -> None:
        """Until no mark of the organization is open; this process does none of the work itself."""
        deadline = time.monotonic() + seconds
        while DirtyMark.objects.filter(organization=project.organization_id).exists():
            if time.monotonic() > deadline:
                raise CommandError(
                    f"the dashboards are still behind after {seconds:g} s: is the background process running? "
                    "The lines themselves are in the ledger."
                )
            time.sleep(POLL_S)
