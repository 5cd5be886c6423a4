"""What fine-tuning costs: training, graders, hosting and calls of tuned models, from the ledger to the last digit."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from analytics.answers.questions import Questions
from analytics.query import Filter, Group, Query
from finetuning.answers.exchange import Exchange
from finetuning.choices import TuningStatus
from finetuning.models import TunedModel, TuningJob
from gateway.choices import LineKind

KINDS = (LineKind.TRAINING, LineKind.GRADER, LineKind.HOSTING)
DIMENSIONS = ("kind", "provider", "model", "team", "project")
GROUPS = 1_000
INFERENCE = "inference"
ZERO = Decimal(0)
PARTS = ("training", "grader", "hosting", INFERENCE)


@dataclass(slots=True)
class Sums:
    """Money by part, and the requests to tuned models."""

    parts: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(PARTS, Decimal(0)))
    requests: int = 0

    @property
    def total(self) -> Decimal:
        return sum(self.parts.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class JobCost:
    """`grader`: of the models that graded it, beside its `cost`; both in the currency of the breakdown, None where no
    rate to it was stated; `wasted`: why this training served nothing, or empty."""

    job: TuningJob
    cost: Decimal | None
    wasted: str
    grader: Decimal | None = Decimal(0)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`by_*`: value of the dimension → its sums. `jobs`: trainings that ended in the window. `not_of_jobs`: training in
    the ledger that no job of these explains, such as imported bills; zero when the two agree. `wasted`: training
    and graders of jobs that failed, were cancelled or repeated another, and hosting of models that nobody called."""

    currency: str
    sums: Sums
    by_provider: Mapping[str, Sums]
    by_model: Mapping[str, Sums]
    by_team: Mapping[str, Sums]
    by_project: Mapping[str, Sums]
    jobs: Sequence[JobCost]
    not_of_jobs: Decimal
    wasted: Mapping[str, Decimal]


def breakdown(questions: Questions, start: datetime, end: datetime) -> Breakdown:
    """Of `[start, end)`, as far as the asker sees it. Five statements besides the scope's."""
    asked = Query(measures=("requests", "cost"), dimensions=DIMENSIONS, start=start, end=end, limit=GROUPS)
    billed = questions.ask(replace(asked, filters=(Filter("kind", "in", KINDS),)))
    groups = [(str(group.dimensions["kind"]), group) for group in billed.groups]
    names = _tuned_names(questions, asked)
    if names:
        filters = (Filter("model", "in", names), Filter("kind", "not_in", KINDS))
        groups += [(INFERENCE, group) for group in questions.ask(replace(asked, filters=filters)).groups]
    totals, by = Sums(), {name: defaultdict[str, Sums](Sums) for name in DIMENSIONS}
    for part, group in groups:
        _add(totals, part, group)
        for name in DIMENSIONS[1:]:
            _add(by[name][str(group.dimensions.get(name) or "")], part, group)
    jobs = _jobs(questions, start, end)
    explained = sum((one.cost for one in jobs if one.cost is not None), Decimal(0))
    wasted = _wasted(jobs)
    idle = sum((sums.parts["hosting"] for sums in by["model"].values() if not sums.requests), Decimal(0))
    if idle:
        wasted["idle_hosting"] = idle
    return Breakdown(
        questions.organization.currency, totals, by["provider"], by["model"], by["team"], by["project"], jobs,
        totals.parts["training"] - explained, wasted,
    )  # fmt: skip


def _tuned_names(questions: Questions, asked: Query) -> tuple[str, ...]:
    """Of tuned models that are known here, and of whatever else is called `ft:…`."""
    known = TunedModel.objects.visible_to(questions.user).filter(organization=questions.organization)
    query = replace(
        asked, measures=("requests",), dimensions=("model",), filters=(Filter("model", "contains", ("ft:",)),)
    )
    called = {str(group.dimensions["model"]) for group in questions.ask(query).groups if group.dimensions["model"]}
    return tuple(sorted({*known.values_list("name", flat=True), *called}))


def _add(sums: Sums, part: str, group: Group) -> None:
    sums.parts[part] += Decimal(group.measures["cost"] or 0)
    if part == INFERENCE:
        sums.requests += int(group.measures["requests"] or 0)


def _jobs(questions: Questions, start: datetime, end: datetime) -> list[JobCost]:
    rows: Iterable[TuningJob] = (
        TuningJob.objects.visible_to(questions.user)
        .filter(organization=questions.organization, finished_at__gte=start, finished_at__lt=end)
        .exclude(cost_actual=None)
        .select_related("training_file", "project", "created_by")
        .order_by("finished_at")
    )  # fmt: skip
    seen: set[tuple[str, ...]] = set()
    found = []
    kept = Exchange(questions.organization)
    for job in rows:
        same = (
            job.backend, job.base_model, job.method, job.training_file.sha256, str(sorted(job.hyperparameters.items())),
            str(job.seed),
        )  # fmt: skip
        why = job.status if job.status in (TuningStatus.FAILED, TuningStatus.CANCELLED) else ""
        if not why and job.status == TuningStatus.SUCCEEDED:
            why = "repeated" if same in seen else ""
            seen.add(same)
        assert job.finished_at is not None
        day = job.finished_at.astimezone(UTC).date()
        cost, grader = (kept.of(amount, job.currency, day) for amount in (job.cost_actual, job.grader_cost or ZERO))
        found.append(JobCost(job, cost, why, grader))
    return sorted(found, key=lambda one: one.cost or ZERO, reverse=True)


def _wasted(jobs: Iterable[JobCost]) -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for one in jobs:
        if one.wasted and (one.cost or one.grader):
            found[one.wasted] += (one.cost or ZERO) + (one.grader or ZERO)
    return dict(found)
