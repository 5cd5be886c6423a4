"""What the examples of a file would cost to train on, for reports and for the gain of mending."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finetuning.choices import FileFormat
from finetuning.estimates import Method, Rate, rate_of
from finetuning.estimates.price import PER_TOKENS
from finetuning.models import TuningFile
from finetuning.quality import Options
from finetuning.quality.options import DEFAULT_MODEL
from finetuning.services.files.judging import default_options

METHODS = {
    FileFormat.CHAT: Method.SUPERVISED, FileFormat.PREFERENCE: Method.DPO,
    FileFormat.REINFORCEMENT: Method.REINFORCEMENT, FileFormat.UNKNOWN: Method.SUPERVISED,
}  # fmt: skip
DEFAULT_PROVIDER = "openai"


@dataclass(frozen=True, slots=True)
class Priced:
    """Options of an inspection, with the price of training by tokens where one is known; `rate` None: it is not."""

    options: Options
    rate: Rate | None


def priced_options(
    file: TuningFile, *, at: date, provider: str = DEFAULT_PROVIDER, model: str = DEFAULT_MODEL,
    epochs: int | None = None, label_noise: bool = True,
) -> Priced:  # fmt: skip
    """As of the day `at`. A price by the hour is no price of tokens."""
    rate = rate_of(provider, model, METHODS[FileFormat(file.format)], at=at)
    price: Decimal | None = rate.amount if rate is not None and rate.per == PER_TOKENS else None
    options = default_options(model=model, epochs=epochs, price_per_million=price, label_noise=label_noise)
    return Priced(options, rate if price is not None else None)
