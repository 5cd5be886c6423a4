"""What a job's numbers say, and the job as a document."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pytest_django import DjangoAssertNumQueries

from finetuning.models import Checkpoint, JobEvent, JobPoint, TuningJob
from tests.analytics.api.conftest import Fits
from tests.factories import Acme
from tests.finetuning.answers.conftest import NOW, Make
from tests.gateway.api.conftest import Caller

pytestmark = pytest.mark.django_db
URL = "/api/v1/fine-tuning/jobs/"
HELD_OUT = (2.1, 1.6, 1.3, 1.2, 1.25, 1.3, 1.35, 1.44)


@pytest.fixture
def job(company: Acme, make_job: Make, make_file: Make) -> TuningJob:
    """Overfitted from step 40 of 80; the checkpoints from step 60 on are kept."""
    report = {"tokens": {"answers": 150}, "examples": 10, "counts": {"exact_dup": 2}}
    made: TuningJob = make_job(
        backend="openai", cost_estimate=Decimal("1.2"), cost_actual=Decimal("1.5"), started_at=NOW, finished_at=NOW,
        training_file=make_file(report=report), validation_file=make_file(report=report), name="=cmd()",
    )  # fmt: skip
    for place, loss in enumerate(HELD_OUT, start=1):
        at = NOW + timedelta(minutes=place)
        JobPoint.objects.create(
            job=made, step=10 * place, train_loss=2.1 - place / 4, full_valid_loss=loss, full_valid_accuracy=0.8, at=at
        )
        Checkpoint.objects.create(job=made, step=10 * place, dropped_at=None if place > 5 else at)
    JobEvent.objects.create(job=made, key="1", at=NOW, level="info", message="Begun.")
    return made


def read(caller: Caller, fits: Fits, job: TuningJob) -> Any:
    return fits(caller("analyst").get(f"{URL}{job.pk}/insights"))


def test_the_diagnosis_comes_with_its_numbers(
    caller: Caller, fits: Fits, job: TuningJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    found = read(caller, fits, job)

    assert (found["diagnosis"], found["basis"]) == ("overfitting", "held_out")
    assert (found["best_step"], found["best_loss"]) == (40, 1.2)
    assert (found["best_kept_step"], found["best_kept_loss"]) == (60, 1.3)
    assert {"name": "last", "value": 1.44} in found["figures"]
    assert found["advice"][0] == "The checkpoint of step 40 is not kept: use that of step 60, the best that is."
    assert (found["estimate_difference"], found["eta"]) == ("0.3000000000", None)
    (accuracy,) = found["accuracies"]
    assert (accuracy["curve"], accuracy["step"], accuracy["reported"]) == ("full_valid", 80, 0.8)
    assert accuracy["corrected"] == pytest.approx((0.8 * 170 - 20) / 150)
    client = caller("analyst")
    client.get(f"{URL}{job.pk}/insights")
    with django_assert_num_queries(6):
        client.get(f"{URL}{job.pk}/insights")


@pytest.mark.parametrize(
    ("backend", "base", "per_line"), [("openai", "gpt-4.1-mini", 4.0), ("local-head", "local-head-hash", 1.0)]
)
def test_a_label_floor_is_of_the_files_report(
    caller: Caller, fits: Fits, make_job: Make, make_file: Make, backend: str, base: str, per_line: float
) -> None:
    """Two tokens an answer and two hidden ones; of a head nats a line."""
    floor = {
        "contradicting_lines": 30, "contradiction_nats": 2.0, "noise_share": None, "noise_nats": None, "labels": 0,
    }  # fmt: skip
    report = {"tokens": {"answers": 20}, "examples": 10, "counts": {}, "statistics": {"label_floor": floor}}
    job = make_job(backend=backend, base_model=base, status="succeeded", training_file=make_file(report=report))
    for place, above in enumerate((3.0, 2.0, 1.5, 1.2, 1.1, 1.05, 1.05, 1.05), start=1):
        JobPoint.objects.create(job=job, step=place, train_loss=above * 2.0 / per_line, at=NOW)

    found = read(caller, fits, job)

    assert found["diagnosis"] == "label_floor"
    assert {"name": "floor", "value": 2.0 / per_line} in found["figures"]
    assert {"name": "contradicting_lines", "value": 30.0} in found["figures"]


def test_an_accuracy_is_not_corrected_where_nothing_is_known(caller: Caller, fits: Fits, job: TuningJob) -> None:
    job.validation_file = None
    job.save()
    (unchecked,) = read(caller, fits, job)["accuracies"]
    assert (unchecked["corrected"], unchecked["answer_tokens"]) == (None, None)
    assert unchecked["note"].startswith("Check the file")
    TuningJob.objects.update(backend="together")

    (other,) = read(caller, fits, job)["accuracies"]

    assert (other["corrected"], other["note"]) == (None, "This backend counts no hidden tokens.")


def test_a_running_job_has_an_eta_and_may_be_too_early(caller: Caller, fits: Fits, make_job: Make) -> None:
    found = read(caller, fits, make_job(status="running"))

    assert found["diagnosis"] == "too_early"
    assert found["eta"] == {
        "p50": None, "p90": None, "jobs": 0, "note": "The number of steps is not known yet.",
    }  # fmt: skip
    assert (found["best_step"], found["estimate_difference"]) == (None, None)


def test_the_csv_has_every_part_and_runs_nothing(caller: Caller, job: TuningJob) -> None:
    answer = caller("analyst").get(f"{URL}{job.pk}/export")

    assert answer["Content-Disposition"] == f'attachment; filename="job-{job.pk.hex[-8:]}.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert any(row[:1] == ["80"] and "1.44" in row for row in rows)
    assert any("Begun." in row for row in rows)
    assert any("The same example again" in row and "2" in row for row in rows)
    assert not any(cell.startswith("=") for row in rows for cell in row)


@pytest.mark.parametrize(("wanted", "begins"), [("pdf", b"%PDF-"), ("xlsx", b"PK")])
def test_other_documents(caller: Caller, job: TuningJob, wanted: str, begins: bytes) -> None:
    answer = caller("analyst").get(f"{URL}{job.pk}/export?format={wanted}")

    assert (answer.status_code, answer.content[: len(begins)]) == (200, begins)


def test_json_is_the_job_with_all_it_told(caller: Caller, job: TuningJob) -> None:
    answer = caller("analyst").get(f"{URL}{job.pk}/export?format=json")

    found = orjson.loads(answer.content)
    assert (found["job"]["id"], found["insights"]["diagnosis"]) == (str(job.pk), "overfitting")
    assert [point["step"] for point in found["metrics"]] == [10, 20, 30, 40, 50, 60, 70, 80]
    assert [len(found[name]) for name in ("checkpoints", "events")] == [8, 1]
    assert found["dataset"]["counts"] == {"exact_dup": 2}


def test_an_unknown_format_is_refused(caller: Caller, job: TuningJob) -> None:
    answer = caller("analyst").get(f"{URL}{job.pk}/export?format=docx")

    assert answer.status_code == 400
    assert "The format is one of csv, xlsx, pdf, or json." in answer.content.decode()


def test_others_see_nothing(caller: Caller, job: TuningJob) -> None:
    for path in ("insights", "export"):
        assert caller("mallory").get(f"{URL}{job.pk}/{path}").status_code == 404
