"""How many tokens each vendor bills for a job."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

TARGET_EPOCHS, MIN_EXAMPLES, MAX_EXAMPLES, MAX_EPOCHS = 3, 100, 25_000, 25
AZURE_STEP = 1_000


class Method(StrEnum):
    """As in OpenAI's jobs."""

    SUPERVISED = "supervised"
    DPO = "dpo"
    REINFORCEMENT = "reinforcement"


@dataclass(frozen=True, slots=True)
class Dataset:
    """`tokens` of each training example; `validation_tokens` of the whole validation set.

    `error`: the largest share by which the counts may be wrong; 0 when they are exact.
    """

    tokens: Sequence[int]
    validation_tokens: int = 0
    error: float = 0.0

    @property
    def is_exact(self) -> bool:
        return self.error == 0


def default_epochs(examples: int) -> int:
    """Epochs that OpenAI and Azure choose for `auto`: three, more for few examples and fewer for very many.

    Source: OpenAI cookbook, "Data preparation and analysis for chat model fine-tuning"; a real job of 10 examples was
    given 10 epochs and one of 40 was given 3.
    """
    if examples <= 0:
        raise ValueError("A job needs at least one example.")
    if examples * TARGET_EPOCHS < MIN_EXAMPLES:
        return min(MAX_EPOCHS, MIN_EXAMPLES // examples)
    if examples * TARGET_EPOCHS > MAX_EXAMPLES:
        return max(1, MAX_EXAMPLES // examples)
    return TARGET_EPOCHS


def billable_tokens(
    dataset: Dataset, *, provider: str, epochs: int, max_tokens: int | None = None, evaluations: int = 0,
    packs: bool = True,
) -> int:  # fmt: skip
    """Tokens of a supervised or preference job that `provider` bills.

    OpenAI, Fireworks, Vertex: epochs × Σ min(context, tokens). Azure: the same, rounded up to a thousand (4,980 was
    billed as 5,000). Together: the validation set again for each evaluation, and without packing the longest sequence
    for every example (https://docs.together.ai/docs/fine-tuning/pricing).
    """
    counts = [count if max_tokens is None else min(max_tokens, count) for count in dataset.tokens]
    if provider == "together":
        trained = sum(counts) if packs else len(counts) * (max_tokens or max(counts, default=0))
        return epochs * trained + evaluations * dataset.validation_tokens
    trained = epochs * sum(counts)
    return -(-trained // AZURE_STEP) * AZURE_STEP if provider == "azure" else trained
