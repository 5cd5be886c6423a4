"""The estimate of one job: tokens, money, and what stands in its way."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finetuning.estimates.formulas import Dataset, Method, billable_tokens, default_epochs
from finetuning.estimates.rates import Rate, rate_of, sunset_of

MILLION = Decimal(1_000_000)
HOURS_A_MONTH = Decimal(730)
PER_TOKENS = "1M tokens"
FEWEST_EXAMPLES = {"openai": 10, "azure": 10, "fireworks": 3}
"""Of a file that the vendor takes; all others train on one."""


def fewest_examples(provider: str) -> int:
    """How many a file must have there, for training or for validation."""
    return FEWEST_EXAMPLES.get(provider, 1)


@dataclass(frozen=True, slots=True)
class Note:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """`training` None: the price, or what it is billed by, is not known; `notes` say why. `lower`, `upper`: `training`
    within the error of the token count. `blocked_by`: why the provider would refuse the job today."""

    provider: str
    model: str
    method: Method
    epochs: int
    epochs_by: str
    tokens_per_epoch: int
    billable_tokens: int | None
    is_exact: bool
    rate: Rate | None
    training: Decimal | None
    lower: Decimal | None
    upper: Decimal | None
    hosting_per_month: Decimal | None
    notes: tuple[Note, ...]
    blocked_by: tuple[Note, ...]


def estimate(
    dataset: Dataset, *, provider: str, model: str, method: Method, at: date, epochs: int | None = None,
    technique: str = "", max_tokens: int | None = None, evaluations: int = 0, packs: bool = True,
    rate: Rate | None = None,
) -> Estimate:  # fmt: skip
    """Price a job on the day `at`. `rate`: an own row that stands before the list."""
    if not dataset.tokens:
        raise ValueError("The training file has no example.")
    count, by = (epochs, "given") if epochs else (default_epochs(len(dataset.tokens)), "rule")
    row = rate or rate_of(provider, model, method, at=at, technique=technique)
    notes = []
    billed = None
    if method is Method.REINFORCEMENT:
        notes.append(Note("billed_by_time", "Reinforcement jobs are billed by the time they train, plus their grader."))
    else:
        billed = billable_tokens(
            dataset, provider=provider, epochs=count, max_tokens=max_tokens, evaluations=evaluations, packs=packs
        )
    if row is None:
        notes.append(Note("unknown_price", f"No price for tuning {model} at {provider} is known."))
    elif method is not Method.REINFORCEMENT and row.per != PER_TOKENS:
        notes.append(Note("billed_by_time", f"This price is for each {row.per} of training, not for tokens."))
    if not dataset.is_exact:
        notes.append(Note("tokens_estimated", f"Tokens are estimated; they may be {dataset.error:.0%} more or less."))
    training = None
    if row is not None and billed is not None and row.per == PER_TOKENS:
        training = billed * row.amount / MILLION
    error = Decimal(str(dataset.error))
    return Estimate(
        provider, model, method, count, by, sum(dataset.tokens), billed, dataset.is_exact, row, training,
        None if training is None else training * (1 - error), None if training is None else training * (1 + error),
        None if row is None else row.hosting_per_hour * HOURS_A_MONTH, tuple(notes),
        tuple(_blocks(dataset, provider, model, at, max_tokens)),
    )  # fmt: skip


def _blocks(dataset: Dataset, provider: str, model: str, at: date, max_tokens: int | None) -> list[Note]:
    found = []
    fewest = fewest_examples(provider)
    if len(dataset.tokens) < fewest:
        found.append(
            Note(
                "too_few_examples", f"{provider} wants at least {fewest} examples; the file has {len(dataset.tokens)}."
            )
        )
    sunset = sunset_of(provider, model)
    if sunset and sunset.new_jobs_until and at >= sunset.new_jobs_until:
        found.append(
            Note("sunset", f"No new job of {model} can be made since {sunset.new_jobs_until} ({sunset.source}).")
        )
    longer = sum(1 for count in dataset.tokens if max_tokens and count > max_tokens)
    if longer:
        found.append(Note("over_context", f"{longer} examples are longer than {max_tokens} tokens and would be cut."))
    return found
