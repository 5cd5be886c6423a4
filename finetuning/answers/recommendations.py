"""Whether tuning pays for the organization's own traffic, and what to do instead where it does not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q

from analytics.answers.questions import Questions
from analytics.query import Filter, Query
from finetuning.answers.estimates import NO_BILL, RequestPrices, Wish, inference_per_1k
from finetuning.answers.exchange import LISTS
from finetuning.answers.sunsets import Row, radar
from finetuning.choices import Backend
from finetuning.estimates import BreakEven, Dataset, Estimate, break_even, estimate
from finetuning.scenarios import SCENARIOS, Candidate, Scenario
from gateway.choices import LineKind
from gateway.models import LoggedBody, Project, Provider, QualityScore

WINDOW = timedelta(days=30)
SLICES = 20
FEWEST_REQUESTS = 100
SHORT_ANSWER = 12
"""Mean tokens of an answer that may be one of a closed set of labels."""
PAYS_WITHIN_MONTHS = Decimal(6)
THOUSAND = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing for a training file: `have` of `need`."""

    code: str
    message: str
    have: int
    need: int


@dataclass(frozen=True, slots=True)
class Advice:
    """`kind`: tune, try_locally, migrate or do_not_tune. `saving_per_month`: at the traffic of the last 30 days, before
    training; None: a price is not known. `evidence`: sentences with the numbers they rest on."""

    id: str
    kind: str
    title: str
    use_case: str
    project: str
    project_name: str
    model: str
    backend: str
    candidate: str
    requests_per_month: int
    cost_per_month: Decimal
    training: Decimal | None
    saving_per_month: Decimal | None
    break_even: BreakEven | None
    evidence: tuple[str, ...]
    gaps: tuple[Gap, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Slice:
    project: str
    name: str
    provider: str
    vendor: str
    model: str
    requests: int
    cost: Decimal
    prompt: int
    answer: int


def recommendations(questions: Questions, now: datetime, *, use_case: str = "") -> list[Advice]:
    """For each of the dearest uses of a model by a project the best option, those that save most first; models with a
    last day before all. `use_case`: of one scenario alone."""
    scenarios = [one for one in SCENARIOS if not use_case or one.id == use_case]
    names = {one.id for one in scenarios}
    found: list[Advice] = []
    slices = _slices(questions, now)
    have, prices = _have(questions, slices, now), RequestPrices(questions.organization, now)
    if "migration" in names:
        found += [_migrate(row) for row in radar(questions, now) if row.answers_until and row.requests and row.is_tuned]
    for one in slices:
        options = [advice for scenario in scenarios for advice in _options(prices, one, scenario, have)]
        if options:
            found.append(max(options, key=_worth))
        elif not use_case or use_case in ("classification", "distillation"):
            found.append(_no_option(one))
    order = {"migrate": 0, "tune": 1, "try_locally": 1, "do_not_tune": 2}
    return sorted(found, key=lambda one: (order[one.kind], -(one.saving_per_month or 0), -one.cost_per_month))


def _slices(questions: Questions, now: datetime) -> list[_Slice]:
    """The dearest pairs of project and model, of calls alone."""
    query = Query(
        measures=("requests", "cost", "input_tokens", "output_tokens"), dimensions=("project", "provider", "model"),
        filters=(Filter("kind", "in", (LineKind.ATTEMPT,)),), start=now - WINDOW, end=now, order="-cost", limit=SLICES,
    )  # fmt: skip
    groups = [group for group in questions.ask(query).groups if not group.is_other and group.dimensions["model"]]
    projects = {str(row.pk): row.name for row in Project.objects.visible_to(questions.user)}
    lists = {
        row.slug: row.price_list or row.kind
        for row in Provider.objects.filter(Q(organization=questions.organization) | Q(organization=None))
    }
    found = []
    for group in groups:
        requests = int(group.measures["requests"] or 0)
        if requests < FEWEST_REQUESTS:
            continue
        project, provider = str(group.dimensions["project"] or ""), str(group.dimensions["provider"] or "")
        found.append(
            _Slice(
                project, projects.get(project, project), provider, lists.get(provider, provider),
                str(group.dimensions["model"]), requests, Decimal(group.measures["cost"] or 0),
                round(int(group.measures["input_tokens"] or 0) / requests),
                round(int(group.measures["output_tokens"] or 0) / requests),
            )
        )  # fmt: skip
    return found


def _have(questions: Questions, slices: Iterable[_Slice], now: datetime) -> Mapping[str, tuple[int, int]]:
    """Project → logged requests and scores of the window, which training files are made of."""
    projects = {one.project for one in slices if one.project}
    since = now - WINDOW
    organization = questions.organization.pk
    bodies: Any = LoggedBody.objects.filter(organization=organization, project__in=projects, logged_at__gte=since)
    scores: Any = QualityScore.objects.filter(organization=organization, project__in=projects, created_at__gte=since)
    logged = {str(row["project"]): row["n"] for row in bodies.values("project").annotate(n=Count("id"))}
    scored = {str(row["project"]): row["n"] for row in scores.values("project").annotate(n=Count("id"))}
    return {project: (logged.get(project, 0), scored.get(project, 0)) for project in projects}


def _options(
    prices: RequestPrices, one: _Slice, scenario: Scenario, have: Mapping[str, tuple[int, int]]
) -> list[Advice]:  # fmt: skip
    if scenario.id == "classification":
        if one.answer > SHORT_ANSWER:
            return []
    elif scenario.id != "distillation":
        return []  # what calls are for is not seen in the ledger: these scenarios are chosen by people
    found = []
    for candidate in scenario.candidates:
        advice = _option(prices, one, scenario, candidate, have)
        if advice is not None:
            found.append(advice)
    return found


def _option(
    prices: RequestPrices, one: _Slice, scenario: Scenario, candidate: Candidate,
    have: Mapping[str, tuple[int, int]],
) -> Advice | None:  # fmt: skip
    backend = Backend(candidate.backend)
    model = one.model if backend == Backend.DICL else candidate.model
    wish = Wish(backend, model, scenario.method, candidate.technique, scenario.epochs)
    inference, _ = inference_per_1k(prices, wish, one.prompt, one.answer)
    base = prices.per_1k(one.vendor, one.model, one.prompt, one.answer)
    if inference is None or base is None or backend == Backend.DICL:
        return None  # dicl makes prompts longer: it buys quality, not money
    rows = scenario.rows[1]
    bill = _bill(wish, rows, one, prices.at)
    if bill.blocked_by:
        return None
    currency = bill.rate.currency if bill.rate is not None else LISTS
    training, hosting = (prices.kept(one, currency) for one in (bill.training, bill.hosting_per_month or Decimal(0)))
    if hosting is None:
        return None  # nothing can be said without an exchange rate
    gaps = _gaps(one, scenario, rows, have)
    pays = None
    if training is not None:
        pays = break_even(
            training=training, hosting_per_month=hosting, base_per_request=base / THOUSAND,
            tuned_per_request=inference / THOUSAND, requests_per_month=one.requests,
        )  # fmt: skip
    saving = (base - inference) / THOUSAND * one.requests - hosting
    free = backend == Backend.LOCAL_HEAD
    good = saving > 0 and (free or (pays is not None and pays.months is not None and pays.months <= PAYS_WITHIN_MONTHS))
    evidence = [
        f"{one.requests:,} requests in 30 days of {one.prompt:,} prompt and {one.answer:,} answer tokens on average.",
        f"1,000 of them cost {base.normalize():f} with {one.model} and {inference.normalize():f} with the tuned model.",
    ]
    if pays is not None and pays.note:
        evidence.append(pays.note)
    elif pays is not None and pays.months is not None and not free:
        evidence.append(f"Training is earned back after {pays.months:.1f} months.")
    kind = "do_not_tune" if not good else "try_locally" if free else "tune"
    title = {
        "tune": f"Tune {model} for {one.name}",
        "try_locally": f"Try a local head for {one.name}",
        "do_not_tune": f"Do not tune for {one.name}: it does not pay",
    }[kind]
    return Advice(
        f"{one.project}:{one.model}:{backend}:{model}", kind, title, scenario.id, one.project, one.name, one.model,
        backend.value, model, one.requests, one.cost, training, saving, pays, tuple(evidence), gaps,
    )  # fmt: skip


def _bill(wish: Wish, rows: int, one: _Slice, now: datetime) -> Estimate:
    dataset = Dataset([one.prompt + one.answer] * rows)
    return estimate(
        dataset, provider=wish.backend, model=wish.model, method=wish.method, at=now.date(), epochs=wish.epochs,
        technique=wish.technique, rate=NO_BILL.get(Backend(wish.backend)),
    )  # fmt: skip


def _gaps(one: _Slice, scenario: Scenario, rows: int, have: Mapping[str, tuple[int, int]]) -> tuple[Gap, ...]:
    logged, scored = have.get(one.project, (0, 0))
    found = []
    if logged < rows:
        found.append(Gap("bodies", f"{logged:,} logged requests of {rows:,} wanted lines.", logged, rows))
    if scored < rows and scenario.id == "distillation":
        found.append(Gap("feedback", f"{scored:,} scores: good answers cannot be told from bad ones.", scored, rows))
    return tuple(found)


def _no_option(one: _Slice) -> Advice:
    text = "No tuned model of a known price answers these requests."
    return Advice(
        f"{one.project}:{one.model}", "do_not_tune", f"Do not tune for {one.name}: shorten its prompts first",
        "", one.project, one.name, one.model, "", "", one.requests, one.cost, None, None, None,
        (f"{one.requests:,} requests in 30 days of {one.prompt:,} prompt tokens on average.", text),
    )  # fmt: skip


def _migrate(row: Row) -> Advice:
    return Advice(
        f"migrate:{row.model}", "migrate", f"Move away from {row.model} before {row.answers_until}", "migration",
        row.projects[0] if len(row.projects) == 1 else "", "", row.model, "", "", row.requests, row.cost, None, None,
        None,
        (f"{row.requests:,} requests in 30 days; it answers until {row.answers_until} ({row.source}).", row.advice),
    )  # fmt: skip


def _worth(advice: Advice) -> tuple[bool, Decimal]:
    return advice.kind != "do_not_tune", advice.saving_per_month or Decimal(0)
