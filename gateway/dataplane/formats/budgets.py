"""How much a model may think, in tokens: a part of its answer's limit, and billed as one. Pure.

Sources: Anthropic API documentation, "Extended thinking" (the least budget; the budget is less than `max_tokens`);
OpenRouter, "Reasoning tokens" (the shares of the limit that stand for an effort).
"""

from gateway.dataplane.formats.base import Losses
from gateway.dataplane.formats.ir import Prompt

MIN_BUDGET = 1_024
SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}


def budget_for(effort: str, limit: int, prompt: Prompt, losses: Losses) -> int:
    """Tokens of thinking that stand for an effort, within the answer's limit.

    0 when the effort was dropped: it is none of the known ones, or the limit has no room for the least budget.
    """
    if effort not in SHARES:
        losses.drop(prompt.called("reasoning"), f"the target knows no effort '{effort}'; it has {', '.join(SHARES)}")
        return 0
    if limit <= MIN_BUDGET:
        losses.drop(prompt.called("reasoning"), no_room(limit))
        return 0
    return max(MIN_BUDGET, int(limit * SHARES[effort]))


def lowered_budget(budget: int, limit: int) -> int:
    """A budget that leaves room for an answer under a limit that was lowered after the caller had stated it."""
    return budget if budget < limit else max(MIN_BUDGET, int(limit * SHARES["high"]))


def no_room(limit: int) -> str:
    return f"the target's model thinks with {MIN_BUDGET:,} tokens or more, and its whole answer may have {limit:,}"
