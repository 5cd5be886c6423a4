"""Dated prices of training and hosting, and the days on which vendors switch models off. Facts, each with its source.

A model that is not here has no known price: an estimate then says so. Organizations add their own rows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from finetuning.estimates.formulas import Method


class Confidence(StrEnum):
    """`high`: the vendor's own page or several dated copies that agree; `medium`: one dated copy; `low`: unverified."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Rate:
    """`model`: a name, or a size class `<=16B` of open models. `amount`: USD per 1,000,000 trained tokens, or per hour
    of training where `per` is "hour". `technique`: lora, full, or empty where the vendor offers one alone."""

    provider: str
    model: str
    method: Method
    amount: Decimal
    source: str
    read_on: date
    confidence: Confidence
    technique: str = ""
    per: str = "1M tokens"
    valid_from: date | None = None
    valid_to: date | None = None
    hosting_per_hour: Decimal = Decimal(0)
    hosting_note: str = ""
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Sunset:
    """`new_jobs_until`: last day before which a job can still be created; `answers_until`: from this day on tuned
    models do not answer, nor does their base when `is_with_base`. `model` empty: every model of the provider."""

    provider: str
    model: str
    new_jobs_until: date | None
    answers_until: date | None
    source: str
    is_with_base: bool = False


_SFT, _DPO, _RFT = Method.SUPERVISED, Method.DPO, Method.REINFORCEMENT
_OPENAI = "https://developers.openai.com/api/docs/pricing"
_RFT_HELP = "https://help.openai.com/en/articles/11323177"
_DEPRECATIONS = "https://developers.openai.com/api/docs/deprecations"
_AZURE = "https://learn.microsoft.com/azure/foundry/openai/how-to/fine-tuning-cost-management"
_TOGETHER = "https://www.together.ai/pricing#fine-tuning"
_FIREWORKS = "https://fireworks.ai/pricing"
_VERTEX = "https://cloud.google.com/vertex-ai/generative-ai/pricing"
_AUTUMN = date(2026, 10, 8)
_HOSTING = Decimal("1.70")


def _rows() -> Iterable[Rate]:
    openai = {
        "gpt-4.1-2025-04-14": "25", "gpt-4.1-mini-2025-04-14": "5", "gpt-4.1-nano-2025-04-14": "1.50",
        "gpt-4o-2024-08-06": "25", "gpt-4o-mini-2024-07-18": "3", "gpt-3.5-turbo": "8", "davinci-002": "6",
        "babbage-002": "0.40",
    }  # fmt: skip
    for model, amount in openai.items():
        for method in (_SFT, _DPO):
            yield Rate("openai", model, method, Decimal(amount), _OPENAI, _AUTUMN, Confidence.HIGH)
            yield Rate(
                "azure", model, method, Decimal(amount), _AZURE, date(2026, 2, 11), Confidence.LOW,
                hosting_per_hour=_HOSTING,
                hosting_note="Standard and Global deployments; the developer tier has no fee and lasts 24 h. Training "
                "costs by region: the list price of OpenAI stands here.",
            )  # fmt: skip
    yield Rate(
        "openai", "o4-mini-2025-04-16", _RFT, Decimal(100), _RFT_HELP, _AUTUMN, Confidence.HIGH, per="hour",
    )  # fmt: skip
    yield Rate(
        "azure", "o4-mini-2025-04-16", _RFT, Decimal(100), _AZURE, date(2026, 2, 11), Confidence.MEDIUM, per="hour",
        hosting_per_hour=_HOSTING, hosting_note="Standard and Global deployments; the developer tier has no fee.",
    )  # fmt: skip
    together = {
        "<=16B": ("0.48", "0.54", "1.20", "1.35"),
        "<=69B": ("1.50", "1.65", "3.75", "4.12"),
        "<=100B": ("2.90", "3.20", "7.25", "8.00"),
    }
    for size, amounts in together.items():
        kinds = ((_SFT, "lora"), (_SFT, "full"), (_DPO, "lora"), (_DPO, "full"))
        for (method, technique), amount in zip(kinds, amounts, strict=True):
            yield Rate(
                "together", size, method, Decimal(amount), _TOGETHER, _AUTUMN, Confidence.HIGH, technique,
                hosting_note="A dedicated endpoint is billed by the minute.",
            )  # fmt: skip
    for size, amount in {"<=16B": "0.50", "<=80B": "3", "<=300B": "6", ">300B": "10"}.items():
        base = Decimal(amount)
        kinds = ((_SFT, "lora", 1), (_SFT, "full", 2), (_DPO, "lora", 2), (_DPO, "full", 4))  # type: ignore[assignment]
        for method, technique, factor in kinds:  # type: ignore[misc]
            yield Rate(
                "fireworks", size, method, base * factor, _FIREWORKS, _AUTUMN, Confidence.HIGH, technique,
                hosting_note="A LoRA of this kind needs a dedicated deployment.",
            )  # fmt: skip
    vertex = {
        "gemini-2.5-pro": ("25", Confidence.LOW), "gemini-2.5-flash": ("5", Confidence.MEDIUM),
        "gemini-2.5-flash-lite": ("1.50", Confidence.MEDIUM), "gemini-2.0-flash": ("3", Confidence.MEDIUM),
        "gemini-2.0-flash-lite": ("1", Confidence.MEDIUM),
    }  # fmt: skip
    for model, (amount, confidence) in vertex.items():
        yield Rate("vertex", model, _SFT, Decimal(amount), _VERTEX, _AUTUMN, confidence)


RATES: tuple[Rate, ...] = tuple(_rows())

_LAST_JOBS = date(2027, 1, 6)
_TUNED_OFF = date(2027, 1, 14)
_OLD_OFF = date(2026, 10, 23)
SUNSETS: tuple[Sunset, ...] = (
    *(
        Sunset("openai", model, _LAST_JOBS, _TUNED_OFF, _DEPRECATIONS, is_with_base=True)
        for model in ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-4.1-2025-04-14", "gpt-4.1-mini-2025-04-14")
    ),
    *(
        Sunset("openai", model, _OLD_OFF, _OLD_OFF, _DEPRECATIONS)
        for model in ("gpt-3.5-turbo", "babbage-002", "davinci-002", "gpt-4.1-nano-2025-04-14", "o4-mini-2025-04-16")
    ),
    Sunset("openai", "", _LAST_JOBS, None, _DEPRECATIONS),
    Sunset("cohere", "", date(2025, 9, 15), date(2025, 9, 15), "https://docs.cohere.com/docs/chat-fine-tuning"),
)

_SIZE = re.compile(r"(?<![a-z0-9.])(?:\d+x)?(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
_MIXTURE = re.compile(r"(?<![a-z0-9.])(\d+)x(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)


def size_of(model: str) -> Decimal | None:
    """Billions of parameters that a model's name states, of a mixture all its experts; None when it states none."""
    if mixture := _MIXTURE.search(model):
        return Decimal(mixture[1]) * Decimal(mixture[2])
    found = _SIZE.search(model)
    return Decimal(found[1]) if found else None


def rate_of(
    provider: str, model: str, method: Method, *, at: date, technique: str = "", rates: Iterable[Rate] = RATES
) -> Rate | None:
    """The row for a base model on a day: by its name, dated or not, else by its size; None when no price is known."""
    fitting = [
        rate
        for rate in rates
        if (rate.provider, rate.method) == (provider, method)
        and (not rate.technique or rate.technique == (technique or "lora"))
        and (rate.valid_from is None or rate.valid_from <= at)
        and (rate.valid_to is None or at < rate.valid_to)
    ]
    for rate in fitting:
        if same_model(rate.model, model):
            return rate
    size = size_of(model)
    if size is None:
        return None
    for rate in fitting:  # from the smallest class up
        if rate.model.startswith("<=") and size <= Decimal(rate.model[2:-1]):
            return rate
        if rate.model.startswith(">") and size > Decimal(rate.model[1:-1]):
            return rate
    return None


def sunset_of(provider: str, model: str, sunsets: Iterable[Sunset] = SUNSETS) -> Sunset | None:
    """When the model is switched off, of the model itself before that of its provider."""
    own = [sunset for sunset in sunsets if sunset.provider == provider]
    named = (sunset for sunset in own if sunset.model and same_model(sunset.model, model))
    return next(named, next((sunset for sunset in own if not sunset.model), None))


_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def same_model(known: str, asked: str) -> bool:
    """The same name, or the undated name of a dated one."""
    return known == asked or _DATED.sub("", known) == asked
