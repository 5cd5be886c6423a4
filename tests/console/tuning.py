"""Files and jobs of the console's company, made as rows or through services."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from finetuning.models import Checkpoint, JobEvent, JobPoint, TunedModel, TuningFile, TuningJob
from finetuning.services import files
from gateway.models import Model
from tests.console.company import Company

BASE = "gpt-4.1-mini-2025-04-14"
STARTED = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
TRAIN = (2.0, 1.5, 1.2, 1.0, 0.6, 0.4, 0.2, 0.1)
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


def told(answer: Any) -> list[str]:
    """The messages of a page."""
    return [str(message) for message in answer.context["messages"]]
