"""How long the organization's own finished jobs took, by phases."""

from collections.abc import Mapping

from django.db.models import Max

from finetuning.choices import TuningStatus
from finetuning.estimates import Duration, Phase, duration
from finetuning.models import TuningJob
from gateway.models import Organization

JOBS = 50
"""Newest finished jobs that are looked at."""


def duration_of(organization: Organization, backend: str, base_model: str, *, steps: int | None = None) -> Duration:
    """P50 and P90 of a job of this base model at this backend, from those that succeeded. `steps`: of the new one."""
    rows = (
        TuningJob.objects.filter(
            organization=organization, backend=backend, base_model=base_model, status=TuningStatus.SUCCEEDED,
            started_at__isnull=False, finished_at__isnull=False,
        )
        .annotate(last_point_at=Max("points__at"), last_step=Max("points__step"))
        .order_by("-finished_at")[:JOBS]
    )  # fmt: skip
    return duration([_phases(row, steps) for row in rows], steps=steps)


def _phases(job: TuningJob, steps: int | None) -> Mapping[Phase, float]:
    """Seconds; of the steps those of one step when `steps` of the new job are known. A job whose points have no times
    counts from its start to its end as steps."""
    assert job.started_at is not None
    assert job.finished_at is not None
    ended = getattr(job, "last_point_at", None) or job.finished_at
    training = (ended - job.started_at).total_seconds()
    count = getattr(job, "last_step", None) or 1
    return {
        Phase.VALIDATION: 0.0,
        Phase.QUEUE: (job.started_at - job.created_at).total_seconds(),
        Phase.STEPS: training / count if steps is not None else training,
        Phase.FINISHING: (job.finished_at - ended).total_seconds(),
    }
