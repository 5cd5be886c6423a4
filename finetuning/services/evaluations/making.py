"""Make and cancel evaluations."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from finetuning.choices import EvaluationStatus, FileFormat, FileStatus
from finetuning.models import Evaluation, TuningFile, TuningJob
from finetuning.services.askable import check_askable
from finetuning.services.evaluations.scoring import METRICS, OF_PAIRS
from gateway.models import Project, User
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

KIND = "finetuning.evaluation"
MOST_CONTESTANTS = 6
OPEN = (EvaluationStatus.QUEUED, EvaluationStatus.RUNNING)


@transaction.atomic
def create_evaluation(
    *,
    project: Project,
    file: TuningFile,
    contestants: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    actor: Actor,
    name: str = "",
    job: TuningJob | None = None,
    regression_file: TuningFile | None = None,
    judge: Mapping[str, Any] | None = None,
    sample: int | None = None,
    seed: int = 0,
    budget_limit: Decimal | None = None,
    created_by: User | None = None,
) -> Evaluation:
    """Queue one; the first contestant is what the others are held against, the first metric decides. Raises
    `Invalid`."""
    for field, one in (("file", file), ("regression_file", regression_file)):
        if one is not None:
            _check_file(one, project, field)
    if not 2 <= len(contestants) <= MOST_CONTESTANTS:
        raise Invalid("contestants", f"Two to {MOST_CONTESTANTS} models are compared.", field="contestants")
    if len({str(one.get("label") or one["model"]) for one in contestants}) < len(contestants):
        raise Invalid("labels_repeat", "Every contestant needs a label of its own.", field="contestants")
    unknown = [metric for metric in metrics if metric not in METRICS]
    if unknown or not metrics:
        raise Invalid("unknown_metric", f"Metrics are {', '.join(METRICS)}.", field="metrics")
    if (OF_PAIRS in metrics) != (judge is not None):
        raise Invalid("judge", "The metric judge needs a judge, and a judge the metric.", field="judge")
    for number, contestant in enumerate(contestants):
        check_askable(project.organization_id, contestant["model"], field=f"contestants.{number}.model")
    if judge is not None:
        check_askable(project.organization_id, judge["model"], field="judge.model")
    row = Evaluation.objects.create(
        organization=project.organization, project=project, job=job, file=file, regression_file=regression_file,
        name=name or f"{contestants[-1]['model']} against {contestants[0]['model']}"[:120], judge=judge,
        contestants=[{"label": str(one.get("label") or one["model"]), **one} for one in contestants],
        metrics=list(metrics), sample=sample, seed=seed, budget_limit=budget_limit, created_by=created_by,
    )  # fmt: skip
    jobs.enqueue(KIND, str(row.pk), organization=project.organization, requested_by=created_by)
    audit.record(
        organization=project.organization, actor=actor, verb="evaluation.create", target=row,
        after={"file": str(file.pk), "models": [one["model"] for one in contestants], "metrics": list(metrics)},
    )  # fmt: skip
    return row


@transaction.atomic
def cancel_evaluation(*, evaluation: Evaluation, actor: Actor) -> Evaluation:
    """What was answered stays. Raises `Conflict` when it is over."""
    row = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    if row.status not in OPEN:
        raise Conflict("evaluation_over", f"The evaluation has {row.status} already.")
    row.status, row.finished_at = EvaluationStatus.CANCELLED, timezone.now()
    row.save(update_fields=["status", "finished_at", "updated_at"])
    audit.record(organization=row.organization, actor=actor, verb="evaluation.cancel", target=row)
    return row


def _check_file(file: TuningFile, project: Project, field: str) -> None:
    if file.project_id != project.pk:
        raise Invalid("other_project", "The file is of another project.", field=field)
    if file.deleted_at is not None or file.status != FileStatus.PROCESSED:
        raise Invalid("file_not_ready", "The file is not ready.", field=field)
    if file.format not in (FileFormat.CHAT, FileFormat.UNKNOWN):
        raise Invalid("file_format", "Held-out items are chat records that end with the expected answer.", field=field)
