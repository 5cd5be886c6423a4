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
from finetuning.money import LISTED_CURRENCY, Sums, one_of, sums_of
from finetuning.services.evaluations.asking import Reply, ask
from finetuning.services.evaluations.items import Item
from finetuning.services.evaluations.scoring import OF_PAIRS
from finetuning.services.evaluations.spending import Asker, Stopped, why_over

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

CURRENCY = "currency"
"""In `Evaluation.judge`: of that amount."""

ERROR = "error"
"""In `Evaluation.judge`: why it could not be asked, the last time that it could not."""


class Verdict(NamedTuple):
    """`score` None: the judge said nothing that counts; `replies`: none for equal answers, which nobody judges."""

    score: float | None
    replies: Sequence[Reply] = ()


def judge_all(
    evaluation: Evaluation, items: Sequence[Item], asker: Asker, pool: ThreadPoolExecutor, *,
    go_on: Callable[[], None], spent: Callable[[Evaluation], Sums],
) -> None:  # fmt: skip
    """Score each contestant's answers against the first one's, where not done yet: 1 better, 0.5 tie, 0 worse. `spent`:
    of the whole evaluation. Raises Stopped."""
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
        verdicts = list(pool.map(lambda pair: _verdict(asker.secret, evaluation, pair), some))
        for (_, row, _, _), verdict in zip(some, verdicts, strict=True):
            if verdict.score is not None:
                row.scores = {**row.scores, OF_PAIRS: verdict.score}
        with transaction.atomic():
            EvaluationItem.objects.bulk_update([pair[1] for pair in some], ["scores"])
            replies = [reply for verdict in verdicts for reply in verdict.replies]
            _book(evaluation, replies)
        if why := why_over(evaluation, replies, asker, spent(evaluation)):
            raise Stopped(why)


def spent_on(evaluation: Evaluation) -> Decimal | None:
    """What the judge's answers cost by now; None: one of them has no known price, or they are of several currencies."""
    spent = (evaluation.judge or {}).get(SPENT, "0")
    return None if spent is None else Decimal(spent)


def paid_by(evaluation: Evaluation) -> tuple[str, Decimal | None]:
    """Currency and amount."""
    return (evaluation.judge or {}).get(CURRENCY, LISTED_CURRENCY), spent_on(evaluation)


def _book(evaluation: Evaluation, replies: Sequence[Reply]) -> None:
    paid = [(reply.currency, reply.cost) for reply in replies if not reply.error]  # what failed is free
    currency, spent = one_of(sums_of([paid_by(evaluation), *paid]))
    if spent_on(evaluation) is None or any(cost is None for _, cost in paid):
        spent = None
    errors = [reply.error for reply in replies if reply.error]
    told = {SPENT: None if spent is None else f"{spent:f}", CURRENCY: currency}
    evaluation.judge = {**(evaluation.judge or {}), **told} | ({ERROR: errors[0]} if errors else {})
    evaluation.save(update_fields=["judge"])


def _verdict(secret: str, evaluation: Evaluation, pair: Pair) -> Verdict:
    item, _, base, other = pair
    if base == other:
        return Verdict(TIE)
    replies = [_reply(secret, evaluation, item, *order) for order in ((base, other), (other, base))]
    letters = tuple(map(_letter, replies))
    score: float | None = TIE
    if None in letters:
        score = None
    elif letters == ("B", "A"):
        score = WIN
    elif letters == ("A", "B"):
        score = LOSS
    return Verdict(score, replies)


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
