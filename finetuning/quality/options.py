"""What an inspection may be told. Everything has a default that suits OpenAI's supervised method."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

METHODS = ("chat", "preference", "reinforcement")
DEFAULT_MODEL = "gpt-4.1-mini"
MAX_EXAMPLE_TOKENS = 65_536
"""OpenAI's fine-tuning guide, "Token limits": the longest training example of gpt-4o and gpt-4.1."""


@dataclass(frozen=True, slots=True)
class Options:
    """``method``: one of ``METHODS``, or "" to tell it from the file. ``epochs``: None for OpenAI's rule.
    ``price_per_million``: US dollars for a million training tokens; None: amounts stay unknown.
    ``findings_per_kind``: how many are kept; all are counted. ``label_noise``: whether the slow check runs."""

    model: str = DEFAULT_MODEL
    method: str = ""
    max_tokens: int = MAX_EXAMPLE_TOKENS
    epochs: int | None = None
    price_per_million: Decimal | None = None
    findings_per_kind: int = 1_000
    label_noise: bool = True

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"{self.epochs} epochs: at least 1.")
        if self.max_tokens < 1:
            raise ValueError(f"{self.max_tokens} tokens of an example: at least 1.")
