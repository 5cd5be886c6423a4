"""Two models on the same held-out items: scores of an answer, and what their difference can be said to be. Pure."""

from finetuning.evaluation.paired import Comparison, Verdict, compare, detectable, holm, mcnemar
from finetuning.evaluation.scores import BINARY, exact, json_valid, macro_f1, normalised, rouge_l, tool_calls

__all__ = [
    "BINARY",
    "Comparison",
    "Verdict",
    "compare",
    "detectable",
    "exact",
    "holm",
    "json_valid",
    "macro_f1",
    "mcnemar",
    "normalised",
    "rouge_l",
    "tool_calls",
]
