"""Uploaded usage: taken in pieces, imported by the background process, reported line by line.

The file waits in the database, encrypted, until it is imported: the process that imports it may run on another machine
than the one that took it. One file is imported at a time, so that imports never starve other background work.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Func, Min, TextField, Value

from gateway import credentials
from gateway.choices import JobStatus
from gateway.imports.formats import FORMATS
from gateway.imports.records import BadValueError, UnreadableFileError
from gateway.imports.rows.lines import Content
from gateway.imports.service import Source, import_file
from gateway.models import ImportChunk, ImportRun, Job, Organization, Project, RejectedRecord, User
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid, TooLarge
from gateway.services.identity import ensure_default_project

KIND = "gateway.usage_import"
CHUNK_BYTES = 1 << 20
LEASE_S = 300.0
MAX_TRIES = 5
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody sent it, and how to read it. `mapping`, `source`, `prices`: see `imports.service.Source`."""

    file: BinaryIO
    name: str
    format: str
    mapping: Mapping[str, str]
    source: str = ""
    prices: str = "file"


def request_import(
    *, organization: Organization, actor: Actor, upload: Upload, project: Project | None, limit_bytes: int
) -> tuple[ImportRun, bool]:
    """Take a file and queue its import; True when there is something to do, False when this very import is known.

    Raises `TooLarge`, `Invalid` (an empty file, an unknown format), `Conflict` (imported into another project).
    """
    if upload.format not in FORMATS:
        raise Invalid("unknown_format", f"There is no format {upload.format!r}.", field="format")
    content, size = _inspect(upload.file, limit_bytes)
    if not size:
        raise Invalid("empty_file", "The file is empty.", field="file")
    project = project or ensure_default_project(organization=organization, actor=actor)
    source = Source(Path(upload.name), upload.format, upload.mapping, upload.source, upload.prices)
    try:
        return _queue(project, actor, upload, source, content, size)
    except IntegrityError:  # the same upload came twice at once
        known = ImportRun.objects.get(
            organization=organization.pk, source=source.identity(content), mapping=source.settings(project)
        )
        return known, False


@transaction.atomic
def _queue(
    project: Project, actor: Actor, upload: Upload, source: Source, content: Content, size: int
) -> tuple[ImportRun, bool]:
    identity = source.identity(content)
    same = ImportRun.objects.select_for_update().filter(organization=project.organization_id, source=identity)
    elsewhere = same.exclude(mapping__project=project.slug).exclude(line=0).first()
    if elsewhere is not None:
        message = f"This file was already imported into project {elsewhere.mapping.get('project')!r}."
        raise Conflict("already_imported", message)
    settings = source.settings(project)
    run = same.filter(mapping=settings).first() or ImportRun(
        organization=project.organization_id, source=identity, mapping=settings, status=JobStatus.FAILED
    )
    is_same = not source.name or run.digest == content.digest
    if run.status != JobStatus.FAILED and is_same:
        return run, False
    if run.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        raise Conflict("import_running", f"{source.name!r} is being imported; send what was added when it is done.")
    run.project, run.file_name, run.format = project.pk, upload.name[:300], upload.format
    run.size_bytes, run.total_lines, run.status, run.error = size, content.lines, JobStatus.QUEUED, ""
    run.requested_by = actor if isinstance(actor, User) else None
    run.save()
    _store(run, upload.file)
    jobs.enqueue(KIND, str(run.pk), organization=project.organization, requested_by=run.requested_by)
    after = {"file_name": run.file_name, "format": run.format, "source": identity, "mapping": settings, "bytes": size}
    audit.record(organization=project.organization, actor=actor, verb="usage_import.requested", target=run, after=after)
    return run, True


def _inspect(file: BinaryIO, limit_bytes: int) -> tuple[Content, int]:
    digest, lines, size, last = hashlib.sha256(), 0, 0, b"\n"
    for block in _blocks(file):
        size += len(block)
        if size > limit_bytes:
            raise TooLarge("file_too_large", f"A file may have up to {limit_bytes // 1024 // 1024} MiB.", field="file")
        digest.update(block)
        lines += block.count(b"\n")
        last = block[-1:]
    return Content(digest.hexdigest(), lines + (last != b"\n")), size


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(CHUNK_BYTES):
        yield block


def _store(run: ImportRun, file: BinaryIO) -> None:
    ImportChunk.objects.filter(run=run).delete()
    for number, block in enumerate(_blocks(file)):
        ImportChunk.objects.create(run=run, number=number, data=credentials.encrypt_bytes(block))


# ---- background ----------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Import what waits, oldest first, unless another process is at it. Returns how many files were worked on."""
    return jobs.run_each(KIND, LEASE_S, _run)


def _run(job: Job) -> None:
    run = ImportRun.objects.filter(pk=job.period).first()
    if run is None:
        jobs.fail(job, "the import is gone")
        return
    try:
        project = Project.objects.get(pk=run.project)
        with tempfile.NamedTemporaryFile(prefix="usage-import-") as file:
            file.writelines(_stored(run))
            file.flush()
            _import(job, run, project, Path(file.name))
    except jobs.ClaimLost:
        log.warning("usage_import_taken_over", run=str(run.pk))
    except (UnreadableFileError, BadValueError) as error:
        _end(job, run, _without_path(str(error)))
    except Exception as error:
        log.exception("usage_import_failed", run=str(run.pk), tries=job.fence)
        if job.fence >= MAX_TRIES:
            _end(job, run, f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason")


def _stored(run: ImportRun) -> Iterator[bytes]:
    """The file in its pieces; one piece in memory at a time."""
    for number in range(ImportChunk.objects.filter(run=run).count()):
        piece = ImportChunk.objects.get(run=run, number=number)
        yield credentials.decrypt_bytes(bytes(piece.data))


def _import(job: Job, run: ImportRun, project: Project, path: Path) -> None:
    total = max(1, run.total_lines or 1)
    mapping = {name: value for name, value in run.mapping.items() if name not in ("project", "prices")}
    name = run.source.removeprefix("name:") if run.source.startswith("name:") else ""
    source = Source(path, run.format, mapping, name, run.mapping.get("prices", "file"))
    import_file(project=project, source=source, progress=lambda line: jobs.extend(job, LEASE_S, min(1.0, line / total)))
    with transaction.atomic():
        jobs.finish(job, {"run": str(run.pk)})
        ImportChunk.objects.filter(run=run).delete()


@transaction.atomic
def _end(job: Job, run: ImportRun, error: str) -> None:
    """The file is no use as it is: say why, and let go of it."""
    jobs.fail(job, error)
    ImportRun.objects.filter(pk=run.pk).update(status=JobStatus.FAILED, error=error)
    ImportChunk.objects.filter(run=run).delete()


def _without_path(message: str) -> str:
    """The temporary file's name says nothing to whoever uploaded it."""
    head, separator, rest = message.partition(": ")
    return rest if separator and head.startswith(tempfile.gettempdir()) else message


# ---- reading -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many records were rejected for a reason, values left out of it."""

    reason: str
    count: int
    first_line: int


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file: the run with its sums, why records were rejected, and the first of them."""

    run: ImportRun
    reasons: list[ReasonCount]
    rejections: list[RejectedRecord]


def report(run: ImportRun, *, limit: int = 200) -> Report:
    """Two queries."""
    rows = RejectedRecord.objects.filter(run=run)
    # `prompt_tokens: '-4' is negative` → `prompt_tokens: … is negative`: equal faults count together
    kind = Func(
        F("reason"), Value(": ('.*'|\".*\")"), Value(": …"), function="regexp_replace", output_field=TextField()
    )
    counted = rows.values(kind=kind).annotate(count=Count("id"), first=Min("line")).order_by("-count", "first")
    reasons = [ReasonCount(row["kind"], row["count"], row["first"]) for row in counted[:100]]
    return Report(run, reasons, list(rows.order_by("line")[:limit]))


def rejected_rows(run: ImportRun) -> Iterator[tuple[str, str, str]]:
    """Header and rows of the rejected records: line, reason, and the record as it came, to be mended and sent again."""
    yield ("line", "reason", "record")
    rows = RejectedRecord.objects.filter(run=run).order_by("line").values_list("line", "reason", "raw")
    for line, reason, raw in rows.iterator(chunk_size=2_000):
        yield (str(line), reason, raw)
