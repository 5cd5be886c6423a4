"""Run an evaluation that waits: ask what was not asked yet, score, compare. A run that is killed goes on where it was.

Questions go through the gateway with a key of the project that lives for the run alone, so their cost is in the
ledger, under the tag `evaluation`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from finetuning.answers.verdicts import result_of
from finetuning.choices import EvaluationStatus
from finetuning.messages import INSTRUCTING
from finetuning.models import Evaluation, EvaluationItem
from finetuning.services.evaluations import judging
from finetuning.services.evaluations.asking import Reply, ask, knows
from finetuning.services.evaluations.items import Item, items_of
from finetuning.services.evaluations.making import KIND
from finetuning.services.evaluations.scoring import OF_PAIRS, scores_of
from gateway import credentials
from gateway.models import Job, Organization, Project, User
from gateway.services import jobs, keys
from gateway.services.errors import ServiceError

LEASE_S = 600.0
AT_ONCE = 4
BATCH = 40
KNOWN_WITHIN_S = 30.0
KEY_LIFE = timedelta(hours=12)
log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The evaluation goes no further; the message says why."""


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
    asker = key_for(evaluation.organization, evaluation.project, evaluation.created_by, name)
    with asker as secret, ThreadPoolExecutor(AT_ONCE) as pool:
        while todo:
            some, todo = todo[:BATCH], todo[BATCH:]
            _go_on(evaluation, job, (total - len(todo) - len(some)) / total)
            replies = list(pool.map(lambda one: _asked(secret, evaluation, *one), some))
            EvaluationItem.objects.bulk_create(
                [_row(evaluation, item, number, reply) for (item, number), reply in zip(some, replies, strict=True)],
                ignore_conflicts=True,
            )
            _check_priced(evaluation)
        if OF_PAIRS in evaluation.metrics:
            judging.judge_all(evaluation, items, secret, pool, go_on=lambda: _go_on(evaluation, job, 1.0))
            _check_priced(evaluation)


def _go_on(evaluation: Evaluation, job: Job, progress: float) -> None:
    """Raises Stopped when somebody cancelled, or the money is spent; ClaimLost when another process has it."""
    evaluation.progress = progress
    jobs.extend(job, LEASE_S, progress)
    if not Evaluation.objects.filter(pk=evaluation.pk, status=EvaluationStatus.RUNNING).update(progress=progress):
        raise Stopped("It was cancelled.")
    _check_priced(evaluation)
    if evaluation.budget_limit is not None:
        rows = EvaluationItem.objects.filter(evaluation=evaluation)
        spent: Decimal = rows.aggregate(spent=Coalesce(Sum("cost"), Decimal(0)))["spent"]
        if spent + (judging.spent_on(evaluation) or 0) >= evaluation.budget_limit:
            raise Stopped(f"Its limit of {evaluation.budget_limit.normalize():f} is spent.")


def _check_priced(evaluation: Evaluation) -> None:
    """Raises Stopped when there is a limit that cannot be kept, since an answer had no known price."""
    if evaluation.budget_limit is None:
        return
    unpriced = EvaluationItem.objects.filter(evaluation=evaluation, cost=None, error="")
    if judging.spent_on(evaluation) is None or unpriced.exists():
        raise Stopped("What an answer costs is not known, so its limit could not be kept.")


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
    return EvaluationItem(
        evaluation=evaluation, line=item.line, is_regression=item.is_regression, contestant=number,
        answer=credentials.encrypt(reply.text), request_id=reply.request_id[:100], cost=reply.cost,
        scores={} if reply.error else scores_of(item, reply, evaluation.metrics),
        input_tokens=reply.input_tokens, output_tokens=reply.output_tokens, latency_ms=reply.latency_ms,
        error=reply.error,
    )  # fmt: skip


@contextmanager
def key_for(organization: Organization, project: Project, person: User | None, name: str) -> Iterator[str]:
    """The secret of a key that ends with the run. Raises Stopped when the data plane does not take it."""
    issued = keys.create_key(
        organization=organization, project=project, actor=person, name=name[:100],
        expires_at=timezone.now() + KEY_LIFE, scopes=["inference"],
    )  # fmt: skip
    try:
        until = time.monotonic() + KNOWN_WITHIN_S
        while not knows(issued.secret):
            if time.monotonic() > until:
                raise Stopped("The gateway does not answer at GATEWAY_INTERNAL_URL.")
            time.sleep(0.3)
        yield issued.secret
    finally:
        keys.revoke_key(key=issued.key, actor=person)
