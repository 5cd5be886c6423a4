"""Files as services store, read, version, judge and delete them."""

import hashlib
import threading

import pytest
from django.db import connection

from finetuning.choices import FileOrigin, FileStatus, TuningStatus
from finetuning.estimates import Method
from finetuning.models import FilePart, TuningFile, TuningJob
from finetuning.services import files
from finetuning.services.files.storing import PART_BYTES
from gateway.models import AuditEvent
from gateway.services.errors import Conflict, Gone, Invalid
from tests.factories import ProjectFactory
from tests.finetuning.conftest import chat
from tests.finetuning.services.conftest import jsonl

pytestmark = pytest.mark.django_db


def test_what_goes_in_comes_out(upload, project):
    data = jsonl(chat("Other?", "No."), chat("Question?", "x" * 1_200_000))
    blocks = [data[:5], data[5:70_000], b"", data[70_000:]]

    file = upload(content=blocks, name="C:\\data\\set \x00one.jsonl")

    assert (file.name, file.size_bytes, file.lines, file.format) == ("set one.jsonl", len(data), 2, "chat")
    assert (file.status, file.version, file.family, file.origin) == (FileStatus.PROCESSED, 1, file.pk, "upload")
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert file.public_id == f"file-ft-{file.pk.hex}"
    assert list(FilePart.objects.values_list("number", "size_bytes")) == [(0, PART_BYTES), (1, len(data) - PART_BYTES)]
    assert all(b"Question" not in bytes(part.data) for part in FilePart.objects.all())
    assert b"".join(files.blocks_of(file)) == data
    with files.open_file(file) as copy:
        copy.seek(2)
        assert copy.read(8) == b"messages"
    with files.path_of(file) as path:
        assert path.read_bytes() == data
    assert not path.exists()
    (event,) = AuditEvent.objects.filter(verb="tuning_file.created")
    assert event.after["sha256"] == file.sha256


def test_nothing_is_left_of_a_file_that_is_refused(upload):
    with pytest.raises(files.FileRefused) as refused:
        upload(content=[b"a,b\n"])

    assert (refused.value.code, refused.value.status, refused.value.field) == ("not_jsonl", 400, "file")
    assert not TuningFile.objects.exists()
    assert not FilePart.objects.exists()


def test_too_much_is_refused(upload):
    with pytest.raises(files.FileRefused) as refused:
        upload(chat("a", "b"), limit_bytes=20)

    assert (refused.value.code, refused.value.status) == ("file_too_large", 413)


def test_a_new_version_follows_the_newest(upload):
    first = upload(chat("a", "b"))
    second = upload(chat("a", "c"), parent=first)
    third = upload(chat("a", "d"), parent=first)

    assert [one.version for one in (first, second, third)] == [1, 2, 3]
    assert third.family == second.family == first.pk
    assert (third.parent, second.parent) == (first, first)


def test_a_version_stays_in_its_project(upload):
    first = upload(chat("a", "b"))

    with pytest.raises(Invalid, match="not in this project"):
        upload(chat("a", "c"), parent=first, project=ProjectFactory(organization=first.organization))


@pytest.mark.django_db(transaction=True)
def test_versions_made_at_once_take_different_numbers(upload):
    first = upload(chat("a", "b"))
    made, failures = [], []

    def make(number: int) -> None:
        try:
            made.append(upload(chat("a", str(number)), parent=first).version)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=make, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert sorted(made) == [2, 3, 4, 5, 6, 7]


def test_damage_is_noticed(upload):
    file = upload(chat("a", "b"))
    other = upload(chat("a", "c"))
    FilePart.objects.filter(file=file).update(data=other.parts.get().data)

    with pytest.raises(Conflict) as damaged, files.path_of(file):
        pass

    assert damaged.value.code == "file_damaged"


def test_a_lost_key_is_told(upload, settings):
    file = upload(chat("a", "b"))
    settings.FIELD_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]

    with pytest.raises(Conflict) as lost:
        list(files.blocks_of(file))

    assert lost.value.code == "file_unreadable"


def test_deleting_removes_the_content_and_keeps_the_row(upload):
    file = upload(chat("a", "b"))
    files.inspect_file(file)

    files.delete_file(file=file, actor=None)
    file.refresh_from_db()

    assert file.deleted_at is not None
    assert (file.report, file.parts.count()) == (None, 0)
    assert list(TuningFile.objects.live()) == []
    with pytest.raises(Gone):
        files.blocks_of(file)
    assert AuditEvent.objects.filter(verb="tuning_file.deleted").count() == 1


@pytest.mark.parametrize("use", ["training_file", "validation_file"])
def test_a_file_that_a_job_needs_is_kept_until_it_is_over(upload, use):
    file, other = upload(chat("a", "b")), upload(chat("a", "b"))
    job = TuningJob.objects.create(
        organization=file.organization, project=file.project, name="j", backend="local-head", base_model="local-head",
        method=Method.SUPERVISED, status=TuningStatus.RUNNING, **{"training_file": other, use: file},
    )  # fmt: skip

    with pytest.raises(Conflict, match=job.public_id):
        files.delete_file(file=file, actor=None)
    TuningJob.objects.update(status=TuningStatus.FAILED)
    files.delete_file(file=file, actor=None)

    assert FilePart.objects.filter(file=file).count() == 0


def test_a_report_is_kept_with_the_file(upload):
    rows = [chat(f"Question {number}?", f"Answer {number}.") for number in range(12)]
    file = upload(*rows, rows[0])
    held = upload(chat("Question 1?", "Answer 1."), name="held.jsonl")

    report = files.inspect_file(file, validation=held)
    file.refresh_from_db()

    assert report.path == "train.jsonl"
    assert report.validation is not None
    assert report.validation.path == "held.jsonl"
    assert (report.counts["exact_dup"], report.counts["leak_exact"]) == (1, 1)
    assert file.score == report.score
    assert file.report["counts"] == report.counts
    assert file.report["path"] == "train.jsonl"


def test_mending_makes_a_version_and_says_what_became_of_the_lines(upload):
    rows = [chat(f"Question {number}?", f"Answer {number}.") for number in range(12)]
    broken = b'{"messages": [{"role": "user", "content": "Last?"}, {"role": "assistant", "content": "Yes."}]},'
    file = upload(*rows, rows[3], broken)

    version, mending = files.mend_file(file, actor=None)

    assert (version.version, version.parent, version.origin) == (2, file, FileOrigin.MENDED)
    assert version.lineage["removed"] == 1
    assert version.lineage["changed"] == 1
    assert version.lines == 13
    assert [(change.line, change.action) for change in mending.done.changes] == [(13, "removed"), (14, "changed")]
    difference = mending.difference
    assert (difference.removed + difference.changed + difference.added, difference.unchanged) == (2, 12)
    file.refresh_from_db()
    assert file.score is not None
    assert version.score is not None
    assert file.score < version.score == 100
    assert files.diff_versions(file, version) == difference


def test_nothing_to_mend_makes_no_version(upload):
    file = upload(*(chat(f"Question {number}?", f"Answer {number}.") for number in range(12)))

    version, mending = files.mend_file(file, actor=None)

    assert version is file
    assert (mending.done.changes, mending.difference.unchanged) == ((), 12)


def test_results_are_no_training_data(upload):
    file = upload(content=[b"step,loss\n"], purpose="fine-tune-results", name="result.csv")

    with pytest.raises(Invalid, match="results of a job"):
        files.inspect_file(file)


def test_tokens_are_counted_once_for_each_tokenizer(upload, django_assert_num_queries):
    file = upload(chat("Hi", "Yes", system=""), chat("Hi", "No", system=""), b"broken")

    counted = files.count_tokens(file, "gpt-4.1-mini")

    # 3 + 2 × (3 + role + one token of text)
    assert (sorted(counted.tokens), counted.error) == ([13, 13], 0)
    with django_assert_num_queries(0):
        assert files.count_tokens(file, "ft:gpt-4.1-mini-2025-04-14:acme::x") == counted
    foreign = files.count_tokens(file, "llama-3.1-8b")
    assert foreign.error == 0.8
    file.refresh_from_db()
    assert set(file.tokens) == {"o200k_base", "bytes/4"}
    assert file.tokens["o200k_base"]["tokens"] == 26
