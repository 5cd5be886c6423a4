"""Templates as people see them: a scenario with what it would cost and what became of jobs that were made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.db.models import Count, Q

from finetuning.answers.estimates import NO_BILL
from finetuning.answers.profiles import profile_of
from finetuning.choices import Backend, TuningStatus
from finetuning.estimates import Dataset, Method, estimate, sunset_of
from finetuning.models import TuningJob
from finetuning.scenarios import SCENARIOS, Candidate, Scenario, sample_of
from gateway.models import Organization


@dataclass(frozen=True, slots=True)
class Template:
    """`lower`, `upper`: of training, None when no backend's price is known; `unknown`: backends without one."""

    scenario: Scenario
    candidates: tuple[tuple[Candidate, date | None], ...]
    sample: tuple[str, ...]
    lower: Decimal | None
    upper: Decimal | None
    unknown: tuple[str, ...]
    usage_count: int
    success_rate: float | None


def templates(
    user: Any, organization: Organization, now: datetime, *, backend: str = "", use_case: str = ""
) -> list[Template]:
    """Those with a candidate at `backend` and of `use_case` (an id, a category, or a word of the text). One
    statement."""
    used = {
        row["template"]: row
        for row in TuningJob.objects.visible_to(user)
        .filter(organization=organization)
        .exclude(template="")
        .values("template")
        .annotate(
            jobs=Count("id"),
            succeeded=Count("id", filter=Q(status=TuningStatus.SUCCEEDED)),
            failed=Count("id", filter=Q(status=TuningStatus.FAILED)),
        )
    }
    chosen = [one for one in SCENARIOS if _fits(one, backend, use_case.strip().lower())]
    return [_template(one, used.get(one.id, {}), now.date()) for one in chosen]


def _fits(scenario: Scenario, backend: str, use_case: str) -> bool:
    if backend and not any(one.backend == backend for one in scenario.candidates):
        return False
    text = f"{scenario.name} {scenario.use_case}".lower()
    return not use_case or use_case in (scenario.id, scenario.category) or use_case in text


def _template(scenario: Scenario, used: Mapping[str, int], today: date) -> Template:
    lines = [orjson.dumps(line) for line in sample_of(scenario.id)]
    known: list[Decimal] = []
    unknown = []
    if scenario.method != Method.REINFORCEMENT:  # billed by time, which no file tells
        for candidate in scenario.candidates:
            amounts = _training(scenario, candidate, lines, today)
            if amounts is None:
                unknown.append(candidate.backend)
            else:
                known += amounts
    judged = used.get("succeeded", 0) + used.get("failed", 0)
    ends = ((one, sunset_of(one.backend, one.model)) for one in scenario.candidates)
    return Template(
        scenario, tuple((one, end.new_jobs_until if end else None) for one, end in ends),
        tuple(line.decode() for line in lines), min(known, default=None), max(known, default=None), tuple(unknown),
        used.get("jobs", 0), used.get("succeeded", 0) / judged if judged else None,
    )  # fmt: skip


def _training(
    scenario: Scenario, candidate: Candidate, lines: list[bytes], today: date
) -> tuple[Decimal, Decimal] | None:
    """Of the fewest and of the usual number of lines as long as the sample's."""
    model = "" if candidate.backend == Backend.DICL else candidate.model
    tokens = profile_of(lines, model).dataset.tokens
    amounts = []
    for rows in scenario.rows:
        dataset = Dataset([round(sum(tokens) / len(tokens))] * rows)
        found = estimate(
            dataset, provider=candidate.backend, model=candidate.model, method=scenario.method, at=today,
            epochs=scenario.epochs, technique=candidate.technique, rate=NO_BILL.get(Backend(candidate.backend)),
        )  # fmt: skip
        if found.training is None:
            return None
        amounts.append(found.training)
    return amounts[0], amounts[1]
