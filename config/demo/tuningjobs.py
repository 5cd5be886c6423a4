"""Fine-tuning jobs of the demo company, one of each fate, with their curves and their lines in the ledger.

Nobody asks a provider about them: those that are not over stay as they are. The same seed gives the same jobs.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from config.demo.company import Company
from config.demo.tuning import PROJECT
from finetuning.backends import Kept, Seen, Told
from finetuning.choices import Backend, TuningStatus
from finetuning.estimates import Method
from finetuning.insights import Point
from finetuning.models import TuningFile, TuningJob
from finetuning.services import jobs
from finetuning.services.files import count_tokens
from finetuning.services.jobs.pricing import QUANTUM, estimate_dict, estimate_of
from finetuning.services.jobs.syncing import book_unbooked
from finetuning.services.jobs.telling import record_events
from gateway.models import Job, Provider

NOTE = "tuning_jobs"
MINI, SMALL = "gpt-4.1-mini-2025-04-14", "gpt-4o-mini-2024-07-18"
STEP_S = 4
QUEUE, TAIL = timedelta(minutes=6), timedelta(minutes=14)


@dataclass(frozen=True, slots=True)
class Fate:
    """A job and how far it came: `share` of its steps. `before`: days before the last."""

    name: str
    base: str
    before: int
    status: TuningStatus
    epochs: int
    batch: int = 8
    backend: Backend = Backend.OPENAI
    share: float = 1.0
    overfits: bool = False
    error: dict[str, str] = field(default_factory=dict)


FATES = (
    Fate("Triage, with a broken line", MINI, 6, TuningStatus.FAILED, 3, share=0, error={
        "code": "invalid_training_file", "param": "training_file",
        "message": "Invalid file format. Line 256 is not valid JSON.",
    }),
    Fate("Triage, ten epochs", SMALL, 5, TuningStatus.SUCCEEDED, 10, overfits=True),
    Fate("Triage, too fast", MINI, 4, TuningStatus.CANCELLED, 6, share=0.5, overfits=True),
    Fate("Triage", MINI, 3, TuningStatus.SUCCEEDED, 3),
    Fate("Triage, on this machine", "local-head-hash", 2, TuningStatus.SUCCEEDED, 12, 32, Backend.LOCAL_HEAD),
    Fate("Triage, next version", MINI, 0, TuningStatus.PAUSED, 4, share=0.6),
    Fate("Triage, small", SMALL, 0, TuningStatus.QUEUED, 3, share=0),
)  # fmt: skip


def ensure_tuning_jobs(job: Job, company: Company) -> bool:
    """Make them once, when the training files are there; their lines follow at once, or with the background."""
    with transaction.atomic():
        locked = Job.objects.select_for_update().get(pk=job.pk)
        result = locked.result or {"days": {}}
        if NOTE in result:
            return False
        files = TuningFile.objects.filter(project=company.project(PROJECT)).order_by("name", "-version")
        training = files.filter(name="triage.jsonl").first()
        validation = files.filter(name="triage-validation.jsonl").first()
        if training is None or validation is None:
            return False
        for fate in FATES:
            _make(company, fate, training, validation)
        locked.result = {**result, NOTE: len(FATES)}
        locked.save(update_fields=["result", "updated_at"])
    if not connection.in_atomic_block:  # its own connection books, and sees what is committed
        book_unbooked()
    return True


def _make(company: Company, fate: Fate, training: TuningFile, validation: TuningFile) -> None:
    identity = company.id_of("tuning job", fate.name)
    made_at = _made_at(company, fate)
    is_paid = fate.backend == Backend.OPENAI
    row = TuningJob(
        id=identity, organization_id=company.organization, project=training.project, name=fate.name,
        backend=fate.backend, base_model=fate.base, method=Method.SUPERVISED.value, suffix="triage",
        training_file=training, validation_file=validation, seed=company.seed, status=TuningStatus.QUEUED,
        provider=Provider.objects.get(organization=company.organization, slug="openai") if is_paid else None,
        provider_job_id=f"ftjob-demo{identity.hex[-10:]}", hyperparameters={"n_epochs": fate.epochs,
        "batch_size": fate.batch, "used": {"n_epochs": fate.epochs, "batch_size": fate.batch}},
        tags=["feature=triage"],
    )  # fmt: skip
    if is_paid:
        found = estimate_of(
            count_tokens(training, fate.base), backend=fate.backend, base_model=fate.base, method=Method.SUPERVISED,
            hyperparameters=row.hyperparameters, at=made_at.date(),
        )  # fmt: skip
        row.estimate = estimate_dict(found)
        row.cost_estimate = None if found.training is None else found.training.quantize(QUANTUM)
    row.save(force_insert=True)
    TuningJob.objects.filter(pk=row.pk).update(created_at=made_at)
    row.refresh_from_db()
    _tell(row, fate, random.Random(f"{company.seed}/{fate.name}"))


def _made_at(company: Company, fate: Fate) -> datetime:
    """Within the month of the last day, whose bill is not there yet."""
    before = min(fate.before, company.calendar.last.day - 1)
    if fate.before == 0:
        return company.calendar.until - timedelta(minutes=30)
    return min(company.calendar.midnight(before) + timedelta(hours=9), company.calendar.until - timedelta(hours=3))


def _tell(row: TuningJob, fate: Fate, chance: random.Random) -> None:
    per_epoch = -(-(row.training_file.lines or 1) // fate.batch)
    total = per_epoch * fate.epochs
    done = round(total * fate.share)
    began = row.created_at + QUEUE
    record_events(row, list(_messages(row, began, done, total)))
    points = [_point(chance, step, total, per_epoch, fate) for step in range(1, done + 1)]
    at = {point.step: began + timedelta(seconds=STEP_S * point.step) for point in points}
    jobs.record_points(row, points, at=at, per_epoch=per_epoch)
    row.progress = fate.share
    if done:
        row.started_at = began
    if fate.status not in (TuningStatus.SUCCEEDED, TuningStatus.FAILED, TuningStatus.CANCELLED):
        row.status, row.provider_status = fate.status, fate.status.value
        row.save()
        return
    ended = began + timedelta(seconds=STEP_S * done) + (TAIL if fate.status == TuningStatus.SUCCEEDED else timedelta())
    jobs.finish_job(row, _end(row, fate, ended, done, total, per_epoch))


def _end(row: TuningJob, fate: Fate, at: datetime, done: int, total: int, per_epoch: int) -> Seen:
    succeeded = fate.status == TuningStatus.SUCCEEDED
    is_paid = fate.backend == Backend.OPENAI
    name = f"ft:{fate.base}:heron:triage:{row.pk.hex[-8:]}" if succeeded and is_paid else ""
    if name:
        kept = [per_epoch * epoch for epoch in range(fate.epochs - 2, fate.epochs + 1)]
        jobs.record_checkpoints(
            row, [Kept(step, name if step == total else f"{name}:ckpt-step-{step}") for step in kept]
        )
    tokens = (row.estimate or {}).get("tokens_per_epoch", 0) * fate.epochs
    return Seen(
        fate.status.value, fate.status.value, tuned_model=name, error=fate.error or None, finished_at=at,
        trained_tokens=tokens * done // total if is_paid and fate.status != TuningStatus.FAILED else None,
    )  # fmt: skip


def _messages(row: TuningJob, began: datetime, done: int, total: int) -> Iterator[Told]:
    yield Told("created", row.created_at, "info", f"Created fine-tuning job: {row.provider_job_id}")
    if done:
        yield Told("started", began, "info", "Fine-tuning job started")
    for step in range(10, done + 1, 10):
        yield Told(f"step-{step}", began + timedelta(seconds=STEP_S * step), "info", f"Step {step}/{total}")


def _point(chance: random.Random, step: int, total: int, per_epoch: int, fate: Fate) -> Point:
    share = step / total
    train = 1.7 * math.exp(-(5 if fate.overfits else 3) * share) + 0.03 * chance.random()
    held = 0.55 + 1.1 * math.exp(-3 * share) + (1.3 * max(0.0, share - 0.35) ** 2 if fate.overfits else 0.0)
    whole: dict[str, Any] = {}
    if step % per_epoch == 0:
        whole = {"full_valid_loss": round(held, 4), "full_valid_accuracy": round(1 - held / 4, 4)}
    return Point(
        step, round(train, 4), round(1 - train / 4, 4), round(held + 0.04 * chance.random(), 4),
        round(1 - held / 4, 4), **whole,
    )  # fmt: skip
