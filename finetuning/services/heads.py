"""Training of local heads in the background process: claimed, stored epoch by epoch, gone on with after a kill."""

from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q

from finetuning.backends.base import Refused
from finetuning.backends.localhead import (
    KIND,
    fallback_of,
    held_out_set,
    options_of,
    precision_of,
    threshold_of,
    training_set,
)
from finetuning.choices import TuningStatus
from finetuning.localhead import Curve, Example, Head, Training, suggest_threshold
from finetuning.models import Checkpoint, HeadRun, JobEvent, JobPoint, TuningJob
from finetuning.services.publishing import publish_head
from gateway.models import Job
from gateway.services import jobs

LEASE_S = 300.0
"""Longer than an epoch; so long a run waits whose process died."""
MAX_TRIES = 5
MAX_WEIGHTS = 50_000_000
"""Features × labels: 200 MB in memory."""
NEWEST = 3
"""Checkpoints that stay beside the best, as with OpenAI."""
log = structlog.get_logger(__name__)


def run_waiting() -> int:
    """Train what waits, oldest first, one at a time. Returns how many runs were worked on."""
    return jobs.run_each(KIND, LEASE_S, _run)


def _run(claim: Job) -> None:
    related = ("job__organization", "job__project", "job__training_file", "job__validation_file")
    run = HeadRun.objects.select_related(*related).filter(job__pk=claim.period).first()
    if run is None:
        jobs.fail(claim, "the job is gone")
        return
    try:
        _train(claim, run)
    except jobs.ClaimLost:
        log.info("local_head_taken_away", job=str(run.job_id))
    except Refused as error:
        _fail(claim, run, error.code, error.message, error.param)
    except Exception as error:
        log.exception("local_head_failed", job=str(run.job_id), tries=claim.fence)
        if claim.fence >= MAX_TRIES:
            message = f"{type(error).__name__}: given up after {claim.fence} tries; the log has the reason."
            _fail(claim, run, "internal_error", message, "")


def _train(claim: Job, run: HeadRun) -> None:
    """Raises `ClaimLost` when the run was cancelled or taken over, `Refused` when it cannot be trained."""
    held_out = held_out_set(run.job)
    training = Training(training_set(run.job), held_out, options_of(run.job))
    if training.size > MAX_WEIGHTS:
        message = f"{training.size:,} weights would be needed; a local head has at most {MAX_WEIGHTS:,}."
        raise Refused("too_many_features", message, "training_file")
    if run.state is not None:
        training.resume(bytes(run.state))
    _begin(claim, run, training)
    for curve in training.epochs():
        _keep(claim, run, training, curve)
    _finish(claim, run, held_out)


# ---- what is stored --------------------------------------------------------------------------------------------------
@transaction.atomic
def _begin(claim: Job, run: HeadRun, training: Training) -> None:
    jobs.extend(claim, LEASE_S, training.epoch / training.epochs_planned)
    run.status, run.epochs, run.epoch = TuningStatus.RUNNING, training.epochs_planned, training.epoch
    run.used = {"n_epochs": training.epochs_planned, "batch_size": training.batch_size, "seed": abs(run.job.seed or 0)}
    run.started_at = run.started_at or datetime.now(UTC)
    run.save(update_fields=["status", "epochs", "epoch", "used", "started_at", "updated_at"])
    if training.epoch:
        _tell(run.job, f"resumed:{claim.fence}", f"The run goes on after epoch {training.epoch}.", level="warn")
    else:
        message = f"Training of {len(training.labels)} labels began: {training.epochs_planned} epochs."
        _tell(run.job, "began", message)


@transaction.atomic
def _keep(claim: Job, run: HeadRun, training: Training, curve: Curve) -> None:
    """One epoch: its point, event and checkpoint, and the state to go on from."""
    jobs.extend(claim, LEASE_S, curve.epoch / training.epochs_planned)
    now, figures = datetime.now(UTC), _figures(curve)
    point = JobPoint(
        job=run.job, step=curve.step, epoch=curve.epoch, train_loss=curve.train_loss,
        train_accuracy=curve.train_accuracy, full_valid_loss=curve.valid_loss, full_valid_accuracy=curve.valid_accuracy,
        at=now,
    )  # fmt: skip
    measured = ["epoch", "train_loss", "train_accuracy", "full_valid_loss", "full_valid_accuracy", "at"]
    JobPoint.objects.bulk_create(
        [point], update_conflicts=True, unique_fields=["job", "step"], update_fields=measured
    )  # fmt: skip
    message = f"Epoch {curve.epoch} of {training.epochs_planned}: training loss {curve.train_loss:.4f}"
    if curve.valid_accuracy is not None:
        message += f", {curve.valid_accuracy:.1%} of the held-out rows right"
    _tell(run.job, f"epoch:{curve.epoch}", f"{message}.", figures, at=now)
    kept = {"provider_id": f"step-{curve.step}", "metrics": figures, "artifact": training.head().to_bytes()}
    Checkpoint.objects.update_or_create(job=run.job, step=curve.step, defaults=kept)
    _drop_old(run.job, now)
    run.epoch, run.state = curve.epoch, training.state()
    run.save(update_fields=["epoch", "state", "updated_at"])


def _drop_old(job: TuningJob, now: datetime) -> None:
    """The newest stay, and the best."""
    newest = Checkpoint.objects.filter(job=job).order_by("-step").values_list("step", flat=True)[:NEWEST]
    old = Checkpoint.objects.filter(job=job, dropped_at=None).exclude(step__in=[*newest, _best_step(job)])
    old.update(dropped_at=now, artifact=None, updated_at=now)


def _best_step(job: TuningJob) -> int:
    """Of the lowest held-out loss, the earlier of equals; the last without a validation file."""
    points = JobPoint.objects.filter(job=job)
    best = points.exclude(full_valid_loss=None).order_by("full_valid_loss", "step").first()
    last = best or points.order_by("-step").first()
    assert last is not None
    return last.step


@transaction.atomic
def _finish(claim: Job, run: HeadRun, held_out: list[Example]) -> None:
    """The best checkpoint becomes the model that is served, in the transaction that ends the claim."""
    job = run.job
    best = Checkpoint.objects.get(job=job, step=_best_step(job))
    assert best.artifact is not None
    artifact = bytes(best.artifact)
    serving, why = _serving(job, Head.from_bytes(artifact), held_out)
    tuned = publish_head(job, artifact=artifact, serving=serving)
    run.status, run.state, run.finished_at = TuningStatus.SUCCEEDED, None, datetime.now(UTC)
    run.tuned_model = tuned.name
    run.save(update_fields=["status", "tuned_model", "state", "finished_at", "updated_at"])
    _tell(job, "published", f"{tuned.name} answers: the head of step {best.step}. {why}")
    _wake(job)
    jobs.finish(claim, {"tuned_model": tuned.name})


def _serving(job: TuningJob, head: Head, held_out: list[Example]) -> tuple[dict[str, Any], str]:
    """The threshold that the job names, else the one that the validation file suggests; who answers below it; why."""
    fallback, threshold = fallback_of(job), threshold_of(job)
    found: dict[str, Any] = {"base": job.base_model, "fallback": fallback, "threshold": threshold}
    if threshold is not None:
        return found, f"The threshold of {threshold} is the job's."
    if not held_out:
        return found, "Without a validation file no threshold can be suggested: it answers everything."
    precision = precision_of(job)
    texts, labels = [each.text for each in held_out], [each.label for each in held_out]
    suggestion = suggest_threshold(head, texts, labels, precision=precision)
    if suggestion.threshold is None:
        why = f"At no threshold {precision:.0%} of its answers were right: everything goes to the fallback."
        return found | {"threshold": 1.0}, why if fallback else f"{why} None is set, so it answers everything."
    why = (
        f"From a confidence of {suggestion.threshold:.3f} on, {suggestion.precision:.1%} of the answers were right; "
        f"that is {suggestion.coverage:.1%} of {suggestion.rows} held-out rows."
    )
    return found | {"threshold": suggestion.threshold}, why


@transaction.atomic
def _fail(claim: Job, run: HeadRun, code: str, message: str, param: str) -> None:
    run.status, run.state, run.finished_at = TuningStatus.FAILED, None, datetime.now(UTC)
    run.error = {"code": code, "message": message, "param": param}
    run.save(update_fields=["status", "state", "error", "finished_at", "updated_at"])
    _tell(run.job, "failed", message, level="error")
    _wake(run.job)
    jobs.fail(claim, message)


def _figures(curve: Curve) -> dict[str, float]:
    """As OpenAI's events name them."""
    found = {
        "step": curve.step, "train_loss": curve.train_loss, "train_mean_token_accuracy": curve.train_accuracy,
        "full_valid_loss": curve.valid_loss, "full_valid_mean_token_accuracy": curve.valid_accuracy,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _tell(
    job: TuningJob, key: str, message: str, data: dict[str, float] | None = None, *, level: str = "info",
    at: datetime | None = None,
) -> None:  # fmt: skip
    """An event, once whatever is repeated."""
    event = JobEvent(
        job=job, key=f"head:{key}", at=at or datetime.now(UTC), level=level, message=message, data=data or {},
        type="metrics" if data else "message",
    )  # fmt: skip
    JobEvent.objects.bulk_create([event], ignore_conflicts=True)


def _wake(job: TuningJob) -> None:
    """The job is asked about at once instead of in its turn."""
    TuningJob.objects.filter(~Q(sync_due_at=None), pk=job.pk).update(sync_due_at=datetime.now(UTC))
