"""Uploads in parts: each part whole or not at all, sent again as often as wanted, in any order, by several at once.

A part's blocks have the numbers `slot × BLOCKS …`, so that completing renumbers whole parts and copies nothing. An
upload that was broken off goes on where it stopped until it expires.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max, Sum
from django.utils import timezone

from finetuning.choices import FileOrigin, FilePurpose, FileStatus
from finetuning.content import LIMIT_BYTES, NotTrainingData
from finetuning.models import FilePart, TuningFile
from finetuning.services.files.reading import opened
from finetuning.services.files.storing import (
    PART_BYTES,
    FileRefused,
    add_part,
    check_place,
    clean_name,
    in_parts,
    measuring_of,
    record,
    settle,
)  # fmt: skip
from gateway.models import Project, User
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid, TooLarge

BLOCKS = 64
MAX_PART_BYTES = BLOCKS * PART_BYTES
"""OpenAI API reference, "Add upload part": each part can be at most 64 MB."""
MAX_PARTS = 10_000
IN_ORDER = 100_000
"""Slots of a completed upload begin here, beyond all that parts were given."""
LIFE = timedelta(hours=24)
STATES = ("pending", "completed", "cancelled", "expired")
"""OpenAI API reference, "The upload object"."""
EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Part:
    """What has arrived. `number`: from 1."""

    number: int
    size_bytes: int


def begin_upload(
    *, project: Project, name: str, purpose: str = FilePurpose.FINE_TUNE, expected_bytes: int,
    created_by: User | None, actor: Actor, parent: TuningFile | None = None,
) -> TuningFile:  # fmt: skip
    """An empty file that takes parts of `expected_bytes` altogether. Raises as `create_file`, and `TooLarge`."""
    check_place(project=project, purpose=purpose, parent=parent)
    if expected_bytes > LIMIT_BYTES:
        raise TooLarge("file_too_large", f"A file may have up to {LIMIT_BYTES >> 20} MiB.", field="size_bytes")
    file = TuningFile(
        organization_id=project.organization_id, project=project, name=clean_name(name), purpose=purpose,
        origin=FileOrigin.UPLOAD, status=FileStatus.UPLOADING, created_by=created_by, parent=parent,
        expected_bytes=expected_bytes, expires_at=timezone.now() + LIFE,
    )  # fmt: skip
    file.family = file.pk
    with transaction.atomic():
        file.save()
        record(file, actor, "tuning_upload.begun", expected_bytes=expected_bytes)
    return file


@transaction.atomic
def add_upload_part(*, upload: TuningFile, content: Iterable[bytes], number: int | None = None) -> Part:
    """Store a part; one with the same number is replaced. `number` None: behind those that are there. Raises
    `Conflict` (`upload_over`), `Invalid` (`part_number`, `empty_part`), `TooLarge` (`part_too_large`,
    `file_too_large`)."""
    locked = _pending(upload)
    slot = number if number is not None else _last_slot(locked) + 1
    if not 1 <= slot <= MAX_PARTS:
        raise Invalid("part_number", f"A part's number is from 1 to {MAX_PARTS}.", field="number")
    FilePart.objects.filter(file=locked, number__range=_range(slot)).delete()
    size = 0
    for place, block in enumerate(in_parts(content)):
        size += len(block)
        if size > MAX_PART_BYTES:
            raise TooLarge("part_too_large", f"A part may have up to {MAX_PART_BYTES >> 20} MiB.", field="data")
        add_part(locked, slot * BLOCKS + place, block)
    if not size:
        raise Invalid("empty_part", "The part is empty.", field="data")
    _check_total(locked)
    TuningFile.objects.filter(pk=locked.pk).update(expires_at=timezone.now() + LIFE, updated_at=timezone.now())
    return Part(slot, size)


def _pending(upload: TuningFile) -> TuningFile:
    """The row, locked: parts and the end of an upload come one after the other. Raises `Conflict`."""
    locked: TuningFile = TuningFile.objects.select_for_update(of=("self",)).get(pk=upload.pk)
    if state_of(locked) != "pending":
        raise Conflict("upload_over", f"The upload is {state_of(locked)}; begin a new one.")
    return locked


def state_of(upload: TuningFile) -> str:
    """One of `STATES`."""
    if upload.status == FileStatus.PROCESSED:
        return "completed"
    if upload.deleted_at is not None:
        return "cancelled"
    return "expired" if upload.expires_at is not None and upload.expires_at <= timezone.now() else "pending"


def _last_slot(upload: TuningFile) -> int:
    last = FilePart.objects.filter(file=upload).aggregate(last=Max("number"))["last"]
    return 0 if last is None else int(last) // BLOCKS


def _range(slot: int) -> tuple[int, int]:
    return slot * BLOCKS, slot * BLOCKS + BLOCKS - 1


def _check_total(upload: TuningFile) -> None:
    total = FilePart.objects.filter(file=upload).aggregate(total=Sum("size_bytes"))["total"] or 0
    if total > LIMIT_BYTES:
        raise TooLarge("file_too_large", f"A file may have up to {LIMIT_BYTES >> 20} MiB.", field="data")


def parts_of(upload: TuningFile) -> list[Part]:
    """Those that have arrived whole, in the order of their numbers. One query."""
    rows = FilePart.objects.filter(file=upload).values(slot=F("number") / BLOCKS).order_by("slot")
    return [Part(row["slot"], row["size"]) for row in rows.annotate(size=Sum("size_bytes"))]


@transaction.atomic
def complete_upload(
    *, upload: TuningFile, actor: Actor, numbers: Sequence[int] | None = None, md5: str = "", sha256: str = ""
) -> TuningFile:
    """The file, of its parts in the order of `numbers` (None: all, which must be 1, 2, 3 …); parts that are not named
    go. Completing again gives the same file. Raises `FileRefused`, `Conflict` (`upload_over`, `parts_missing`,
    `size_differs`, `checksum_differs`), `Invalid` (`part_repeated`); the upload then stays as it is."""
    locked: TuningFile = (
        TuningFile.objects.select_for_update(of=("self",)).select_related("parent", "organization").get(pk=upload.pk)
    )
    if state_of(locked) == "completed":
        return locked
    _pending(locked)
    order = _order(locked, numbers)
    for unnamed in {part.number for part in parts_of(locked)}.difference(order):
        FilePart.objects.filter(file=locked, number__range=_range(unnamed)).delete()
    for place, slot in enumerate(order):
        shift = (IN_ORDER + place - slot) * BLOCKS
        FilePart.objects.filter(file=locked, number__range=_range(slot)).update(number=F("number") + shift)
    _take(locked, md5.lower(), sha256.lower())
    record(locked, actor, "tuning_file.created")
    return locked


def _order(upload: TuningFile, numbers: Sequence[int] | None) -> list[int]:
    there = [part.number for part in parts_of(upload)]
    if numbers is None:
        missing = sorted(set(range(1, max(there, default=1) + 1)) - set(there))
        order = there
    else:
        missing = sorted(set(numbers) - set(there))
        order = list(numbers)
    if missing:
        named = ", ".join(map(str, missing[:10])) + (", …" if len(missing) > 10 else "")
        raise Conflict("parts_missing", f"Parts have not arrived: {named}.", field="parts")
    if len(set(order)) < len(order):
        raise Invalid("part_repeated", "A part is named twice.", field="parts")
    return order


def _take(upload: TuningFile, md5: str, sha256: str) -> None:
    """Measure what the parts make, hold it against what was promised, and settle."""
    measuring, digest = measuring_of(upload.purpose), hashlib.md5(usedforsecurity=False)
    try:
        for block in _stored(upload):
            measuring.add(block)
            digest.update(block)
        measured = measuring.finish()
    except NotTrainingData as error:
        raise FileRefused(error.code, str(error)) from error
    if upload.expected_bytes != measured.size_bytes:
        text = f"The parts have {measured.size_bytes:,} bytes, the upload was begun for {upload.expected_bytes:,}."
        raise Conflict("size_differs", text, field="parts")
    if (md5 and md5 != digest.hexdigest()) or (sha256 and sha256 != measured.sha256):
        raise Conflict("checksum_differs", "The checksum is not that of the parts in this order.", field="md5")
    settle(upload, measured, upload.parent)


def _stored(upload: TuningFile) -> Iterator[bytes]:
    last = -1
    rows = FilePart.objects.filter(file=upload).order_by("number")
    while (part := rows.filter(number__gt=last).first()) is not None:
        last = part.number
        yield opened(part)


@transaction.atomic
def cancel_upload(*, upload: TuningFile, actor: Actor) -> TuningFile:
    """Its parts go at once; the row is removed when it expires. Raises `Conflict` (`upload_over`)."""
    locked = _pending(upload)
    FilePart.objects.filter(file=locked).delete()
    locked.deleted_at = timezone.now()
    locked.save(update_fields=["deleted_at", "updated_at"])
    record(locked, actor, "tuning_upload.cancelled")
    return locked


def expire_uploads(now: datetime | None = None) -> int:
    """Remove uploads that nobody finished; returns how many. Safe to run at once with itself and with their ends."""
    at, total = now or timezone.now(), 0
    while True:
        with transaction.atomic():
            due = TuningFile.objects.select_for_update(of=("self",), skip_locked=True).filter(
                status=FileStatus.UPLOADING, expires_at__lte=at
            )
            keys = list(due.values_list("pk", flat=True)[:EXPIRED_AT_ONCE])
            TuningFile.objects.filter(pk__in=keys).delete()
        total += len(keys)
        if len(keys) < EXPIRED_AT_ONCE:
            return total
