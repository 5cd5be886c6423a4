"""Scores of one answer, by the metrics of an evaluation."""

from collections.abc import Sequence

from finetuning.evaluation import exact, json_valid, normalised, rouge_l, tool_calls
from finetuning.services.evaluations.asking import Reply
from finetuning.services.evaluations.items import Item

METRICS = ("exact", "normalised", "json_valid", "rouge_l", "tool_calls", "macro_f1", "judge")
"""`macro_f1` is of all answers together, `judge` of pairs: neither is a score of one answer alone."""
OF_ALL, OF_PAIRS = "macro_f1", "judge"


def scores_of(item: Item, reply: Reply, metrics: Sequence[str]) -> dict[str, float]:
    """Metric → 0–1, of those that judge an answer alone."""
    found = {}
    for metric in metrics:
        if metric == "exact":
            found[metric] = exact(item.expected, reply.text)
        elif metric == "normalised":
            found[metric] = normalised(item.expected, reply.text)
        elif metric == "json_valid":
            found[metric] = json_valid(reply.text)
        elif metric == "rouge_l":
            found[metric] = rouge_l(item.expected, reply.text)
        elif metric == "tool_calls":
            found[metric] = tool_calls(item.calls, reply.calls)
    return found
