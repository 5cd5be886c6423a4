"""Exports: asked for, made by the background process, kept encrypted until they expire, downloaded in pieces.

The file is made in a temporary place and stored in the transaction that ends the job, so an export that was killed
half-way is made anew and has one effect. Nobody gets more than they could see when they asked, nor than they can now.
"""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from analytics.exports.datasets import DATASETS, AnswerDataset, Dataset, View
from analytics.exports.formats import FORMATS, FileFormat, unavailable
from analytics.exports.models import StoredFile, StoredPiece
from analytics.exports.sight import CHANGED, Sight, is_covered, requester_of, scope_now
from analytics.exports.table import TooManyRows
from analytics.query import QueryError
from gateway import credentials
from gateway.api.authentication import KeyPrincipal, actor_of
from gateway.choices import JobStatus
from gateway.ledger.ids import uuid7
from gateway.models import Job, Organization, User
from gateway.services import audit, jobs, retention
from gateway.services.errors import Conflict, Forbidden, Gone, Invalid, ServiceError

KIND = "analytics.export"
PIECE_BYTES = 1 << 20
LEASE_S = 120.0
MAX_TRIES = 3
MAX_RUNNING = 2
MAX_OPEN = 20
"""Exports of one requester that wait or run."""
SAY_EVERY_S = 2.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted: a dataset's question, JSON-ready, and the file's format."""

    dataset: str
    format: str
    question: Mapping[str, Any]


def request_export(*, organization: Organization, user: Any, asked: Asked) -> Job:
    """Queue a file of what `user` (a person or a management key) may see now. Raises `Invalid`, `Conflict`."""
    dataset, _ = _checked(asked)
    scope = scope_now(user, organization)
    try:
        dataset.check(asked.question, View(organization, scope))
    except QueryError as error:
        raise Invalid(error.code, error.message, field="query") from None
    key = user.key if isinstance(user, KeyPrincipal) else None
    parameters = {
        "dataset": asked.dataset, "format": asked.format, "question": dict(asked.question),
        "sight": Sight.of(scope).stored(), "key": str(key.pk) if key else None,
    }  # fmt: skip
    return _queue(organization, user if isinstance(user, User) else None, actor_of(user), parameters)


@transaction.atomic
def _queue(organization: Organization, person: User | None, actor: audit.Actor, parameters: dict[str, Any]) -> Job:
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)  # two at once see the same count
    still = Job.objects.filter(kind=KIND, organization=organization, status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    if still.filter(requested_by=person, parameters__key=parameters["key"]).count() >= MAX_OPEN:
        raise Conflict("too_many_exports", f"{MAX_OPEN} exports of yours are not done yet; wait for one of them.")
    job = jobs.enqueue(
        KIND, str(uuid7()), organization=organization, requested_by=person, parameters=parameters
    )  # fmt: skip
    after = {name: parameters[name] for name in ("dataset", "format", "question")}
    audit.record(organization=organization, actor=actor, verb="export.request", target=job, after=after)
    return job


@transaction.atomic
def cancel_export(*, job: Job, user: Any) -> Job:
    """End an export that waits or is made: the process that makes it stops within seconds and leaves no file.

    Raises `Conflict` for one that is over.
    """
    if not jobs.cancel(job):
        raise Conflict("export_over", "It is over already.")
    after = {name: job.parameters.get(name) for name in ("dataset", "format")}
    audit.record(organization=job.organization, actor=actor_of(user), verb="export.cancel", target=job, after=after)
    job.refresh_from_db()
    return job


def _checked(asked: Asked) -> tuple[Dataset, FileFormat]:
    dataset, form = DATASETS.get(asked.dataset), FORMATS.get(asked.format)
    if dataset is None:
        raise Invalid("unknown_dataset", f"Datasets are {', '.join(DATASETS)}.", field="dataset")
    if form is None or (dataset.formats and asked.format not in dataset.formats):
        known = ", ".join(dataset.formats or FORMATS)
        raise Invalid("unknown_format", f"Formats of {asked.dataset} are {known}.", field="format")
    if reason := unavailable(form):
        raise Invalid("format_unavailable", reason, field="format")
    return dataset, form


# ---- background ----------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Make what waits, oldest first, at most two files at a time in the installation. Returns how many were tried."""
    return jobs.run_each(KIND, LEASE_S, run, at_once=MAX_RUNNING)


def run(job: Job) -> None:
    """Make one file, under its claim. A fault of the question ends it; another one lets it be tried again."""
    if job.fence > MAX_TRIES:  # whoever had it before died each time
        _fail(job, f"Given up after {MAX_TRIES} tries: the process that made it ended each time.")
        return
    try:
        _make(job)
    except jobs.ClaimLost:
        log.warning("export_cancelled_or_taken_over", job=str(job.pk))
    except (ServiceError, QueryError, TooManyRows, ValidationError) as error:
        _fail(job, str(getattr(error, "message", "")) or str(error))
    except Exception as error:
        log.exception("export_failed", job=str(job.pk), tries=job.fence)
        if job.fence >= MAX_TRIES:
            _fail(job, f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason")


def _fail(job: Job, error: str) -> None:
    """Unless it was cancelled or taken over meanwhile."""
    with contextlib.suppress(jobs.ClaimLost):
        jobs.fail(job, error)


def _make(job: Job) -> None:
    asked = Asked(job.parameters["dataset"], job.parameters["format"], job.parameters["question"])
    dataset, form = _checked(asked)
    assert job.organization is not None
    scope = Sight.read(job.parameters["sight"]).narrowed(scope_now(requester_of(job), job.organization))
    view = View(job.organization, scope)
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / f"export.{form.extension}"
        if isinstance(dataset, AnswerDataset):
            rows = dataset.write(asked.question, view, path)
        else:
            table = dataset.open(asked.question, view)
            rows = form.write(table, path, _Reporter(job, table.expected))
        name = f"{asked.dataset.replace('_', '-')}-{job.created_at:%Y%m%d-%H%M%S}.{form.extension}"
        with transaction.atomic():
            store(job, path, name=name, content_type=form.content_type, rows=rows)
            jobs.finish(job, {"rows": rows, "name": name, "size_bytes": path.stat().st_size})


class _Reporter:
    """Keeps the claim and says how far it is, every two seconds."""

    def __init__(self, job: Job, expected: int | None) -> None:
        self.job, self.expected = job, expected
        self._next = 0.0

    def __call__(self, rows: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SAY_EVERY_S
        share = min(0.99, rows / self.expected) if self.expected else 0.5
        jobs.extend(self.job, LEASE_S, share)


def store(job: Job, path: Path, *, name: str, content_type: str, rows: int) -> StoredFile:
    """Keep a file until it expires; in the transaction that ends its job. One piece is in memory at a time."""
    days = settings.EXPORT_RETENTION_DAYS
    if job.organization_id is not None:
        days = retention.days_of(job.organization_id, "export_days", days)
    expires = timezone.now() + timedelta(days=days)
    StoredFile.objects.filter(job=job).delete()
    file = StoredFile.objects.create(
        job=job, name=name, content_type=content_type, size_bytes=0, rows=rows, sha256="", expires_at=expires
    )
    digest = hashlib.sha256()
    with path.open("rb") as source:
        for number, block in enumerate(iter(lambda: source.read(PIECE_BYTES), b"")):
            digest.update(block)
            StoredPiece.objects.bulk_create([StoredPiece(file=file, number=number, data=_sealed(block))])
            file.size_bytes += len(block)
    file.sha256 = digest.hexdigest()
    file.save(update_fields=["size_bytes", "sha256"])
    Job.objects.filter(pk=job.pk).update(expires_at=expires)
    return file


def _sealed(block: bytes) -> bytes:
    return credentials.encrypt_bytes(block)


def purge_expired() -> int:
    """Delete files that are past their time; returns how many."""
    expired = StoredFile.objects.filter(expires_at__lt=timezone.now())
    count = 0
    for file in expired[:1_000]:
        file.delete()
        count += 1
    return count


# ---- reading -------------------------------------------------------------------------------------------------------
def open_export(*, job: Job, user: Any) -> tuple[StoredFile, Iterator[bytes]]:
    """The file and its content in pieces; the download is audited.

    Raises `Conflict` (not done), `Gone` (expired), `Forbidden` (the reader may not see all of it any more).
    """
    if job.status != JobStatus.SUCCEEDED:
        ended = {JobStatus.FAILED: f"It has failed: {job.error}", JobStatus.CANCELLED: "It was cancelled."}
        raise Conflict("export_not_ready", ended.get(JobStatus(job.status), "It is not done yet."))
    if not is_covered(user, job):
        raise Forbidden("visibility_changed", CHANGED)
    file = StoredFile.objects.filter(job=job, expires_at__gt=timezone.now()).first()
    if file is None:
        raise Gone("export_expired", "The file has expired; ask for it again.")
    with transaction.atomic():
        after = {"name": file.name, "rows": file.rows}
        audit.record(
            organization=job.organization, actor=actor_of(user), verb="export.download", target=job, after=after
        )
    return file, pieces(file)


def pieces(file: StoredFile) -> Iterator[bytes]:
    """The content; one piece in memory at a time."""
    for number in range(-(-file.size_bytes // PIECE_BYTES)):
        piece = StoredPiece.objects.get(file=file, number=number)
        yield credentials.decrypt_bytes(bytes(piece.data))
