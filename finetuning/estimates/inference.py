"""Dated prices of tuned models' tokens. A tuned model that is not here has no known price: never that of its base."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finetuning.estimates.rates import Confidence, same_model

_OPENAI = "https://developers.openai.com/api/docs/pricing"
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
