"""Uploads in parts: sent again, out of order, broken off, at once, expired."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from finetuning.models import FilePart, TuningFile
from finetuning.services import files
from finetuning.services.files import uploads
from finetuning.services.files.storing import PART_BYTES
from finetuning.services.files.uploads import Part
from gateway.services.errors import Conflict, Invalid, TooLarge
from tests.finetuning.conftest import chat
from tests.finetuning.services.conftest import jsonl

pytestmark = pytest.mark.django_db
DATA = jsonl(*(chat(f"Question {number}?", "x" * 1_000) for number in range(3_000)))


SIZE = len(DATA)


def begin(project, size=SIZE, **changes) -> TuningFile:
    given = {"project": project, "name": "long.jsonl", "expected_bytes": size, "created_by": None, "actor": None}
    return files.begin_upload(**given | changes)


def test_parts_come_again_and_in_any_order(project):
    upload = begin(project)
    cut = 2_500_000
    files.add_upload_part(upload=upload, content=[DATA[cut:]], number=2)
    files.add_upload_part(upload=upload, content=[b"only the first bytes, and longer than"] * 90_000, number=1)
    files.add_upload_part(upload=upload, content=[DATA[:cut]], number=1)

    arrived = files.parts_of(upload)
    file = files.complete_upload(upload=upload, actor=None, sha256=hashlib.sha256(DATA).hexdigest())

    assert arrived == [Part(1, cut), Part(2, len(DATA) - cut)]
    assert (file.pk, file.status, file.lines, file.expires_at) == (upload.pk, "processed", 3_000, None)
    assert b"".join(files.blocks_of(file)) == DATA
    assert files.complete_upload(upload=upload, actor=None) == file
    assert FilePart.objects.count() == -(-cut // PART_BYTES) + -(-(len(DATA) - cut) // PART_BYTES)


def test_a_missing_part_is_named(project):
    upload = begin(project)
    for number in (1, 4):
        files.add_upload_part(upload=upload, content=[b"x"], number=number)

    with pytest.raises(Conflict, match=r"have not arrived: 2, 3\."):
        files.complete_upload(upload=upload, actor=None)


def test_an_upload_can_be_a_version(project, upload):
    first = upload(chat("a", "b"))
    data = jsonl(chat("a", "c"))
    later = begin(project, len(data), parent=first)
    files.add_upload_part(upload=later, content=[data], number=1)

    file = files.complete_upload(upload=later, actor=None)

    assert (file.family, file.version, file.parent) == (first.pk, 2, first)


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (DATA[:-1], {}, "size_differs"),
        (DATA, {"sha256": "0" * 64}, "checksum_differs"),
        (DATA, {"md5": "0" * 32}, "checksum_differs"),
        (b"x" * len(DATA), {}, "not_jsonl"),
    ],
)
def test_what_does_not_add_up_leaves_the_upload_as_it_was(project, data, options, code):
    upload = begin(project)
    files.add_upload_part(upload=upload, content=[data], number=1)

    with pytest.raises((Conflict, files.FileRefused)) as refused:
        files.complete_upload(upload=upload, actor=None, **options)

    assert refused.value.code == code
    upload.refresh_from_db()
    assert uploads.state_of(upload) == "pending"
    assert files.parts_of(upload) == [Part(1, len(data))]


def test_limits(project, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_PART_BYTES", 100)
    monkeypatch.setattr(uploads, "LIMIT_BYTES", 150)
    upload = begin(project, 150)

    with pytest.raises(TooLarge):
        begin(project, 151)
    with pytest.raises(TooLarge, match="A part may have"):
        files.add_upload_part(upload=upload, content=[b"x" * 101], number=1)
    files.add_upload_part(upload=upload, content=[b"x" * 100], number=1)
    with pytest.raises(TooLarge, match="A file may have"):
        files.add_upload_part(upload=upload, content=[b"x" * 100], number=2)
    with pytest.raises(Invalid, match="is empty"):
        files.add_upload_part(upload=upload, content=[b""], number=2)
    for number in (0, 10_001):
        with pytest.raises(Invalid, match="from 1 to 10000"):
            files.add_upload_part(upload=upload, content=[b"x"], number=number)
    assert files.parts_of(upload) == [Part(1, 100)]


def test_uploads_that_nobody_finishes_are_removed(project):
    late, fresh, cancelled, done = (begin(project, 10) for _ in range(4))
    for one in (late, done):
        files.add_upload_part(upload=one, content=[b'{"a": 12}\n'], number=1)
    files.cancel_upload(upload=cancelled, actor=None)
    files.complete_upload(upload=done, actor=None)
    TuningFile.objects.filter(pk=late.pk).update(expires_at=timezone.now())

    with pytest.raises(Conflict, match="is expired"):
        files.add_upload_part(upload=late, content=[b"x"], number=2)
    assert uploads.expire_uploads() == 1
    assert set(TuningFile.objects.values_list("pk", flat=True)) == {fresh.pk, cancelled.pk, done.pk}
    assert uploads.expire_uploads(timezone.now() + timedelta(hours=25)) == 2
    assert list(TuningFile.objects.values_list("pk", flat=True)) == [done.pk]
