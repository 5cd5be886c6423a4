"""What a job does once it has succeeded, as it was made with: its model against the base on the held-out file."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from finetuning.choices import FileFormat
from finetuning.models import TunedModel, TuningFile, TuningJob
from finetuning.services.askable import check_askable
from finetuning.services.evaluations.making import create_evaluation
from finetuning.services.evaluations.scoring import METRICS, OF_PAIRS
from finetuning.services.jobs.telling import say
from gateway.services.errors import Invalid, ServiceError

LONGEST_NAME, LONGEST_RUBRIC = 300, 2_000


def checked(
    given: Mapping[str, Any] | None, validation_file: TuningFile | None, organization: UUID
) -> dict[str, Any] | None:
    """What is stored of `{"base", "metrics", "judge"}`; None: nothing is evaluated. Raises `Invalid`."""
    if not given:
        return None
    if validation_file is None:
        message = "An evaluation needs held-out lines: name a validation file."
        raise Invalid("evaluation_needs_validation", message, field="evaluation")
    if validation_file.format not in (FileFormat.CHAT, FileFormat.UNKNOWN):
        raise Invalid("file_format", "Only chats can be evaluated: their last answer is expected.", field="evaluation")
    base, judge = str(given.get("base") or "").strip(), dict(given.get("judge") or {})
    if not base or len(base) > LONGEST_NAME:
        raise Invalid("evaluation_base", "Name the model that the tuned one is held against.", field="evaluation")
    metrics = list(dict.fromkeys([*(given.get("metrics") or ["exact"]), *([OF_PAIRS] if judge else [])]))
    if unknown := [name for name in metrics if name not in METRICS]:
        message = f"There is no metric {', '.join(unknown)}."
        raise Invalid("unknown_metric", message, field="evaluation")
    if judge and not str(judge.get("model") or "").strip():
        raise Invalid("judge", "Name the model that judges.", field="evaluation")
    if OF_PAIRS in metrics and not judge:
        raise Invalid("judge", "The metric judge needs a judge.", field="evaluation")
    check_askable(organization, base, field="evaluation.base")
    if judge:
        check_askable(organization, str(judge["model"]).strip(), field="evaluation.judge.model")
    rubric = str(judge.get("rubric") or "").strip()[:LONGEST_RUBRIC]
    told = {"model": str(judge["model"]).strip()[:LONGEST_NAME], "rubric": rubric} if judge else None
    return {"base": base, "metrics": metrics, "judge": told}


def evaluate(job: TuningJob, tuned: TunedModel) -> None:
    """Queue the evaluation, in the transaction that ends the job; what stands in the way is told."""
    wish = job.evaluation
    if not wish or job.validation_file is None:
        return
    contestants = [
        {"label": label, "model": model, "system": None, "temperature": 0.0, "max_tokens": None}
        for label, model in (("base", wish["base"]), ("tuned", tuned.name))
    ]
    try:
        with transaction.atomic():
            made = create_evaluation(
                project=job.project, file=job.validation_file, contestants=contestants, metrics=wish["metrics"],
                judge=wish["judge"], job=job, name=f"{job.name}: tuned against {wish['base']}"[:120],
                actor=job.created_by, created_by=job.created_by,
            )  # fmt: skip
    except ServiceError as error:
        say(job, "evaluation", f"It was not evaluated: {error.message}", level="warn")
    else:
        say(job, "evaluation", f"Its evaluation against {wish['base']} was queued: {made.pk}.")
