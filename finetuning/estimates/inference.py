"""Dated prices of tuned models' tokens: amounts, or a vendor's word that they are those of the base.

A tuned model that is in neither has no known price. That of its base is taken only where its vendor says so, with the
page that does; what the base costs is then the price book's to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finetuning.estimates.rates import Confidence, same_model

_OPENAI = "https://developers.openai.com/api/docs/pricing"
_AZURE = "https://learn.microsoft.com/azure/foundry/openai/how-to/fine-tuning-cost-management"
_TOGETHER = "https://docs.together.ai/docs/fine-tuning/pricing"
_FIREWORKS = "https://docs.fireworks.ai/fine-tuning/fine-tuning-via-api"
_VERTEX = "https://cloud.google.com/vertex-ai/generative-ai/pricing"
_READ = date(2026, 10, 8)


@dataclass(frozen=True, slots=True)
class TunedRate:
    """US dollars per 1,000,000 tokens of a model tuned from `model`. `cache_read` None: the vendor names none."""

    provider: str
    model: str
    input: Decimal
    output: Decimal
    cache_read: Decimal | None
    source: str
    read_on: date
    confidence: Confidence

    @property
    def prices(self) -> dict[str, Decimal]:
        """Meter → amount, as price overrides have it."""
        found = {"input": self.input, "output": self.output}
        return found if self.cache_read is None else {**found, "cache_read": self.cache_read}


@dataclass(frozen=True, slots=True)
class BaseRule:
    """What a vendor says of all its tuned models: `is_base_price`: a token costs what one of the base costs; else there
    is no price of tokens, and `note` says what is billed instead. `low`: base models for which it is unverified."""

    provider: str
    is_base_price: bool
    note: str
    source: str
    read_on: date
    confidence: Confidence
    low: frozenset[str] = frozenset()

    def confidence_of(self, base_model: str) -> Confidence:
        return Confidence.LOW if any(same_model(one, base_model) for one in self.low) else self.confidence


BASE_RULES: tuple[BaseRule, ...] = (
    BaseRule(
        "azure", True, "Tokens cost what those of the base model cost in the same kind of deployment.", _AZURE,
        date(2026, 2, 11), Confidence.HIGH,
    ),
    BaseRule("together", True, "Tokens cost what those of the base model cost.", _TOGETHER, _READ, Confidence.MEDIUM),
    BaseRule(
        "vertex", True, "Tokens cost what those of the base model cost.", _VERTEX, _READ, Confidence.MEDIUM,
        frozenset({"gemini-2.5-pro"}),
    ),
    BaseRule(
        "fireworks", False, "It needs a dedicated deployment, billed by the second and not by tokens.", _FIREWORKS,
        _READ, Confidence.HIGH,
    ),
)  # fmt: skip


def _rows() -> Iterable[TunedRate]:
    listed = {
        "gpt-4.1-2025-04-14": ("3.00", "12.00", "0.75"),
        "gpt-4.1-mini-2025-04-14": ("0.80", "3.20", "0.20"),
        "gpt-4.1-nano-2025-04-14": ("0.20", "0.80", "0.05"),
        "gpt-4o-2024-08-06": ("3.75", "15.00", "1.875"),
        "gpt-4o-mini-2024-07-18": ("0.30", "1.20", "0.15"),
        "gpt-3.5-turbo": ("3.00", "6.00", None),
        "davinci-002": ("12.00", "12.00", None),
        "babbage-002": ("1.60", "1.60", None),
        "o4-mini-2025-04-16": ("4.00", "16.00", "1.00"),
    }
    for model, (read, written, cached) in listed.items():
        yield TunedRate(
            "openai", model, Decimal(read), Decimal(written), None if cached is None else Decimal(cached), _OPENAI,
            _READ, Confidence.HIGH,
        )  # fmt: skip


TUNED_RATES: tuple[TunedRate, ...] = tuple(_rows())


def tuned_rate_of(provider: str, base_model: str, rates: Iterable[TunedRate] = TUNED_RATES) -> TunedRate | None:
    """The row of a model tuned from `base_model`; None when no price is known."""
    own = (rate for rate in rates if rate.provider == provider)
    return next((rate for rate in own if same_model(rate.model, base_model)), None)


def base_rule_of(provider: str, rules: Iterable[BaseRule] = BASE_RULES) -> BaseRule | None:
    """What the vendor says of the tokens of its tuned models; None: nothing is known."""
    return next((rule for rule in rules if rule.provider == provider), None)
