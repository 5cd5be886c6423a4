"""Calls of the demo's tuned model: its part of the triage since it was tuned, and the evaluation that led to it, as
ledger lines with their prices and as answers. The same seed gives the same calls.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from config.demo.company import Company
from config.demo.tuning import PROJECT, TICKETS, files_of
from config.demo.waste import workloads_of
from config.demo.workloads import CHAT
from costs.bookshelf import book_of
from costs.pricer import columns_of
from costs.pricing import PriceBook
from finetuning.answers.verdicts import result_of
from finetuning.choices import EvaluationStatus
from finetuning.models import Evaluation, EvaluationItem, TunedModel, TuningFile
from gateway import credentials
from gateway.choices import LineKind, LineStatus, UsageSource
from gateway.ledger.booking import book
from gateway.ledger.connect import connect
from gateway.ledger.ids import ms_of, uuid7
from gateway.ledger.partitions import ensure_partitions
from gateway.models import Job, Organization, Project

NOTE = "tuned_calls"
TUNED = "Triage"
"""The job whose model it is."""
AN_HOUR = 10
"""Calls of the tuned model, beside those that the triage sends elsewhere."""
RIGHT = {"base": 0.75, "tuned": 0.96}
"""How often each names the queue in the evaluation."""
PROMPT, TUNED_PROMPT = (3_100, 300), (62, 6)
"""Tokens of a ticket with the long instructions, and with those that the tuned model needs: mean and deviation."""
ANSWER_TOKENS = 3
LATENCY_MS = {"base": 610.0, "tuned": 340.0}
OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class Asked:
    """A call before it is priced. `name`: makes its id."""

    name: str
    at: datetime
    model: str
    side: str
    tags: dict[str, str]


def ensure_tuned_calls(job: Job, company: Company) -> bool:
    """Make them once, when the job that made the model is there. Its own connection books, and sees what is committed:
    inside a transaction nothing is made."""
    result = Job.objects.get(pk=job.pk).result or {"days": {}}
    found = TunedModel.objects.filter(organization=company.organization, job__name=TUNED)
    tuned = found.select_related("job__validation_file", "project").first()
    if NOTE in result or tuned is None or tuned.job is None or connection.in_atomic_block:
        return False
    begun = min(tuned.created_at, tuned.job.finished_at or tuned.created_at)
    base = next(one.model for one in workloads_of(company) if one.project == PROJECT)
    calls = [*_evaluated(company, begun, {"base": base, "tuned": tuned.name}), *_served(company, begun, tuned.name)]
    lines = list(_lines(company, tuned.project, calls))
    with connect() as own:
        ensure_partitions(own, [call.at for call in calls])
        with own.transaction():
            book(own, lines, source=f"demo:{company.slug}:tuned")
    with transaction.atomic():
        locked = Job.objects.select_for_update().get(pk=job.pk)
        if NOTE in (locked.result or {}):
            return False
        _evaluate(company, tuned, calls, lines, base)
        locked.result = {**(locked.result or {"days": {}}), NOTE: len(lines)}
        locked.save(update_fields=["result", "updated_at"])
    return True


# ---- calls -----------------------------------------------------------------------------------------------------------
def _evaluated(company: Company, begun: datetime, models: dict[str, str]) -> Iterator[Asked]:
    """Every held-out ticket asked of both, some seconds apart."""
    tags = {"evaluation": str(_evaluation_id(company))}
    for number, _ in enumerate(_held_out(company)):
        for place, (side, model) in enumerate(models.items()):
            at = begun + timedelta(minutes=5, seconds=2 * number + place)
            yield Asked(f"evaluation/{number}/{side}", at, model, side, tags)


def _served(company: Company, begun: datetime, model: str) -> Iterator[Asked]:
    """From an hour after the evaluation until the end of the demo, by day more than by night."""
    chance = random.Random(f"{company.seed}/tuned calls")
    at, number = begun + timedelta(hours=1), 0
    while at < company.calendar.until - timedelta(seconds=30):
        yield Asked(f"served/{number}", at, model, "tuned", {"queue": chance.choice(("email", "web"))})
        pause = 60 / AN_HOUR if 6 <= at.hour < 18 else 180 / AN_HOUR
        at, number = at + timedelta(minutes=pause * chance.uniform(0.5, 1.5)), number + 1


def _lines(company: Company, project: Project, calls: Sequence[Asked]) -> Iterator[dict[str, Any]]:
    organization = Organization.objects.get(pk=company.organization)
    prices, key = book_of(organization), next(key for key in company.keys if key.project == PROJECT)
    chance = random.Random(f"{company.seed}/tuned lines")
    for call in calls:
        digest = hashlib.sha256(f"{company.seed}/{company.slug}/{call.name}".encode()).digest()
        took = LATENCY_MS[call.side] * chance.uniform(0.7, 1.7)
        usage = {"input_tokens": _prompt(chance, call), "output_tokens": ANSWER_TOKENS}
        yield {
            "id": uuid7(ms_of(call.at), int.from_bytes(digest[:10], "big") & ((1 << 74) - 1)),
            "request_id": f"req_{digest[10:26].hex()}", "organization": organization.pk, "team": project.team_id,
            "project": project.pk, "api_key": company.key(key), "kind": LineKind.ATTEMPT.value, "endpoint": CHAT,
            "provider": OPENAI, "model_requested": call.model, "model_served": call.model, "http_status": 200,
            "status": LineStatus.OK.value, "duration_ms": round(took, 1), "usage_source": UsageSource.REPORTED.value,
            "finish_reason": "stop", "message_count": 2, "max_tokens": 16, "tag_set": call.tags, **usage,
            **columns_of(_priced(prices, organization, call, usage)),
        }  # fmt: skip


def _prompt(chance: random.Random, call: Asked) -> int:
    mean, deviation = PROMPT if call.side == "base" else TUNED_PROMPT
    return max(20, round(chance.gauss(mean, deviation)))


def _priced(prices: PriceBook, organization: Organization, call: Asked, usage: dict[str, int]) -> Any:
    return prices.price(usage, provider=OPENAI, model=call.model, at=call.at, organization=str(organization.pk))


# ---- the evaluation --------------------------------------------------------------------------------------------------
def _evaluation_id(company: Company) -> Any:
    return company.id_of("evaluation", TUNED)


def _held_out(company: Company) -> list[str]:
    """The queues of the tickets that were kept for measuring."""
    held, _ = files_of(company.seed)
    return [json.loads(line)["messages"][-1]["content"] for line in held.splitlines()]


def _evaluate(
    company: Company, tuned: TunedModel, calls: Sequence[Asked], lines: Sequence[dict[str, Any]], base: str
) -> None:
    """With its answers, their cost and their time as their lines have them."""
    assert tuned.job is not None
    file: TuningFile | None = tuned.job.validation_file
    assert file is not None
    made = [(call, line) for call, line in zip(calls, lines, strict=True) if "evaluation" in call.tags]
    contestants = [
        {"label": label, "model": model, "system": None, "temperature": 0.0, "max_tokens": 16}
        for label, model in (("base", base), ("tuned", tuned.name))
    ]
    row = Evaluation.objects.create(
        id=_evaluation_id(company), organization_id=company.organization, project=tuned.project, job=tuned.job,
        name=f"{TUNED}: tuned against {base}", file=file, contestants=contestants, metrics=["exact", "macro_f1"],
        seed=company.seed, status=EvaluationStatus.SUCCEEDED, progress=1.0, started_at=made[0][0].at,
        finished_at=made[-1][0].at + timedelta(seconds=2),
    )  # fmt: skip
    Evaluation.objects.filter(pk=row.pk).update(created_at=made[0][0].at)
    EvaluationItem.objects.bulk_create(_items(company, row, made))
    row.result = result_of(row)
    row.save(update_fields=["result"])


def _items(company: Company, row: Evaluation, made: Sequence[tuple[Asked, dict[str, Any]]]) -> Iterator[EvaluationItem]:
    chance, queues = random.Random(f"{company.seed}/answers"), _held_out(company)
    for place, (call, line) in enumerate(made):
        number, side = divmod(place, 2)
        is_right = chance.random() < RIGHT[call.side]
        others = [queue for queue in TICKETS if queue != queues[number]]
        answer = queues[number] if is_right else chance.choice(others)
        yield EvaluationItem(
            evaluation=row, line=number + 1, contestant=side, answer=credentials.encrypt(answer),
            request_id=line["request_id"], cost=None if line["cost"] is None else Decimal(line["cost"]),
            currency=line["currency"], scores={"exact": float(is_right)}, input_tokens=line["input_tokens"],
            output_tokens=line["output_tokens"], latency_ms=round(line["duration_ms"]),
        )  # fmt: skip
