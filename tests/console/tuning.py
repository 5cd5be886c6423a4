"""Files and jobs of the console's company, made as rows or through services.

`python -m tests.console.tuning` adds some to the company in the database of DATABASE_URL.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from django.utils import timezone

from finetuning.answers.verdicts import result_of
from finetuning.models import (
    Checkpoint,
    Evaluation,
    EvaluationItem,
    JobEvent,
    JobPoint,
    TunedModel,
    TuningFile,
    TuningJob,
)
from finetuning.services import files
from finetuning.services.evaluations import create_evaluation
from finetuning.services.files import runs
from gateway.models import Model, Organization, Project, Provider
from tests.console.company import Company

BASE = "gpt-4.1-mini-2025-04-14"
STARTED = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
TRAIN = (2.0, 1.5, 1.2, 1.0, 0.6, 0.4, 0.2, 0.1)
MODELS = [{"label": "base", "model": "gpt-4o-mini"}, {"label": "tuned", "model": "ft:parcels"}]
HELD_OUT = (2.1, 1.6, 1.3, 1.2, 1.25, 1.3, 1.35, 1.44)


def chats(count: int, answer: str = "Track it") -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "system", "content": "Answer briefly."},
                {"role": "user", "content": f"Where is parcel number {number} that I sent last week?"},
                {"role": "assistant", "content": f"{answer} with code {number * 7919}."},
            ]
        }
        for number in range(count)
    ]


def file_of(
    company: Company, project: str = "triage", *, rows: list[dict[str, Any]] | None = None, name: str = "train.jsonl",
    **fields: Any,
) -> TuningFile:  # fmt: skip
    content = b"".join(json.dumps(row).encode() + b"\n" for row in (chats(20) if rows is None else rows))
    return files.create_file(
        project=company.projects[project], name=name, content=[content], created_by=None, actor=None, **fields
    )


def job_of(company: Company, project: str = "triage", **fields: Any) -> TuningJob:
    """A job that succeeded, without its curves."""
    file = fields.pop("training_file", None) or file_of(company, project)
    made = {
        "name": "Parcel answers", "backend": "openai", "base_model": BASE, "method": "supervised",
        "status": "succeeded", "progress": 1.0, "cost_estimate": Decimal("1.20"), "cost_actual": Decimal("1.50"),
        "started_at": STARTED, "finished_at": STARTED + timedelta(minutes=40), "hyperparameters": {"n_epochs": 8},
    }  # fmt: skip
    return TuningJob.objects.create(
        organization=company.organization, project=company.projects[project], training_file=file, **(made | fields)
    )


def overfitted(company: Company, **fields: Any) -> TuningJob:
    """One whose held-out loss turned at step 40 of 80; the last three of eight checkpoints are kept."""
    job = job_of(company, **fields)
    for place, (train, held_out) in enumerate(zip(TRAIN, HELD_OUT, strict=True), start=1):
        at = STARTED + timedelta(minutes=place)
        JobPoint.objects.create(
            job=job, step=10 * place, train_loss=train, train_accuracy=0.9, full_valid_loss=held_out,
            full_valid_accuracy=0.8, at=at,
        )  # fmt: skip
        Checkpoint.objects.create(
            job=job, step=10 * place, model=f"ft:x:ckpt-step-{10 * place}", dropped_at=None if place > 5 else at
        )
    JobEvent.objects.create(job=job, key="1", at=STARTED, level="warn", message="The queue is long.")
    return job


def tuned_of(company: Company, job: TuningJob, **fields: Any) -> TunedModel:
    """Its result, in the catalogue."""
    model = Model.objects.get(organization=company.organization, name="gpt-4o-mini")
    other = Model.objects.create(
        organization=company.organization, provider=model.provider, name="ft:parcels", upstream_name="ft:parcels"
    )
    return TunedModel.objects.create(
        organization=company.organization, project=job.project, job=job, name="ft:parcels", backend=job.backend,
        base_model=job.base_model, catalog_model=other, **fields,
    )  # fmt: skip


def offer(company: Company) -> None:
    """The models that are compared, in the catalogue."""
    provider, _ = Provider.objects.get_or_create(
        organization=company.organization, slug="tuned", defaults={"name": "Tuned", "base_url": "https://a.example/v1"}
    )
    for one in MODELS:
        if not Model.objects.filter(organization=company.organization, name=one["model"]).exists():
            Model.objects.create(
                organization=company.organization, provider=provider, name=one["model"], upstream_name=one["model"]
            )


def waiting(company: Company, project: str = "triage") -> Evaluation:
    offer(company)
    rows = [{**row, "metadata": {"team": ("north", "south")[number % 2]}} for number, row in enumerate(chats(20))]
    return create_evaluation(
        project=company.projects[project], file=file_of(company, project, rows=rows, name="held-out.jsonl"),
        contestants=MODELS, metrics=["exact"], name="Parcels", actor=None,
    )  # fmt: skip


def decided(company: Company) -> Evaluation:
    """The tuned model is right on 19 of 20 items, the base on 8; on line 20 the base alone."""
    row = waiting(company)
    for line in range(1, 21):
        for contestant, is_right in enumerate((line <= 7 or line == 20, line < 20)):
            EvaluationItem.objects.create(
                evaluation=row, line=line, contestant=contestant, scores={"exact": float(is_right)}, latency_ms=500,
                cost="0.002" if contestant else None, input_tokens=100, output_tokens=10,
            )  # fmt: skip
    row.refresh_from_db()
    row.result, row.status, row.leaks = result_of(row), "succeeded", {"leak_exact": [4, 9]}
    row.save()
    return row


def told(answer: Any) -> list[str]:
    """The messages of a page."""
    return [str(message) for message in answer.context["messages"]]


def fill(company: Company) -> None:
    """A judged file with a mended version, jobs over and running, an evaluation, a model that ends soon."""
    file = file_of(company, rows=[*chats(20), *chats(2)])
    today = timezone.now().date()
    runs.optimize_file(file=file, validation=None, wanted=runs.Wanted(), at=today, actor=None, created_by=None)
    file.refresh_from_db()
    job = overfitted(company, training_file=file, validation_file=file)
    job_of(
        company, training_file=file, name="Labels", backend="local-head", status="running", progress=0.4,
        cost_actual=None, finished_at=None,
    )  # fmt: skip
    decided(company)
    TunedModel.objects.create(
        organization=company.organization, project=job.project, job=job, name="ft:parcels", backend="local-head",
        base_model=job.base_model, sunset_on=today + timedelta(days=10), sunset_source="https://vendor.example/ends",
    )  # fmt: skip


if __name__ == "__main__":
    acme = Organization.objects.get(slug="acme")
    fill(Company(acme, projects={one.slug: one for one in Project.objects.filter(organization=acme)}))
