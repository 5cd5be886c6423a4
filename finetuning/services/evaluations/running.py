"""Run an evaluation that waits: ask what was not asked yet, score, compare. A run that is killed goes on where it was.

Questions go through the gateway with a key of the project that lives for the run alone and may spend its limit, so
their cost is in the ledger, under the tag `evaluation`.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from finetuning.answers.verdicts import result_of
from finetuning.choices import EvaluationStatus
from finetuning.messages import INSTRUCTING
from finetuning.models import Evaluation, EvaluationItem
from finetuning.money import Sums, sums_of
from finetuning.services.evaluations import judging
from finetuning.services.evaluations.asking import Reply, ask
from finetuning.services.evaluations.items import Item, items_of
from finetuning.services.evaluations.making import KIND
from finetuning.services.evaluations.scoring import OF_PAIRS, scores_of
from finetuning.services.evaluations.spending import CUT, Stopped, asker_of, is_refused, why_over, why_reached
from gateway import credentials
from gateway.models import Job
from gateway.services import jobs
from gateway.services.errors import ServiceError

LEASE_S = 600.0
AT_ONCE = 4
BATCH = 40
log = structlog.get_logger(__name__)


def run_waiting() -> int:
    """Run those that wait; returns how many ended."""
    return sum(run(UUID(period)) for period in jobs.waiting(KIND))


def run(identity: UUID) -> bool:
    """Run one to its end, unless another process has it. True when it ended."""
    job = jobs.claim(KIND, str(identity), LEASE_S)
    if job is None:
        return False
    row = Evaluation.objects.select_related("organization", "project", "file", "regression_file", "job__training_file")
    evaluation = row.filter(pk=identity).first()
    if evaluation is None or not _begin(evaluation):
        jobs.finish(job)
        return False
    try:
        _ask_all(evaluation, job)
    except jobs.ClaimLost:
        return False
    except (Stopped, ServiceError, ValueError) as reason:
        return _end(evaluation, job, EvaluationStatus.FAILED, str(reason))
    return _end(evaluation, job, EvaluationStatus.SUCCEEDED, "")


def _begin(evaluation: Evaluation) -> bool:
    now = timezone.now()
    open_ = Evaluation.objects.filter(
        pk=evaluation.pk, status__in=[EvaluationStatus.QUEUED, EvaluationStatus.RUNNING]
    )  # fmt: skip
    evaluation.started_at = evaluation.started_at or now
    return bool(open_.update(status=EvaluationStatus.RUNNING, started_at=evaluation.started_at, updated_at=now))


def _end(evaluation: Evaluation, job: Job, status: EvaluationStatus, error: str) -> bool:
    """Keep the outcome, unless it was cancelled meanwhile."""
    result = result_of(evaluation)
    with transaction.atomic():
        Evaluation.objects.filter(pk=evaluation.pk, status=EvaluationStatus.RUNNING).update(
            status=status, error=error, result=result, finished_at=timezone.now(), updated_at=timezone.now(),
            progress=1.0 if status == EvaluationStatus.SUCCEEDED else evaluation.progress,
        )  # fmt: skip
        jobs.finish(job)
    return True


def _ask_all(evaluation: Evaluation, job: Job) -> None:
    items, left = items_of(evaluation)
    if not any(not item.is_regression for item in items):
        raise Stopped("No item is left to ask: the training file has them all, or none has an expected answer.")
    Evaluation.objects.filter(pk=evaluation.pk).update(leaks=left)
    rows = EvaluationItem.objects.filter(evaluation=evaluation)
    asked = set(rows.values_list("is_regression", "line", "contestant"))
    todo = [
        (item, number)
        for item in items
        for number in range(len(evaluation.contestants))
        if (item.is_regression, item.line, number) not in asked
    ]
    total = len(items) * len(evaluation.contestants)
    name = f"Evaluation {evaluation.name}"
    with asker_of(evaluation, name) as asker, ThreadPoolExecutor(AT_ONCE) as pool:
        while todo:
            some, todo = todo[:BATCH], todo[BATCH:]
            _go_on(evaluation, job, (total - len(todo) - len(some)) / total)
            replies = list(pool.map(lambda one: _asked(asker.secret, evaluation, *one), some))
            EvaluationItem.objects.bulk_create(
                [
                    _row(evaluation, item, number, reply)
                    for (item, number), reply in zip(some, replies, strict=True)
                    if not is_refused(reply, asker)
                ],
                ignore_conflicts=True,
            )
            _stop(why_over(evaluation, replies, asker, spent_by(evaluation)))
        if OF_PAIRS in evaluation.metrics:
            judging.judge_all(
                evaluation, items, asker, pool, go_on=lambda: _go_on(evaluation, job, 1.0), spent=spent_by
            )


def _go_on(evaluation: Evaluation, job: Job, progress: float) -> None:
    """Raises Stopped when somebody cancelled, or the money is spent; ClaimLost when another process has it."""
    evaluation.progress = progress
    jobs.extend(job, LEASE_S, progress)
    if not Evaluation.objects.filter(pk=evaluation.pk, status=EvaluationStatus.RUNNING).update(progress=progress):
        raise Stopped("It was cancelled.")
    if evaluation.budget_limit is not None:
        _stop(why_reached(evaluation, spent_by(evaluation)))


def spent_by(evaluation: Evaluation) -> Sums:
    """By its answers and its judge, as far as they have a price. One query."""
    rows = EvaluationItem.objects.filter(evaluation=evaluation).order_by()
    amounts = list(rows.values_list("currency").annotate(Sum("cost")))
    return sums_of([*amounts, judging.paid_by(evaluation)])


def _stop(why: str) -> None:
    """Raises Stopped when there is a reason."""
    if why:
        raise Stopped(why)


def _asked(secret: str, evaluation: Evaluation, item: Item, number: int) -> Reply:
    return ask(secret, body_of(item, evaluation.contestants[number]), tags=f"evaluation={evaluation.pk}")


def body_of(item: Item, contestant: Mapping[str, Any]) -> dict[str, Any]:
    """What a contestant is asked: the item's messages, under its own instructions when it has some."""
    messages: Sequence[Mapping[str, Any]] = item.messages
    if contestant.get("system") is not None:
        rest = [message for message in messages if message.get("role") not in INSTRUCTING]
        own = [{"role": "system", "content": contestant["system"]}] if contestant["system"] else []
        messages = [*own, *rest]
    body: dict[str, Any] = {"model": contestant["model"], "messages": list(messages)}
    if contestant.get("temperature", 0) is not None:
        body["temperature"] = contestant.get("temperature", 0)
    if contestant.get("max_tokens"):
        body["max_tokens"] = contestant["max_tokens"]
    if item.tools:
        body["tools"] = item.tools
    return body


def _row(evaluation: Evaluation, item: Item, number: int, reply: Reply) -> EvaluationItem:
    error = reply.error or (CUT if reply.is_cut else "")
    return EvaluationItem(
        evaluation=evaluation, line=item.line, is_regression=item.is_regression, contestant=number,
        answer=credentials.encrypt(reply.text), request_id=reply.request_id[:100], cost=reply.cost,
        currency=reply.currency,
        scores={} if error else scores_of(item, reply, evaluation.metrics),
        input_tokens=reply.input_tokens, output_tokens=reply.output_tokens, latency_ms=reply.latency_ms,
        error=error,
    )  # fmt: skip
