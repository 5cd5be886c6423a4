"""Importing a file into the ledger: in batches, resumable, idempotent, safe with several processes at once.

`ImportRun.line` moves in the transaction that books the records before it. Every batch takes the run's row lock and
leaves out what somebody else committed meanwhile, so an import that was killed, repeated or started twice at once
ends with the same lines.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from gateway.choices import LineStatus
from gateway.dataplane.protocols import Pricer
from gateway.imports.formats import FORMATS
from gateway.imports.identity import Identifier
from gateway.imports.lines import Content, inspect, read_lines
from gateway.imports.records import Item, Rejection, UnreadableFileError, UsageRecord
from gateway.ledger.booking import book
from gateway.ledger.connect import connect
from gateway.ledger.partitions import ensure_partitions, month_of
from gateway.models import ImportRun, Project, Provider
from gateway.services import audit

BATCH_RECORDS = 5_000
DEFAULT_ENDPOINT = "/v1/chat/completions"
DEFAULT_PROVIDER = "openai"
UNKNOWN_MODEL = "unknown"
REASON_CHARS = 300

Pair = tuple[Item, dict[str, Any] | None]
"""An item and its line; a rejection has none."""
Progress = Callable[[int], None]
"""Called with the number of the last line that is done."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import and how to read it. `name`: a lasting name for a file that grows, instead of its content."""

    path: Path
    format: str
    mapping: Mapping[str, str]
    name: str = ""


@dataclass(slots=True)
class Summary:
    """What one call did; tokens and cost are of the lines it added. `cost` is a decimal string, unpriced lines are
    not in it but in `unpriced`."""

    file: str
    records: int = 0
    imported: int = 0
    duplicates: int = 0
    rejected: int = 0
    quarantined: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    first_rejections: list[Rejection] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        rejections = [{"line": item.line, "reason": item.reason} for item in self.first_rejections]
        return asdict(self) | {"cost": format(self.cost, "f"), "first_rejections": rejections}


class Lines:
    """Makes ledger lines of records: ids, catalogue names, prices."""

    def __init__(self, project: Project, source: str, pricer: Pricer) -> None:
        self._project = project
        self._identifier = Identifier(project.organization_id, source)
        self._pricer = pricer
        self._ids = {
            "organization": str(project.organization_id),
            "project": str(project.pk),
            "team": str(project.team_id) if project.team_id else None,
        }

    @cached_property
    def _price_lists(self) -> dict[str, str]:
        """Provider slug → vendor whose list applies; the organization's own provider wins over the platform's."""
        scope = Q(organization=None) | Q(organization=self._project.organization_id)
        rows = Provider.objects.filter(scope).order_by("organization_id")
        known = sorted(rows, key=lambda row: row.organization_id is not None)
        return {row.slug: row.price_list or row.kind for row in known}

    def identify(self, record: UsageRecord) -> UUID:
        """Must be called for every record in order: an id depends on the equal records before it."""
        return self._identifier.identify(record)

    def line(self, record: UsageRecord, identity: UUID) -> dict[str, Any]:
        """The priced line of one record."""
        status = record.values.get("status", LineStatus.OK.value)
        line: dict[str, Any] = {
            **self._ids,
            "id": identity,
            "request_id": str(identity),
            "kind": "attempt",
            "is_final": True,
            "endpoint": DEFAULT_ENDPOINT,
            "model_requested": record.model or UNKNOWN_MODEL,
            "model_served": record.model,
            "provider": (record.provider or DEFAULT_PROVIDER) if record.model else record.provider,
            "status": status,
            "usage_source": "imported",
            "origin": "import",
            **record.counts,
            **record.values,
        }
        return {**line, **self._prices(line, record)}

    def _prices(self, line: Mapping[str, Any], record: UsageRecord) -> Mapping[str, Any]:
        """At the record's own time. Without a model nothing can be priced: cost stays unknown, never 0."""
        if record.model is None:
            return {"price_status": "unpriced", "cost": None, "list_cost": None}
        return self._pricer.price(
            record.counts,
            price_list=self._price_lists.get(line["provider"], line["provider"]),
            model=record.model,
            at=record.at,
            organization=self._ids["organization"] or "",
            context={},
        )


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
    identity = f"name:{source.name}" if source.name else f"sha256:{content.digest}"
    summary = Summary(file=str(source.path))
    with connect() as connection:
        lines = Lines(project, identity, _pricer(connection))
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
    return summary


def _pricer(connection: psycopg.Connection[Any]) -> Pricer:
    pricer: Pricer = import_string(settings.GATEWAY_PRICER)()
    pricer.reload(connection)
    return pricer


def _items(source: Source) -> Iterator[Item]:
    try:
        with source.path.open("rb") as file:
            yield from FORMATS[source.format].read(read_lines(file), source.mapping, datetime.now(UTC))
    except OSError as error:
        raise UnreadableFileError(f"{source.path}: {error.strerror}") from error


def _tally(summary: Summary, item: Item, lines: Lines) -> None:
    summary.records += 1
    if isinstance(item, Rejection):
        _reject(summary, item)
    else:
        _count(summary, lines.line(item, lines.identify(item)))


def _reject(summary: Summary, item: Rejection) -> None:
    summary.rejected += 1
    if len(summary.first_rejections) < 20:
        summary.first_rejections.append(item)


def _count(summary: Summary, line: Mapping[str, Any]) -> None:
    summary.imported += 1
    summary.input_tokens += int(line.get("input_tokens") or 0)
    summary.output_tokens += int(line.get("output_tokens") or 0)
    if line["cost"] is None:
        summary.unpriced += 1
    else:
        summary.cost += Decimal(str(line["cost"]))


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
        mapping={**source.mapping, "project": project.slug},
        defaults={"file_name": source.path.name[:300], "format": source.format},
    )
    ImportRun.objects.filter(pk=run.pk).update(total_lines=content.lines, status="running", error="")
    if is_new:
        after = {"file_name": run.file_name, "format": run.format, "source": identity, "mapping": run.mapping}
        audit.record(
            organization=project.organization, actor=None, verb="usage_import.started", target=run, after=after
        )
    return run


def _fail(run: ImportRun, error: str) -> None:
    ImportRun.objects.filter(pk=run.pk).update(status="failed", error=error)


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
            self._summary.rejected += identity is None
            self._summary.duplicates += identity is not None
        elif isinstance(item, UsageRecord) and identity is not None:
            self.waiting.append((item, self._lines.line(item, identity)))
        else:
            self.waiting.append((item, None))

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
            effect = self._book(todo, last=max(row[0], batch[-1][0].line))
        self._committed = batch[-1][0].line
        self._report(batch, todo, effect)
        self._progress(self._committed)

    def _book(self, todo: list[Pair], last: int) -> tuple[list[dict[str, Any]], int, int]:
        lines = [line for _, line in todo if line is not None]
        rejections = [item for item, _ in todo if isinstance(item, Rejection)]
        positions = [str(item.line) for item, line in todo if line is not None]
        booked = book(self._connection, lines, source=f"import:{self._run.pk}", positions=positions)
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
        self._connection.execute(
            "UPDATE gateway_importrun SET line = %s, imported = imported + %s, duplicates = duplicates + %s, "
            "rejected = rejected + %s WHERE id = %s",
            [last, len(booked.inserted), booked.duplicates, len(rejections), self._run.pk],
        )
        return booked.inserted, booked.duplicates, booked.quarantined

    def _report(self, batch: list[Pair], todo: list[Pair], effect: tuple[list[dict[str, Any]], int, int]) -> None:
        inserted, duplicates, quarantined = effect
        for line in inserted:
            _count(self._summary, line)
        for item, _ in todo:
            if isinstance(item, Rejection):
                _reject(self._summary, item)
        done_elsewhere = batch[: len(batch) - len(todo)]
        self._summary.duplicates += duplicates + sum(line is not None for _, line in done_elsewhere)
        self._summary.rejected += sum(line is None for _, line in done_elsewhere)
        self._summary.quarantined += quarantined

    def finish(self, total_lines: int) -> None:
        """The whole file is in."""
        self._connection.execute(
            "UPDATE gateway_importrun SET status = 'succeeded', line = greatest(line, %s), "
            "finished_at = coalesce(finished_at, now()) WHERE id = %s",
            [total_lines, self._run.pk],
        )
        self._progress(total_lines)
