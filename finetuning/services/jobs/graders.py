"""Models that grade answers while a reinforcement job trains: what they read and wrote, and what that costs.

Source: OpenAI, "Reinforcement fine-tuning", appendix "Training metrics": the event of each step has
`model_graders_token_usage`, by model the tokens of all samples of that step. They are billed as calls of that model
beside the hours of training (https://help.openai.com/en/articles/11323177; Azure, "Fine-tuning cost management").
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from costs.bookshelf import book_of
from costs.pricing import Priced
from costs.pricing.listing import canonical_provider
from finetuning.choices import TuningStatus
from finetuning.estimates import Method
from finetuning.models import JobEvent, TuningJob
from gateway.models import Organization, Provider

USAGE = "model_graders_token_usage"
PARTS = ("train", "eval")
FORMER_JOBS = 5
"""The newest, from which the next is reckoned."""
MODEL_GRADERS = frozenset({"score_model", "label_model"})


@dataclass(frozen=True, slots=True)
class Graded:
    """Tokens of one model that graded: `prompt` has the `cached` ones in it."""

    model: str
    prompt: int
    cached: int
    completion: int

    @property
    def usage(self) -> dict[str, int]:
        """As the price book reads it."""
        return {
            "input_tokens": self.prompt, "cache_read_tokens": self.cached, "output_tokens": self.completion
        }  # fmt: skip


def graders_of(grader: object) -> list[str]:
    """Models that a job's grader asks, each once; none where it compares texts or runs code."""
    if not isinstance(grader, Mapping):
        return []
    inner = grader.get("graders")
    if grader.get("type") == "multi" and isinstance(inner, Mapping):
        return sorted({model for one in inner.values() for model in graders_of(one)})
    model = grader.get("model")
    return [model] if grader.get("type") in MODEL_GRADERS and isinstance(model, str) and model else []


def graded_of(job: TuningJob) -> list[Graded]:
    """What the provider stated of each model over all steps, by name; a step that was told twice counts once, as it was
    told last. One query."""
    if job.method != Method.REINFORCEMENT:
        return []
    steps: dict[Any, Mapping[str, Any]] = {}
    rows = JobEvent.objects.filter(job=job, data__has_key=USAGE).order_by("at", "created_at")
    for data in rows.values_list("data", flat=True):
        if isinstance(data[USAGE], Mapping):
            steps[data.get("step")] = data[USAGE]
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for usage in steps.values():
        for model, told in usage.items():
            for place, kind in enumerate(("prompt", "cached", "completion")):
                sums[model][place] += sum(_count(told, f"{part}_{kind}_tokens") for part in PARTS)
    return [Graded(model[:200], *sums[model]) for model in sorted(sums)]


def _count(told: object, name: str) -> int:
    value = told.get(name) if isinstance(told, Mapping) else None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0


def price_of(job: TuningJob, graded: Graded) -> Priced:
    """By the organization's book when the job ended; `total` None: no price of the grader is known. Three queries."""
    return _priced(job.organization, job.provider, job.backend, graded, job.finished_at)


def _priced(organization: Organization, provider: Provider | None, backend: str, graded: Graded, at: Any) -> Priced:
    listed = (provider.price_list or provider.kind) if provider is not None else backend
    return book_of(organization).price(
        graded.usage, provider=canonical_provider(listed), model=graded.model, at=at, organization=str(organization.pk)
    )


def lines_of(job: TuningJob) -> Iterator[tuple[Graded, Priced]]:
    """What is booked of a job that is over: nothing of one that failed, which vendors do not bill."""
    if job.status != TuningStatus.FAILED:
        for graded in graded_of(job):
            yield graded, price_of(job, graded)


@dataclass(frozen=True, slots=True)
class GraderEstimate:
    """`cost` None: not known, `note` says why; `jobs`: own finished jobs whose graders it is reckoned from."""

    models: tuple[str, ...]
    cost: Decimal | None
    currency: str
    jobs: int
    note: str

    @property
    def told(self) -> dict[str, Any]:
        """As it is kept with a job and answered: money as text."""
        return {
            "models": list(self.models), "cost": None if self.cost is None else f"{self.cost:f}",
            "currency": self.currency, "jobs": self.jobs, "note": self.note,
        }  # fmt: skip


def estimate_grader(
    *, organization: Organization, provider: Provider | None, backend: str, grader: object, examples: int, at: Any
) -> GraderEstimate | None:  # fmt: skip
    """What a job over so many examples will pay its graders, by the tokens an example that own finished jobs with the
    same graders stated; None where no model grades. At most five queries."""
    models = tuple(graders_of(grader))
    if not models:
        return None
    former = (job for job in _former(organization, backend) if tuple(graders_of(_grader(job))) == models)
    known = [(job, graded) for job in former if (graded := graded_of(job)) and job.training_file.lines]
    if not known:
        note = "What its graders will read and write is known once a job with the same graders has run."
        return GraderEstimate(models, None, "USD", 0, note)
    trained = sum(job.training_file.lines or 0 for job, _ in known)
    total, currencies = Decimal(0), set[str]()
    for model in models:
        rows = [one for _, graded in known for one in graded if one.model == model]
        sums = (sum(getattr(one, part) for one in rows) for part in ("prompt", "cached", "completion"))
        expected = Graded(model, *(round(amount * examples / trained) for amount in sums))
        priced = _priced(organization, provider, backend, expected, at)
        if priced.total is None:
            return GraderEstimate(models, None, "USD", len(known), f"No price of the grader {model} is known.")
        total += priced.total
        currencies.add(priced.currency)
    if len(currencies) > 1:
        return GraderEstimate(models, None, "USD", len(known), "Its graders are billed in several currencies.")
    note = f"By the tokens an example of {len(known)} own job{'s' if len(known) > 1 else ''} with the same graders."
    return GraderEstimate(models, total, currencies.pop(), len(known), note)


def _grader(job: TuningJob) -> object:
    return job.hyperparameters.get("grader")


def _former(organization: Organization, backend: str) -> list[TuningJob]:
    rows = TuningJob.objects.filter(
        organization=organization, backend=backend, method=Method.REINFORCEMENT, status=TuningStatus.SUCCEEDED
    )  # fmt: skip
    return list(rows.select_related("training_file").order_by("-finished_at")[:FORMER_JOBS])
