"""A base model and a tuned one: what evaluations recorded, and what they cost and take in live traffic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q

from analytics.answers.questions import Questions
from analytics.query import Filter, Query
from finetuning.answers.hosting import Upkeep, upkeep_of
from finetuning.choices import EvaluationStatus
from finetuning.estimates import BreakEven, break_even
from finetuning.models import Evaluation, TunedModel
from gateway.models import Model, Route
from gateway.services.errors import NotFound

WINDOW = timedelta(days=30)
LOOKED_AT = 200
THOUSAND = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class Live:
    """Of the last 30 days, as far as the asker sees them. Costs None: no requests, or none with a known price."""

    model: str
    requests: int
    errors: int
    cost: Decimal
    cost_per_1k: Decimal | None
    latency_p50: float | None
    latency_p95: float | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """An evaluation in which both took part, and their numbers among its contestants."""

    evaluation: Evaluation
    base: int
    tuned: int


@dataclass(frozen=True, slots=True)
class Versus:
    """`recorded` None: they were never evaluated together, so nothing is said of their quality. `upkeep`: of the tuned
    model; None when it is none of the organization's that the asker sees."""

    base: Live
    tuned: Live
    recorded: Recorded | None
    verdict: str
    pays: BreakEven | None
    upkeep: Upkeep | None
    notes: tuple[str, ...]


def versus(questions: Questions, base: str, tuned: str, now: datetime) -> Versus:
    """Three statements besides the scope's; three more for a name without requests. Raises `NotFound` for a name that
    nothing here has or had."""
    live = {name: _live(questions, name, now) for name in (base, tuned)}
    evaluations = _evaluations(questions)
    recorded = _recorded(evaluations, base, tuned)
    for field, name in (("base_model_id", base), ("fine_tuned_model_id", tuned)):
        if not live[name].requests and recorded is None and not _is_known(questions, name, evaluations):
            raise NotFound("model_not_found", f"There is no model {name} here, and there was none.", field=field)
    notes, verdict = [], "cannot_tell"
    if recorded is None:
        notes.append("They were never evaluated on the same items: nothing can be said of their quality.")
    elif recorded.base != 0:
        notes.append("The evaluation held both against a third model, not against each other.")
    else:
        said = {one["contestant"]: one for one in (recorded.evaluation.result or {}).get("verdict", ())}
        found = said.get(recorded.tuned)
        verdict = found["verdict"] if found else "cannot_tell"
        if found and found["few"]:
            notes.append("Fewer than 100 items rarely decide.")
        if found and found["regressed"]:
            notes.append("On general prompts it became worse.")
    row = _tuned(questions, tuned)
    upkeep = None if row is None else upkeep_of(row, now)
    pays = None if row is None or upkeep is None else _pays(questions, live[base], live[tuned], row, upkeep)
    return Versus(live[base], live[tuned], recorded, verdict, pays, upkeep, tuple(notes))


def _live(questions: Questions, model: str, now: datetime) -> Live:
    measures = ("requests", "unpriced_requests", "errors", "cost", "input_tokens", "output_tokens")
    query = Query(measures=measures, filters=(Filter("model", "in", (model,)),), start=now - WINDOW, end=now)
    totals = questions.ask(query, ("latency_p50", "latency_p95")).totals
    requests, cost = int(totals["requests"] or 0), Decimal(totals["cost"] or 0)
    priced = requests - int(totals["unpriced_requests"] or 0)
    return Live(
        model, requests, int(totals["errors"] or 0), cost, cost / priced * THOUSAND if priced > 0 else None,
        _number(totals.get("latency_p50")), _number(totals.get("latency_p95")), int(totals["input_tokens"] or 0),
        int(totals["output_tokens"] or 0),
    )  # fmt: skip


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _evaluations(questions: Questions) -> list[Evaluation]:
    """The newest that are over."""
    rows = Evaluation.objects.visible_to(questions.user).filter(
        organization=questions.organization, status=EvaluationStatus.SUCCEEDED
    )
    return list(rows.order_by("-created_at")[:LOOKED_AT])


def _is_known(questions: Questions, name: str, evaluations: Sequence[Evaluation]) -> bool:
    """Whether the catalogue, the tuned models that the asker sees, or an evaluation has the name; disabled ones too."""
    if any(name == one["model"] for row in evaluations for one in row.contestants):
        return True
    offered = Q(organization=questions.organization) | Q(organization=None)
    return (
        Model.objects.filter(offered, name=name).exists()
        or Route.objects.filter(offered, alias=name).exists()
        or _tuned(questions, name) is not None
    )


def _recorded(rows: Sequence[Evaluation], base: str, tuned: str) -> Recorded | None:
    """The newest that has both; one in which the base is first stands before others."""
    found = []
    for row in rows:
        models = [one["model"] for one in row.contestants]
        if base in models and tuned in models:
            found.append(Recorded(row, models.index(base), models.index(tuned)))
    return next((one for one in found if one.base == 0), found[0] if found else None)


def _tuned(questions: Questions, name: str) -> TunedModel | None:
    rows = TunedModel.objects.visible_to(questions.user).filter(organization=questions.organization, name=name)
    return rows.select_related("job", "hosting").defer("artifact").first()


def _pays(questions: Questions, base: Live, tuned: Live, row: TunedModel, upkeep: Upkeep) -> BreakEven | None:
    """From the training's real cost, what hosting costs and what requests really cost; None while training or requests
    have no known cost, without an answer but with the reason while hosting has none, or they are of two currencies."""
    if row.job is None or row.job.cost_actual is None:
        return None
    if base.cost_per_1k is None or tuned.cost_per_1k is None:
        return None
    saved, currency = (base.cost_per_1k - tuned.cost_per_1k) / THOUSAND, questions.organization.currency
    if upkeep.per_month is None:
        return BreakEven(None, None, saved, upkeep.note)
    for what, amount, of in (("Training", row.job.cost_actual, row.job.currency),
                             ("Hosting", upkeep.per_month, upkeep.currency)):  # fmt: skip
        if amount and of != currency:
            return BreakEven(None, None, saved, f"{what} is billed in {of}, and what requests cost is in {currency}.")
    return break_even(
        training=row.job.cost_actual, hosting_per_month=upkeep.per_month, base_per_request=base.cost_per_1k / THOUSAND,
        tuned_per_request=tuned.cost_per_1k / THOUSAND, requests_per_month=base.requests + tuned.requests,
    )  # fmt: skip
