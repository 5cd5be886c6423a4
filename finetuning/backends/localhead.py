"""Local heads: trained in the background process, with no cloud. A softmax over hashed n-grams learns the labels; no
language model's weights change.

The run is a row that `finetuning.services.heads` works on; points, events and checkpoints are stored as they come.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from finetuning.backends.base import NotOffered, Refused, Seen, Told
from finetuning.backends.stored import records_of
from finetuning.choices import OVER, TuningStatus
from finetuning.estimates import Method
from finetuning.localhead import Example, NotClosedError, Options, closed_set, examples_of
from finetuning.models import HeadRun, TuningFile, TuningJob
from finetuning.services.askable import HEAD_BASE, is_askable
from gateway.models import Job
from gateway.services import jobs

KIND = "finetuning.local_head"
"""Of the claimed work; its period is the tuning job's id."""
BASE = HEAD_BASE
MAX_RECORDS = 200_000
PRECISION = 0.95
"""Of the answers that a head gives by itself, where nobody says another; it decides the threshold."""
NUMBERS = ("n_epochs", "batch_size", "learning_rate_multiplier")


class LocalHeadBackend:
    """A `TuningBackend`."""

    every = timedelta(seconds=2)

    def start(self, job: TuningJob) -> Seen:
        if job.base_model != BASE:
            raise Refused("model_not_found", f"A local head is made from {BASE}, not from {job.base_model}.", "model")
        if job.method != Method.SUPERVISED:
            raise Refused("method_not_offered", "A local head learns from answers: the method is supervised.", "method")
        options_of(job)
        precision_of(job)
        threshold_of(job)
        fallback_of(job)
        training_set(job)
        held_out_set(job)
        with transaction.atomic():
            run, is_new = HeadRun.objects.get_or_create(job=job)
            if is_new:
                jobs.enqueue(KIND, str(job.pk), organization=job.organization)
        return _seen(run)

    def look(self, job: TuningJob) -> Seen:
        run = HeadRun.objects.filter(job=job).first()
        if run is None:
            raise Refused("not_found", "The run of this job is gone.")
        return _seen(run)

    def events(self, job: TuningJob) -> Sequence[Told]:
        """None: the run stores them itself."""
        return ()

    def checkpoints(self, job: TuningJob) -> None:
        """The run stores and drops them itself, perhaps at this moment."""

    def cancel(self, job: TuningJob) -> Seen:
        """Its claim is taken away, so nothing of a running epoch is stored any more."""
        with transaction.atomic():
            run = HeadRun.objects.select_for_update().filter(job=job).first()
            if run is None:
                return Seen("cancelled", TuningStatus.CANCELLED)
            claimed = Job.objects.filter(kind=KIND, period=str(job.pk)).first()
            if run.status not in OVER and (claimed is None or jobs.cancel(claimed)):
                run.status, run.state = TuningStatus.CANCELLED, None
                run.save(update_fields=["status", "state", "updated_at"])
        return _seen(run)

    def pause(self, job: TuningJob) -> Seen:
        raise NotOffered("A local head trains in seconds; it cannot be paused.")

    def resume(self, job: TuningJob) -> Seen:
        raise NotOffered("A local head cannot be paused.")


def options_of(job: TuningJob) -> Options:
    """Of the job's hyperparameters; `auto` and what is missing take the default. Raises `Refused`."""
    given = {name: _number(job.hyperparameters, name) for name in NUMBERS}
    try:
        return Options(
            n_epochs=_whole(given["n_epochs"], "n_epochs"), batch_size=_whole(given["batch_size"], "batch_size"),
            learning_rate_multiplier=given["learning_rate_multiplier"], seed=abs(job.seed or 0),
        )  # fmt: skip
    except ValueError as error:
        raise Refused("hyperparameter_invalid", str(error), "hyperparameters") from error


def precision_of(job: TuningJob) -> float:
    """Share of right answers that the threshold shall reach. Raises `Refused`."""
    value = _number(job.hyperparameters, "precision")
    if value is None:
        return PRECISION
    if not 0 < value <= 1:
        raise Refused("hyperparameter_invalid", "precision must lie above 0 and at most at 1.", "hyperparameters")
    return value


def threshold_of(job: TuningJob) -> float | None:
    """The threshold that the job names; None: the validation file suggests one. Raises `Refused`."""
    value = _number(job.hyperparameters, "threshold")
    value = _number(job.auto_deploy or {}, "threshold") if value is None else value
    if value is not None and not 0 <= value <= 1:
        raise Refused("hyperparameter_invalid", "threshold must lie between 0 and 1.", "hyperparameters")
    return value


def fallback_of(job: TuningJob) -> str:
    """The model or route that answers below the threshold; empty: none. Raises `Refused` for one that is not there."""
    wish = job.auto_deploy or {}
    name = str(job.hyperparameters.get("fallback") or wish.get("fallback") or "")
    if name and not is_askable(job.organization_id, name):
        raise Refused("fallback_not_found", f"There is no enabled model or route {name}.", "hyperparameters")
    return name


def training_set(job: TuningJob) -> list[Example]:
    """Raises `Refused` with the reason when the answers are no closed set of labels."""
    try:
        return closed_set(records_of(job.training_file, limit=MAX_RECORDS))
    except NotClosedError as error:
        raise _not_closed(error, job.training_file, "training_file") from error


def held_out_set(job: TuningJob) -> list[Example]:
    """Empty without a validation file. Raises `Refused`."""
    if job.validation_file is None:
        return []
    try:
        return examples_of(records_of(job.validation_file, param="validation_file", limit=MAX_RECORDS))
    except NotClosedError as error:
        raise _not_closed(error, job.validation_file, "validation_file") from error


def _not_closed(error: NotClosedError, file: TuningFile, param: str) -> Refused:
    where = f"Record {error.line} of {file.name}" if error.line else file.name
    message = f"{where}: {error} A local head answers with one of a closed set of labels."
    return Refused("not_a_closed_set", message, param)


def _number(given: Mapping[str, Any], name: str) -> float | None:
    value = given.get(name)
    if value in (None, "auto"):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("hyperparameter_invalid", f'{name} must be a number or "auto".', "hyperparameters")
    return value


def _whole(value: float | None, name: str) -> int | None:
    if value is not None and value != int(value):
        raise ValueError(f"{name} must be a whole number.")
    return None if value is None else int(value)


def _seen(run: HeadRun) -> Seen:
    return Seen(
        said=run.status, status=run.status, job_id=f"head-{run.job_id.hex}", tuned_model=run.tuned_model,
        progress=run.epoch / run.epochs if run.epochs else None, started_at=run.started_at,
        finished_at=run.finished_at, error=run.error, hyperparameters=run.used,
    )  # fmt: skip
