"""A judge between two answers: asked twice with their places changed, since judges like the first or the last one
(arXiv 2306.05685). Only what it says both times counts; else it is a tie. It is told no names."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from finetuning.answers.verdicts import answer_of
from finetuning.messages import text_of
from finetuning.models import Evaluation, EvaluationItem
from finetuning.services.evaluations.asking import Reply, ask
from finetuning.services.evaluations.items import Item
from finetuning.services.evaluations.scoring import OF_PAIRS

BATCH = 20
RUBRIC = "correct, complete, in the wanted form, and no longer than it needs to be"
TASK = (
    "You compare two answers to the same request. The better one is {rubric}. Say A or B, or T when neither is better. "
    "Say that one letter and nothing else. The answers' lengths and order say nothing of their worth."
)
WIN, TIE, LOSS = 1.0, 0.5, 0.0
Pair = tuple[Item, EvaluationItem, str, str]
SPENT = "spent"
"""In `Evaluation.judge`: what its answers cost by now, as text; None once one of them had no known price."""

ERROR = "error"
"""In `Evaluation.judge`: why it could not be asked, the last time that it could not."""


class Verdict(NamedTuple):
    """`score` None: the judge said nothing that counts; `cost` None: not known; `error`: why it could not be asked."""

    score: float | None
    cost: Decimal | None
    error: str = ""


def judge_all(
    evaluation: Evaluation, items: Sequence[Item], secret: str, pool: ThreadPoolExecutor, *, go_on: Callable[[], None]
) -> None:
    """Score each contestant's answers against the first one's, where not done yet: 1 better, 0.5 tie, 0 worse."""
    by_place = {(item.is_regression, item.line): item for item in items}
    rows = list(EvaluationItem.objects.filter(evaluation=evaluation, error=""))
    first = {(row.is_regression, row.line): row for row in rows if row.contestant == 0}
    pairs: list[Pair] = [
        (by_place[place], row, answer_of(first[place]), answer_of(row))
        for row in rows
        if row.contestant and OF_PAIRS not in row.scores
        and (place := (row.is_regression, row.line)) in first and place in by_place
    ]  # fmt: skip
    while pairs:
        some, pairs = pairs[:BATCH], pairs[BATCH:]
        go_on()
        verdicts = list(pool.map(lambda pair: _verdict(secret, evaluation, pair), some))
        for (_, row, _, _), verdict in zip(some, verdicts, strict=True):
            if verdict.score is not None:
                row.scores = {**row.scores, OF_PAIRS: verdict.score}
        with transaction.atomic():
            EvaluationItem.objects.bulk_update([pair[1] for pair in some], ["scores"])
            _book(evaluation, verdicts)


def spent_on(evaluation: Evaluation) -> Decimal | None:
    """What the judge's answers cost by now; None: one of them has no known price."""
    spent = (evaluation.judge or {}).get(SPENT, "0")
    return None if spent is None else Decimal(spent)


def _book(evaluation: Evaluation, verdicts: Sequence[Verdict]) -> None:
    before, costs = spent_on(evaluation), [verdict.cost for verdict in verdicts]
    known = [cost for cost in costs if cost is not None]
    spent = None if before is None or len(known) < len(costs) else f"{sum(known, before):f}"
    errors = [verdict.error for verdict in verdicts if verdict.error]
    evaluation.judge = {**(evaluation.judge or {}), SPENT: spent} | ({ERROR: errors[-1]} if errors else {})
    evaluation.save(update_fields=["judge"])


def _verdict(secret: str, evaluation: Evaluation, pair: Pair) -> Verdict:
    item, _, base, other = pair
    if base == other:
        return Verdict(TIE, Decimal(0))
    replies = [_reply(secret, evaluation, item, *order) for order in ((base, other), (other, base))]
    costs = [reply.cost for reply in replies if not reply.error]  # what failed is free
    known = [cost for cost in costs if cost is not None]
    letters = tuple(map(_letter, replies))
    score: float | None = TIE
    if None in letters:
        score = None
    elif letters == ("B", "A"):
        score = WIN
    elif letters == ("A", "B"):
        score = LOSS
    cost = sum(known, Decimal(0)) if len(known) == len(costs) else None
    return Verdict(score, cost, next((reply.error for reply in replies if reply.error), ""))


def _reply(secret: str, evaluation: Evaluation, item: Item, first: str, second: str) -> Reply:
    judge: dict[str, Any] = evaluation.judge or {}
    asked = "\n\n".join(f"{message.get('role')}: {text_of(message.get('content')) or ''}" for message in item.messages)
    content = f"Request:\n{asked}\n\nAnswer A:\n{first}\n\nAnswer B:\n{second}"
    body = {
        "model": judge["model"], "temperature": 0, "max_tokens": 5,
        "messages": [
            {"role": "system", "content": TASK.format(rubric=judge.get("rubric") or RUBRIC)},
            {"role": "user", "content": content},
        ],
    }  # fmt: skip
    return ask(secret, body, tags=f"evaluation={evaluation.pk}")


def _letter(reply: Reply) -> str | None:
    letter = reply.text.strip().strip(".\"'*").upper()[:1]
    return letter if not reply.error and letter in ("A", "B", "T") else None
