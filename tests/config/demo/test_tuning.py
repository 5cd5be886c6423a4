"""The demo's training files: the same for the same seed, the planted defects found, the mended version without them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db.models import Sum
from django.utils import timezone

from analytics.rollups.marks import process_marks
from config.demo.tuning import PROJECT, ensure_training_files, files_of
from config.demo.tuningcalls import ensure_tuned_calls
from config.demo.tuningjobs import ensure_tuning_jobs
from finetuning.answers.insights import insights_of
from finetuning.models import Evaluation, TuningFile, TuningJob
from finetuning.services.files import open_file
from finetuning.services.jobs import sync_due
from gateway.models import Job, LedgerLine, Organization, Project, Provider, VirtualKey
from tests.config.demo.test_generator import company


def test_a_seed_is_a_file():
    assert files_of(7) == files_of(7)
    assert files_of(7) != files_of(8)


@pytest.mark.django_db
def test_defects_are_found_and_mended():
    demo = company()
    organization = Organization.objects.create(id=demo.organization, slug="demo", name="Demo", is_demo=True)
    Project.objects.create(id=demo.project(PROJECT), organization=organization, slug=PROJECT, name="Triage")
    job = Job.objects.create(kind="seed_demo", period="demo", organization=organization)

    assert ensure_training_files(job, demo) is True
    assert ensure_training_files(job, demo) is False

    held = TuningFile.objects.get(name="triage-validation.jsonl")
    first, second = TuningFile.objects.filter(name="triage.jsonl").order_by("version")
    assert first.report["counts"] == {
        "invalid_json": 1, "empty_assistant": 3, "exact_dup": 6, "label_noise": 6, "pii": 8, "leak_exact": 2,
    }  # fmt: skip
    assert second.report["counts"] == {"label_noise": 6}
    assert (held.lines, held.score, first.lines, second.lines) == (48, 100, 256, second.report["lines"])
    assert (second.parent, second.origin) == (first, "mended")
    assert first.score < second.score
    assert first.report["amount"] is not None
    with open_file(second) as content:
        assert b"lagerhus.no" not in content.read()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_jobs_of_every_fate_with_their_lines():
    demo = company()
    organization = Organization.objects.create(id=demo.organization, slug="demo", name="Demo", is_demo=True)
    Project.objects.create(id=demo.project(PROJECT), organization=organization, slug=PROJECT, name="Triage")
    Provider.objects.create(organization=organization, slug="openai", name="OpenAI", base_url="http://127.0.0.1:9/v1")
    job = Job.objects.create(kind="seed_demo", period="demo", organization=organization)

    assert ensure_tuning_jobs(job, demo) is False  # the files come first
    ensure_training_files(job, demo)
    assert (ensure_tuning_jobs(job, demo), ensure_tuning_jobs(job, demo)) == (True, False)

    made = {row.name: row for row in TuningJob.objects.all()}
    assert [(row.status, row.points.count() > 0) for row in made.values()].count(("succeeded", True)) == 3
    assert {row.status for row in made.values()} == {"succeeded", "failed", "cancelled", "paused", "queued"}
    assert sync_due() == 0  # nobody asks about them
    lines = LedgerLine.objects.filter(kind="training")
    assert lines.count() == 5
    assert {str(line.cost) for line in lines if line.price_status == "free"} == {"0E-10"}
    for name in ("Triage, ten epochs", "Triage"):
        row = made[name]
        assert row.cost_actual == row.cost_estimate == lines.get(request_id=row.public_id).cost
    assert made["Triage"].result.catalog_model.is_enabled
    paused = insights_of(made["Triage, next version"], timezone.now() + timedelta(hours=9))
    assert paused.insight.diagnosis.kind != "stalled"

    key = next(key for key in demo.keys if key.project == PROJECT)
    VirtualKey.objects.create(
        id=demo.key(key), organization=organization, project_id=demo.project(PROJECT), name=key.name, digest=b"d"
    )
    assert (ensure_tuned_calls(job, demo), ensure_tuned_calls(job, demo)) == (True, False)
    tuned = made["Triage"].result
    calls = LedgerLine.objects.filter(kind="attempt")
    assert {(line.model_served == tuned.name, line.price_status) for line in calls} == {
        (True, "priced"), (False, "priced")
    }  # fmt: skip
    evaluation = Evaluation.objects.get()
    base, better = evaluation.result["contestants"]
    spent = calls.filter(tag_set__evaluation=str(evaluation.pk)).aggregate(spent=Sum("cost"))["spent"]
    assert Decimal(base["cost"]) + Decimal(better["cost"]) == spent
    assert (base["answers"], better["answers"], better["model"]) == (48, 48, tuned.name)
    assert [one["verdict"] for one in evaluation.result["verdict"]] == ["better"]
    assert calls.filter(model_served=tuned.name).count() > 100
    while process_marks().quarter_hours:
        pass
    call_command("verify_ledger", "--organization", "demo")
