"""Work on files in the background: claimed once, tried again, told when it cannot be."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from finetuning import tasks
from finetuning.models import TuningFile
from finetuning.services import files
from finetuning.services.files import runs
from finetuning.services.files.runs import Wanted
from finetuning.services.files.traffic import Chosen, Sampling
from gateway.models import Job
from tests.factories import Acme, acme
from tests.finetuning.conftest import chat
from tests.finetuning.services.test_traffic import WINDOW
from tests.finetuning.services.traffic import logged

pytestmark = pytest.mark.django_db
ROWS = [chat(f"Question {number}?", f"Answer {number}.") for number in range(12)]


def ask(file: TuningFile, action: str, **options) -> Job:
    wanted = Wanted(**options)
    return runs.request_judging(action=action, file=file, validation=None, wanted=wanted, actor=file.created_by)


def test_a_file_is_judged(upload):
    file = upload(*ROWS, ROWS[0])
    job = ask(file, runs.VALIDATE, model="gpt-4.1-mini-2025-04-14", epochs=2)

    assert runs.run_waiting() == 1
    assert runs.run_waiting() == 0

    job.refresh_from_db()
    file.refresh_from_db()
    assert (job.status, job.result) == ("succeeded", {"file": str(file.pk)})
    assert file.report["counts"] == {"exact_dup": 1}
    assert file.report["tokens"]["epochs"] == 2
    # the list price: $5 a million
    assert Decimal(file.report["amount"]) == Decimal(file.report["tokens"]["billable"]) * 5 / 1_000_000


def test_a_file_is_mended(upload):
    file = upload(*ROWS, ROWS[0])
    job = ask(file, runs.OPTIMIZE)

    runs.run_waiting()

    job.refresh_from_db()
    version = TuningFile.objects.get(version=2)
    assert job.result == {"file": str(version.pk), "parent": str(file.pk)}
    assert (version.created_by, version.lines) == (file.created_by, 12)


def test_a_file_is_built_from_traffic(db):
    company: Acme = acme()
    logged(company, "First?", "One.")
    job = runs.request_from_traffic(
        project=company.assistant, name="t.jsonl", chosen=Chosen(*WINDOW), consent=True, sampling=Sampling(),
        parent=None, actor=company.keys["write"],
    )  # fmt: skip

    runs.run_waiting()

    job.refresh_from_db()
    file = TuningFile.objects.get()
    assert (job.status, job.result, job.error) == ("succeeded", {"file": str(file.pk)}, "")
    assert (file.name, file.lines, file.created_by) == ("t.jsonl", 1, None)


def test_what_cannot_be_is_told(upload):
    file = upload(*ROWS)
    job = ask(file, runs.VALIDATE)
    files.delete_file(file=file, actor=None)

    runs.run_waiting()

    job.refresh_from_db()
    assert (job.status, job.error) == ("failed", "The file was deleted.")


def test_runs_are_forgotten_after_a_month(upload):
    job, waiting = ask(upload(*ROWS), runs.VALIDATE), ask(upload(*ROWS), runs.VALIDATE)
    Job.objects.filter(pk=job.pk).update(status="succeeded", finished_at=timezone.now() - timedelta(days=31))

    assert tasks.expire_uploads() == 1
    assert list(Job.objects.all()) == [waiting]


def test_work_whose_process_died_each_time_is_given_up(upload):
    job = ask(upload(*ROWS), runs.VALIDATE)
    Job.objects.filter(pk=job.pk).update(fence=runs.MAX_TRIES)

    runs.run_waiting()

    job.refresh_from_db()
    assert (job.status, job.error) == (
        "failed", "Given up after 3 tries: the process that worked on it ended each time.",
    )  # fmt: skip
