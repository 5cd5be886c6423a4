"""Importing a file into the ledger: in batches, resumable, idempotent, safe with several processes at once.

`ImportRun.line` moves in the transaction that books the records before it. Every batch takes the run's row lock and
leaves out what somebody else committed meanwhile, so an import that was killed, repeated or started twice at once
ends with the same lines.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils.module_loading import import_string

from gateway.choices import JobStatus
from gateway.dataplane.protocols import Pricer
from gateway.imports.formats import FORMATS
from gateway.imports.linemaker import Lines, cost_of
from gateway.imports.records import Item, Rejection, Skipped, UnreadableFileError, UsageRecord
from gateway.imports.rows.lines import Content, inspect
from gateway.imports.totals import Totals
from gateway.ledger.booking import Booked, book
from gateway.ledger.connect import connect
from gateway.ledger.partitions import ensure_partitions, month_of
from gateway.models import ImportRun, Project, RejectedRecord
from gateway.services import audit

BATCH_RECORDS = 5_000
REASON_CHARS = 300
COUNTERS = ("line", "imported", "duplicates", "rejected", "skipped", "quarantined", "requests", "unpriced",
            "input_tokens", "output_tokens", "cost", "first_at", "last_at", "started_at", "finished_at")  # fmt: skip

Pair = tuple[Item, dict[str, Any] | None]
"""An item and its line; a rejection and what was skipped have none."""
Progress = Callable[[int], None]
"""Called with the number of the last line that is done; what it raises stops the import where it is."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import and how to read it. `name`: a lasting name for a file that grows, instead of its content.

    `prices`: `file` keeps a cost that the file states, `book` prices everything by the price book.
    """

    path: Path
    format: str
    mapping: Mapping[str, str]
    name: str = ""
    prices: str = "file"

    def identity(self, content: Content) -> str:
        """What `ImportRun` knows the file by."""
        return f"name:{self.name}" if self.name else f"sha256:{content.digest}"

    def settings(self, project: Project) -> dict[str, str]:
        """What else tells two imports of one file apart."""
        return {**self.mapping, "project": project.slug} | ({"prices": "book"} if self.prices == "book" else {})


@dataclass(slots=True)
class Summary:
    """What one call did; tokens and cost are of the lines it added. `cost` is a decimal string, unpriced lines are
    not in it but in `unpriced`. `unpriced_before`: of the lines that were there already, how many have no price, which
    another mapping does not give them."""

    file: str
    records: int = 0
    imported: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0
    quarantined: int = 0
    requests: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    unpriced_before: int = 0
    first_rejections: list[Rejection] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        rejections = [{"line": item.line, "reason": item.reason} for item in self.first_rejections]
        return asdict(self) | {"cost": format(self.cost, "f"), "first_rejections": rejections}

    def count(self, line: Mapping[str, Any]) -> None:
        """A line that was added."""
        self.imported += 1
        self.requests += int(line.get("request_count", 1))
        self.input_tokens += int(line.get("input_tokens") or 0)
        self.output_tokens += int(line.get("output_tokens") or 0)
        cost = cost_of(line)
        self.unpriced += cost is None
        self.cost += cost or 0

    def leave_out(self, item: Item) -> None:
        """A record that became no line."""
        if isinstance(item, Skipped):
            self.skipped += 1
        elif isinstance(item, Rejection):
            self.rejected += 1
            if len(self.first_rejections) < 20:
                self.first_rejections.append(item)


def import_file(
    *,
    project: Project,
    source: Source,
    dry_run: bool = False,
    batch_records: int = BATCH_RECORDS,
    progress: Progress = lambda line: None,
) -> Summary:
    """Import one file into `project`; see the module. Raises `UnreadableFileError`; a bad record is a rejection.

    Rollups follow by the dirty marks that booking leaves. `dry_run` reads and prices everything and writes nothing.
    """
    content = inspect(source.path)
    identity = source.identity(content)
    summary = Summary(file=str(source.path))
    # Records with ids of their own are the same wherever they are found; the others only in this file.
    scope = f"format:{source.format}" if FORMATS[source.format].IS_KEYED and not source.name else identity
    with connect() as connection:
        lines = Lines(
            project, scope, _pricer(connection), label=source.format, uses_file_prices=source.prices == "file"
        )
        if dry_run:
            for item in _items(source):
                _tally(summary, item, lines)
                progress(item.line)
            return summary
        run = _open_run(project, source, identity, content)
        loader = _Loader(connection, run, lines, summary, progress)
        try:
            for item in _items(source):
                loader.add(item)
                if len(loader.waiting) >= batch_records:
                    loader.commit()
            loader.commit()
        except UnreadableFileError as error:
            _fail(run, str(error))
            raise
        loader.finish(content.lines)
    if summary.duplicates:
        summary.unpriced_before = min(summary.duplicates, _unpriced(run) - summary.unpriced)
    return summary


def _unpriced(run: ImportRun) -> int:
    """Lines without a price that all imports of the run's file have added."""
    runs = ImportRun.objects.filter(organization=run.organization, source=run.source)
    return runs.aggregate(lines=Sum("unpriced"))["lines"] or 0


def _pricer(connection: psycopg.Connection[Any]) -> Pricer:
    pricer: Pricer = import_string(settings.GATEWAY_PRICER)()
    pricer.reload(connection)
    return pricer


def _items(source: Source) -> Iterator[Item]:
    try:
        with source.path.open("rb") as file:
            yield from FORMATS[source.format].read(file, source.mapping, datetime.now(UTC))
    except OSError as error:
        raise UnreadableFileError(f"{source.path}: {error.strerror}") from error


def _tally(summary: Summary, item: Item, lines: Lines) -> None:
    summary.records += 1
    if isinstance(item, UsageRecord):
        summary.count(lines.line(item, lines.identify(item)))
    else:
        summary.leave_out(item)


@transaction.atomic
def _open_run(project: Project, source: Source, identity: str, content: Content) -> ImportRun:
    """The run of this source, new or to be resumed. The same usage in a second project would count twice: refused."""
    known = ImportRun.objects.filter(organization=project.organization_id, source=identity)
    elsewhere = known.exclude(mapping__project=project.slug).filter(line__gt=0).first()
    if elsewhere is not None:
        raise UnreadableFileError(f"already imported into project {elsewhere.mapping.get('project')!r}")
    run, is_new = known.get_or_create(
        organization=project.organization_id,
        source=identity,
        mapping=source.settings(project),
        defaults={"file_name": source.path.name[:300], "format": source.format, "project": project.pk},
    )
    if run.digest != content.digest:
        _begin_anew(run, content)
    started = run.started_at or datetime.now(UTC)
    ImportRun.objects.filter(pk=run.pk).update(
        total_lines=content.lines, status=JobStatus.RUNNING, error="", started_at=started
    )
    if is_new:
        after = {"file_name": run.file_name, "format": run.format, "source": identity, "mapping": run.mapping}
        audit.record(
            organization=project.organization, actor=None, verb="usage_import.started", target=run, after=after
        )
    return run


def _begin_anew(run: ImportRun, content: Content) -> None:
    """Another content under the same name is read from its start: the ids alone say what is there already."""
    run.digest = content.digest
    if run.line and run.source.startswith("name:"):
        fresh = ImportRun()
        for name in COUNTERS:
            setattr(run, name, getattr(fresh, name))
        RejectedRecord.objects.filter(run=run).delete()
    run.save()


def _fail(run: ImportRun, error: str) -> None:
    ImportRun.objects.filter(pk=run.pk).update(status=JobStatus.FAILED, error=error, finished_at=datetime.now(UTC))


class _Loader:
    """Collects items and commits them batch by batch."""

    def __init__(
        self, connection: psycopg.Connection[Any], run: ImportRun, lines: Lines, summary: Summary, progress: Progress
    ) -> None:
        self.waiting: list[Pair] = []
        self._connection = connection
        self._run = run
        self._lines = lines
        self._summary = summary
        self._progress = progress
        self._committed = run.line
        self._months: set[datetime] = set()

    def add(self, item: Item) -> None:
        """Take the next item of the file; what an earlier call committed is counted alone."""
        self._summary.records += 1
        identity = self._lines.identify(item) if isinstance(item, UsageRecord) else None
        if item.line <= self._committed:
            self._count_known(item)
        elif isinstance(item, UsageRecord) and identity is not None:
            self.waiting.append((item, self._lines.line(item, identity)))
        else:
            self.waiting.append((item, None))

    def _count_known(self, item: Item) -> None:
        self._summary.rejected += isinstance(item, Rejection)
        self._summary.skipped += isinstance(item, Skipped)
        self._summary.duplicates += isinstance(item, UsageRecord)

    def commit(self) -> None:
        """Book what waits. Records that another process committed since are counted as duplicates."""
        batch, self.waiting = self.waiting, []
        if not batch:
            return
        months = {month_of(item.at) for item, _ in batch if isinstance(item, UsageRecord)}
        if missing := months - self._months:
            ensure_partitions(self._connection, missing)
            self._months |= missing
        with self._connection.transaction():
            row = self._connection.execute(
                "SELECT line FROM gateway_importrun WHERE id = %s FOR UPDATE", [self._run.pk]
            ).fetchone()
            assert row is not None
            todo = [pair for pair in batch if pair[0].line > row[0]]
            booked = self._book(todo, last=max(row[0], batch[-1][0].line))
        self._committed = batch[-1][0].line
        self._report(batch, todo, booked)
        self._progress(self._committed)

    def _book(self, todo: list[Pair], last: int) -> Booked:
        lines = [line for _, line in todo if line is not None]
        positions = [str(item.line) for item, line in todo if line is not None]
        booked = book(self._connection, lines, source=f"import:{self._run.pk}", positions=positions)
        self._keep([item for item, _ in todo if isinstance(item, Rejection)])
        totals = Totals.of(booked)
        totals.rejected = sum(isinstance(item, Rejection) for item, _ in todo)
        totals.skipped = sum(isinstance(item, Skipped) for item, _ in todo)
        totals.add_to(self._connection, self._run.pk, last)
        return booked

    def _keep(self, rejections: list[Rejection]) -> None:
        if rejections:
            self._connection.execute(
                "INSERT INTO gateway_rejectedrecord (run_id, line, reason, raw) "
                "SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING",
                [
                    self._run.pk,
                    [item.line for item in rejections],
                    [item.reason[:REASON_CHARS] for item in rejections],
                    [item.raw for item in rejections],
                ],
            )

    def _report(self, batch: list[Pair], todo: list[Pair], booked: Booked) -> None:
        for line in booked.inserted:
            self._summary.count(line)
        for item, _ in todo:
            self._summary.leave_out(item)
        self._summary.duplicates += booked.duplicates
        self._summary.quarantined += booked.quarantined
        for item, _ in batch[: len(batch) - len(todo)]:
            self._count_known(item)

    def finish(self, total_lines: int) -> None:
        """The whole file is in."""
        self._connection.execute(
            "UPDATE gateway_importrun SET status = 'succeeded', line = greatest(line, %s), "
            "finished_at = coalesce(finished_at, now()) WHERE id = %s",
            [total_lines, self._run.pk],
        )
        self._progress(total_lines)
