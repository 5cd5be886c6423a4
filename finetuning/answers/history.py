"""How long the organization's own finished jobs took, by phases."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Min

from finetuning.choices import TuningStatus
from finetuning.estimates import Duration, Phase, duration
from finetuning.models import TuningJob

JOBS = 50
"""The newest so many finished jobs are learned from."""


def history(
    organization: UUID, backend: str, base_model: str, *, but: UUID | None = None, per_step: bool = True
) -> list[Mapping[Phase, float]]:
    """Seconds each phase took in finished jobs of the same organization, backend and base model; of steps the seconds
    of one, or of all of them. Jobs without two measured steps have no phases to tell apart and are left out. `but`: a
    job that is not looked at. One query."""
    rows = (
        TuningJob.objects.filter(
            organization=organization, backend=backend, base_model=base_model, status=TuningStatus.SUCCEEDED,
            started_at__isnull=False, finished_at__isnull=False,
        )
        .exclude(pk=but)
        .annotate(
            first_step=Min("points__step"), last_step=Max("points__step"), first_at=Min("points__at"),
            last_at=Max("points__at"),
        )
        .order_by("-finished_at")[:JOBS]
    )  # fmt: skip
    return list(_phases(rows, per_step=per_step))


def duration_of(organization: UUID, backend: str, base_model: str) -> Duration:
    """P50 and P90 of a whole job of this base model at this backend."""
    return duration(history(organization, backend, base_model, per_step=False))


def _phases(rows: Sequence[Any], *, per_step: bool) -> Iterator[Mapping[Phase, float]]:
    for row in rows:
        if not row.last_step or row.first_at is None or row.last_step == row.first_step:
            continue
        step = (row.last_at - row.first_at).total_seconds() / (row.last_step - row.first_step)
        began = row.first_at - timedelta(seconds=step * row.first_step)
        yield {
            Phase.VALIDATION: max(0.0, (row.started_at - row.created_at).total_seconds()),
            Phase.QUEUE: max(0.0, (began - row.started_at).total_seconds()),
            Phase.STEPS: step if per_step else step * row.last_step,
            Phase.FINISHING: max(0.0, (row.finished_at - row.last_at).total_seconds()),
        }
