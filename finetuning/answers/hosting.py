"""What it costs to keep a tuned model deployed, whether it is called or not."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from finetuning.choices import Backend
from finetuning.estimates import Method, rate_of
from finetuning.estimates.price import HOURS_A_MONTH
from finetuning.models import TunedModel
from finetuning.services.hosting import DEVELOPER

HERE = frozenset({Backend.LOCAL_HEAD, Backend.DICL})
"""Served by the gateway itself."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Of a month of 730 hours; None: not known, `note` says why."""

    per_month: Decimal | None
    currency: str
    note: str = ""


def upkeep_of(tuned: TunedModel, at: datetime) -> Upkeep:
    """By the price row of its backend on the day `at`, and the kind of its deployment. No query when `job` and
    `hosting` are loaded."""
    if tuned.backend in HERE:
        return Upkeep(Decimal(0), "USD")
    if tuned.backend == Backend.RUNNER:
        return Upkeep(None, "USD", "What your own machines cost an hour is not known here.")
    deployed = getattr(tuned, "hosting", None)
    if deployed is not None and deployed.kind == DEVELOPER:
        return Upkeep(Decimal(0), "USD")
    if deployed is not None and deployed.per_hour is not None:
        return Upkeep(deployed.per_hour * HOURS_A_MONTH, "USD")
    method = Method(tuned.job.method) if tuned.job is not None else Method.SUPERVISED
    rate = rate_of(tuned.backend, tuned.base_model, method, at=at.date())
    if rate is None:
        return Upkeep(None, "USD", f"No price of hosting {tuned.base_model} at {tuned.backend} is known.")
    if rate.hosting_per_hour or not rate.hosting_note:
        return Upkeep(rate.hosting_per_hour * HOURS_A_MONTH, rate.currency)
    return Upkeep(None, rate.currency, f"What its hosting costs is not known. {rate.hosting_note}")
