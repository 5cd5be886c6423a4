"""The demo's training files: the same for the same seed, the planted defects found, the mended version without them."""

import pytest

from config.demo.tuning import PROJECT, ensure_training_files, files_of
from finetuning.models import TuningFile
from finetuning.services.files import open_file
from gateway.models import Job, Organization, Project
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
