"""Tuning on the user's own machine: the gateway makes a ready folder, and the machine reports over HTTP.

Whether weights change, and which, is the framework's doing: LoRA adapters with the folder as it is made. What the
machine reports is stored as it comes (`finetuning.services.runner`).
"""

from collections.abc import Sequence
from datetime import timedelta

from finetuning.backends.base import NotOffered, Refused, Seen, Told
from finetuning.choices import OVER, TuningStatus
from finetuning.models import RunnerLink, TuningJob
from finetuning.runner import Plan, PlanError, plan_of


class RunnerBackend:
    """A `TuningBackend`."""

    every = timedelta(seconds=5)

    def start(self, job: TuningJob) -> Seen:
        """It waits for the machine."""
        plan(job)
        link, _ = RunnerLink.objects.get_or_create(job=job)
        return _seen(link)

    def look(self, job: TuningJob) -> Seen:
        link = RunnerLink.objects.filter(job=job).first()
        if link is None:
            raise Refused("not_found", "The run of this job is gone.")
        return _seen(link)

    def events(self, job: TuningJob) -> Sequence[Told]:
        """None: they are stored as the machine reports them."""
        return ()

    def checkpoints(self, job: TuningJob) -> None:
        """Reports store them as they come, perhaps at this moment."""

    def cancel(self, job: TuningJob) -> Seen:
        """The machine is told so with its next report."""
        open_ones = RunnerLink.objects.filter(job=job).exclude(status__in=OVER)
        open_ones.update(status=TuningStatus.CANCELLED)
        link = RunnerLink.objects.filter(job=job).first()
        return _seen(link) if link is not None else Seen("cancelled", TuningStatus.CANCELLED)

    def pause(self, job: TuningJob) -> Seen:
        raise NotOffered("Pause the run on its own machine.")

    def resume(self, job: TuningJob) -> Seen:
        raise NotOffered("Resume the run on its own machine.")


def plan(job: TuningJob) -> Plan:
    """The numbers of its run. Raises `Refused`."""
    try:
        return plan_of(
            base_model=job.base_model, method=job.method, hyperparameters=job.hyperparameters, seed=job.seed,
            has_validation=job.validation_file_id is not None,
        )  # fmt: skip
    except PlanError as error:
        raise Refused("hyperparameter_invalid", str(error), "hyperparameters") from error


def _seen(link: RunnerLink) -> Seen:
    return Seen(
        said=link.said or link.status, status=link.status, job_id=f"runner-{link.job_id.hex}",
        tuned_model=link.tuned_model, trained_tokens=link.trained_tokens, progress=link.progress,
        started_at=link.started_at, finished_at=link.finished_at, error=link.error, hyperparameters=link.used,
    )  # fmt: skip
