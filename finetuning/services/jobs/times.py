"""How far a job is and when it ends: its own steps, and the phases of jobs before it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from finetuning.answers.history import history
from finetuning.choices import OVER, TuningStatus
from finetuning.estimates import Duration, Method, Phase, default_epochs, duration
from finetuning.models import JobPoint, TuningJob

LARGEST_NUMBER = 1_000_000_000
"""Of hyperparameters; what is larger counts as not said."""


def past_of(job: TuningJob) -> list[Mapping[Phase, float]]:
    """Jobs before it of the same kind, by phases. One query."""
    return history(job.organization_id, job.backend, job.base_model, but=job.pk)


def expected(job: TuningJob, now: datetime, past: Sequence[Mapping[Phase, float]] | None = None) -> dict[str, Any]:
    """`{"p50", "p90"}`: ISO times of the end, None with a `note` where too few own jobs are known; `jobs`, `phases`:
    seconds [P50, P90] of what is still to come. Never before `now`. Two queries."""
    known = past_of(job) if past is None else past
    total = steps_of(job)
    left: int | None
    phases: tuple[Phase, ...]
    points = JobPoint.objects.filter(job=job, at__isnull=False).order_by("-step").first()
    if points is not None and points.at is not None:
        since, left, phases = points.at, max(0, (total or points.step) - points.step), (Phase.STEPS, Phase.FINISHING)
    elif job.started_at is not None:
        since, left, phases = job.started_at, total, (Phase.QUEUE, Phase.STEPS, Phase.FINISHING)
    else:
        since, left, phases = job.created_at, total, tuple(Phase)
    if left is None:
        return {"p50": None, "p90": None, "jobs": len(known), "note": "The number of steps is not known yet."}
    found = duration([{phase: seconds[phase] for phase in phases} for seconds in known], steps=left)
    return _told(found, since, now)


def _told(found: Duration, since: datetime, now: datetime) -> dict[str, Any]:
    if found.p50 is None or found.p90 is None:
        return {"p50": None, "p90": None, "jobs": found.jobs, "note": found.note}
    ends = [max(now, since + timedelta(seconds=seconds)).isoformat() for seconds in (found.p50, found.p90)]
    phases = {phase.value: [round(low, 1), round(high, 1)] for phase, (low, high) in found.phases.items() if high}
    return {"p50": ends[0], "p90": ends[1], "jobs": found.jobs, "phases": phases, "note": ""}


def steps_of(job: TuningJob) -> int | None:
    """Steps of the whole run: epochs × ⌈examples / batch⌉; None while the batch size is the provider's secret."""
    per_epoch, epochs = steps_per_epoch(job), epochs_of(job)
    return per_epoch * epochs if per_epoch and epochs else None


def steps_per_epoch(job: TuningJob) -> int | None:
    batch, examples = hyperparameter(job, "batch_size"), job.training_file.lines
    if not batch or not examples:
        return None
    return -(-examples // int(batch))


def epochs_of(job: TuningJob) -> int | None:
    """As used, else as asked, else by the rule of OpenAI and Azure."""
    known = hyperparameter(job, "n_epochs")
    if known:
        return int(known)
    by_rule = job.backend in ("openai", "azure") and job.method != Method.REINFORCEMENT
    return default_epochs(job.training_file.lines) if by_rule and job.training_file.lines else None


def hyperparameter(job: TuningJob, name: str) -> float | None:
    """A number as used, else as asked; None for `auto`, -1 (Azure's word for it) and what was not said."""
    for values in (job.hyperparameters.get("used") or {}, job.hyperparameters):
        value = values.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LARGEST_NUMBER:
            return float(value)
    return None


def progress_of(job: TuningJob, told: float | None, last_step: int | None) -> float:
    """0–1, never less than before: what the backend says, else the share of steps."""
    if job.status in OVER:
        return 1.0 if job.status == TuningStatus.SUCCEEDED else job.progress
    total = steps_of(job)
    by_steps = last_step / total if last_step and total else 0.0
    return min(1.0, max(job.progress, told if told is not None else by_steps))
