"""Files come in as blocks of any size, are measured and stored in encrypted parts, and become versions."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from finetuning.choices import FileFormat, FileOrigin, FilePurpose, FileStatus
from finetuning.content import LIMIT_BYTES, Measured, Measuring, NotTrainingData
from finetuning.models import FilePart, TuningFile, TuningJob
from gateway import credentials
from gateway.models import Project, User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid, ServiceError

PART_BYTES = 1 << 20
MAX_NAME = 255


class FileRefused(ServiceError):
    """The content cannot be a training file: `empty_file`, `not_jsonl`; `file_too_large` is a 413."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, field="file")
        self.status = 413 if code == "file_too_large" else 400


@transaction.atomic
def create_file(
    *, project: Project, name: str, purpose: str = FilePurpose.FINE_TUNE, content: Iterable[bytes],
    created_by: User | None, origin: str = FileOrigin.UPLOAD, parent: TuningFile | None = None,
    lineage: Mapping[str, Any] | None = None, actor: Actor, limit_bytes: int = LIMIT_BYTES,
) -> TuningFile:  # fmt: skip
    """Store a file, whole or not at all. `content`: blocks in order, read once, one in memory at a time. `parent`: the
    new file is the next version of its family. Raises `FileRefused`, `Invalid` (`parent_not_found`, `unknown_purpose`,
    `project_archived`)."""
    check_place(project=project, purpose=purpose, parent=parent)
    file = TuningFile(
        organization_id=project.organization_id, project=project, name=clean_name(name), purpose=purpose,
        origin=origin, lineage=dict(lineage or {}), created_by=created_by,
    )  # fmt: skip
    file.family = file.pk
    file.save()
    measuring = measuring_of(purpose, limit_bytes)
    try:
        for number, block in enumerate(in_parts(content)):
            measuring.add(block)
            add_part(file, number, block)
        measured = measuring.finish()
    except NotTrainingData as error:
        raise FileRefused(error.code, str(error)) from error
    settle(file, measured, parent)
    record(file, actor, "tuning_file.created")
    return file


def check_place(*, project: Project, purpose: str, parent: TuningFile | None) -> None:
    """Whether a file may be made there. Raises `Invalid`."""
    if purpose not in FilePurpose.values:
        known = ", ".join(map(repr, FilePurpose.values))
        raise Invalid("unknown_purpose", f"There is no purpose {purpose!r}; known are {known}.", field="purpose")
    if project.archived_at is not None:
        raise Invalid("project_archived", "The project is archived.", field="project")
    if parent is not None and parent.project_id != project.pk:
        raise Invalid("parent_not_found", "The file it shall be a version of is not in this project.", field="parent")


def clean_name(name: str) -> str:
    """The last part of a path, without control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:MAX_NAME].strip() or "data.jsonl"


def measuring_of(purpose: str, limit_bytes: int = LIMIT_BYTES) -> Measuring:
    return Measuring(limit_bytes=limit_bytes, is_data=purpose == FilePurpose.FINE_TUNE)


def in_parts(content: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of `PART_BYTES`; the last may be shorter."""
    waiting = bytearray()
    for block in content:
        waiting += block
        while len(waiting) >= PART_BYTES:
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]
    if waiting:
        yield bytes(waiting)


def add_part(file: TuningFile, number: int, block: bytes) -> None:
    FilePart.objects.create(file=file, number=number, size_bytes=len(block), data=credentials.encrypt_bytes(block))


def settle(file: TuningFile, measured: Measured, parent: TuningFile | None) -> None:
    """All parts are there: the file can be used, as the next version of its parent's family."""
    file.size_bytes, file.sha256, file.lines = measured.size_bytes, measured.sha256, measured.lines
    file.format, file.has_tools = FileFormat(measured.format), measured.has_tools
    file.status, file.expires_at = FileStatus.PROCESSED, None
    if parent is not None:
        file.parent, file.family = parent, parent.family
        file.version = _next_version(parent.family)
    file.save()


def _next_version(family: UUID) -> int:
    """Under the lock of the family's first version, so that two that are made at once take two numbers."""
    list(TuningFile.objects.select_for_update(of=("self",)).filter(family=family, version=1).values_list("pk"))
    found = TuningFile.objects.filter(family=family).aggregate(last=Max("version"))["last"]
    return int(found or 0) + 1


@transaction.atomic
def delete_file(*, file: TuningFile, actor: Actor) -> TuningFile:
    """Remove its content for good; the row stays for the jobs that were trained on it. Raises `Conflict`
    (`file_in_use`) while a job that is not over needs it."""
    locked = TuningFile.objects.select_for_update(of=("self",)).select_related("organization").get(pk=file.pk)
    if locked.deleted_at is not None:
        return locked
    needed = TuningJob.objects.open().filter(training_file=locked) | TuningJob.objects.open().filter(
        validation_file=locked
    )
    if job := needed.first():
        raise Conflict("file_in_use", f"The job {job.public_id} is not over and needs the file.")
    FilePart.objects.filter(file=locked).delete()
    locked.deleted_at = timezone.now()
    locked.report = None  # its messages may quote the content
    locked.save(update_fields=["deleted_at", "report", "updated_at"])
    record(locked, actor, "tuning_file.deleted")
    return locked


def record(file: TuningFile, actor: Actor, verb: str, **more: Any) -> None:
    """The audit event of a change of a file."""
    after = {
        "name": file.name, "project": file.project_id, "version": file.version, "sha256": file.sha256,
        "bytes": file.size_bytes, "lines": file.lines, "origin": str(file.origin), **more,
    }  # fmt: skip
    audit.record(organization=file.organization, actor=actor, verb=verb, target=file, after=after)
