"""What a job will and did cost: the estimate that is kept with it, and its price on the day it was made."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from finetuning.choices import OVER, Backend, TuningStatus
from finetuning.estimates import Estimate, Method, Rate, billable_tokens, estimate, rate_of
from finetuning.estimates.formulas import Dataset
from finetuning.estimates.price import MILLION
from finetuning.models import TuningJob
from finetuning.services.jobs.times import epochs_of
from gateway.choices import UsageSource

FREE = frozenset({Backend.LOCAL_HEAD, Backend.DICL, Backend.RUNNER})
"""Trained here or on the user's own machines: no vendor sends a bill."""
LOST = "lost"
"""`provider_status` of a job that its backend does not know any more: what it had trained by then nobody can say."""
QUANTUM = Decimal("1e-10")
HOUR_S = Decimal(3600)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Bill:
    """`quantity` of `unit` (tokens, hours) and how it is known; `rate` None: no price is known, `cost` then too."""

    quantity: Decimal
    unit: str
    source: UsageSource
    rate: Rate | None
    unit_price: Decimal | None
    cost: Decimal | None


def estimate_of(
    dataset: Dataset, *, backend: str, base_model: str, method: Method, hyperparameters: Mapping[str, Any], at: Any
) -> Estimate:
    """The estimate of a job with these hyperparameters on the day `at`."""
    epochs = hyperparameters.get("n_epochs")
    return estimate(
        dataset, provider=backend, model=base_model, method=method, at=at,
        epochs=epochs if isinstance(epochs, int) and epochs > 0 else None,
        technique=str(hyperparameters.get("technique") or ""),
    )  # fmt: skip


def estimate_dict(found: Estimate) -> dict[str, Any]:
    """As it is kept with the job and shown: money as text, the price row with its source and day."""
    return {
        "epochs": found.epochs, "epochs_by": found.epochs_by, "tokens_per_epoch": found.tokens_per_epoch,
        "billable_tokens": found.billable_tokens, "is_exact": found.is_exact, "training": _text(found.training),
        "lower": _text(found.lower), "upper": _text(found.upper),
        "hosting_per_month": _text(found.hosting_per_month), "grader": None,
        "currency": found.rate.currency if found.rate else "USD", "rate": found.rate and rate_dict(found.rate),
        "notes": [{"code": note.code, "message": note.message} for note in found.notes],
    }  # fmt: skip


def rate_dict(rate: Rate) -> dict[str, Any]:
    return {
        "id": rate_id(rate), "model": rate.model, "amount": f"{rate.amount:f}", "per": rate.per,
        "currency": rate.currency, "technique": rate.technique, "source": rate.source,
        "read_on": rate.read_on.isoformat(), "confidence": rate.confidence.value,
        "hosting_per_hour": f"{rate.hosting_per_hour:f}", "hosting_note": rate.hosting_note,
    }  # fmt: skip


def rate_id(rate: Rate, meter: str = "training") -> str:
    """As charges of the ledger name it; `gateway.services.rates` reads it."""
    technique = f":{rate.technique}" if rate.technique else ""
    return f"finetuning@{rate.read_on}:{rate.provider}/{rate.model}/{rate.method}:{meter}{technique}"


def rate_for(job: TuningJob) -> Rate | None:
    """The price row on the day the job was made."""
    technique = str(job.hyperparameters.get("technique") or "")
    return rate_of(job.backend, job.base_model, Method(job.method), at=job.created_at.date(), technique=technique)


def projected_tokens(job: TuningJob) -> int | None:
    """What will be billed if it runs to its end, with the epochs as they are known now; None: not known."""
    if job.billed_tokens is not None:
        return job.billed_tokens
    per_epoch, epochs = (job.estimate or {}).get("tokens_per_epoch"), epochs_of(job)
    if job.method == Method.REINFORCEMENT or not per_epoch or not epochs:
        return (job.estimate or {}).get("billable_tokens")
    return billable_tokens(Dataset([per_epoch]), provider=job.backend, epochs=epochs)


def projected_cost(job: TuningJob) -> Decimal | None:
    """Money for `projected_tokens`; None without a price of tokens."""
    rate, tokens = rate_for(job), projected_tokens(job)
    if job.backend in FREE:
        return Decimal(0)
    if rate is None or tokens is None or rate.per != "1M tokens":
        return None
    return (tokens * rate.amount / MILLION).quantize(QUANTUM, ROUND_HALF_EVEN)


def bill_of(job: TuningJob) -> Bill:
    """What a job that is over cost.

    Tokens: as the provider billed them (Azure says so in an event alone); else its `trained_tokens`, but on Azure,
    where they are not what is billed; else our own count. A job that failed costs nothing, but what one costs that its
    backend lost is not known; one that was cancelled costs what it had trained, by its progress where nothing was told.
    Reinforcement: its seconds at the price of an hour, rounded to cents
    (https://help.openai.com/en/articles/11323177).
    """
    rate = rate_for(job)
    if job.backend in FREE:
        return Bill(Decimal(job.trained_tokens or 0), "tokens", UsageSource.COUNTED, None, Decimal(0), Decimal(0))
    if rate is not None and rate.per == "hour":
        return _by_time(job, rate)
    tokens, source = _tokens(job)
    if tokens is None:
        return Bill(Decimal(0), "tokens", source, rate, None, None)
    if tokens == 0:
        return Bill(Decimal(0), "tokens", source, rate, Decimal(0), Decimal(0))
    if rate is None:
        return Bill(Decimal(tokens), "tokens", source, None, None, None)
    price = rate.amount / MILLION
    return Bill(Decimal(tokens), "tokens", source, rate, price, (tokens * price).quantize(QUANTUM, ROUND_HALF_EVEN))


def _tokens(job: TuningJob) -> tuple[int | None, UsageSource]:
    assert job.status in OVER
    if job.billed_tokens is not None:
        return job.billed_tokens, UsageSource.REPORTED
    if job.status == TuningStatus.FAILED:
        return None if job.provider_status == LOST else 0, UsageSource.COUNTED
    if job.trained_tokens is not None and job.backend != Backend.AZURE:
        return job.trained_tokens, UsageSource.REPORTED
    tokens = projected_tokens(job)
    if tokens is None or job.status == TuningStatus.SUCCEEDED:
        return tokens, UsageSource.ESTIMATED
    return int(tokens * job.progress), UsageSource.ESTIMATED


def _by_time(job: TuningJob, rate: Rate) -> Bill:
    """From the first step to the end; the queue is free, and so is a job that failed. Azure rounds hours to two
    decimals (https://learn.microsoft.com/azure/foundry/openai/how-to/fine-tuning-cost-management). Not known: of one
    that succeeded without a word of when it began, and of one that its backend lost."""
    hours = Decimal(0)
    has_begun_unseen = job.status == TuningStatus.SUCCEEDED and job.started_at is None
    if has_begun_unseen or job.provider_status == LOST:
        return Bill(hours, "hours", UsageSource.ESTIMATED, rate, None, None)
    if job.status != TuningStatus.FAILED and job.started_at and job.finished_at:
        hours = max(hours, Decimal((job.finished_at - job.started_at).total_seconds()) / HOUR_S)
    if job.backend == Backend.AZURE:
        hours = hours.quantize(CENT, ROUND_HALF_EVEN)
    cost = (hours * rate.amount).quantize(CENT, ROUND_HALF_EVEN)
    return Bill(hours.quantize(QUANTUM), "hours", UsageSource.ESTIMATED, rate, rate.amount, cost)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
