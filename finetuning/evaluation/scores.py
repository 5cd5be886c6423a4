"""What an answer is worth against the one that was expected: 0 to 1."""

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

BINARY = ("exact", "normalised", "json_valid", "tool_calls")
"""Metrics that are right or wrong; `rouge_l` is anything between."""
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"\w+")
_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL | re.IGNORECASE)


def exact(expected: str, answer: str) -> float:
    """1 when the texts are equal but for blanks at their ends."""
    return float(expected.strip() == answer.strip())


def normalised(expected: str, answer: str) -> float:
    """1 when they are equal without case, punctuation, English articles and runs of blanks (as SQuAD's metric)."""
    return float(_plain(expected) == _plain(answer))


def rouge_l(expected: str, answer: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004, ROUGE-L with β = 1). Two empty texts: 1."""
    first, second = _words(expected), _words(answer)
    if not first or not second:
        return float(first == second)
    common = _longest_common(first, second)
    if not common:
        return 0.0
    recall, precision = common / len(first), common / len(second)
    return 2 * recall * precision / (recall + precision)


def json_valid(answer: str, schema: Mapping[str, Any] | None = None) -> float:
    """1 when the answer is JSON, in a code fence or not, that `schema` (2020-12) allows."""
    fenced = _FENCE.match(answer)
    try:
        value = json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError):  # a number of more digits than the interpreter reads is one too
        return 0.0
    return float(schema is None or Draft202012Validator(schema).is_valid(value))


def tool_calls(expected: Sequence[Mapping[str, Any]], answer: Sequence[Mapping[str, Any]]) -> float:
    """1 when the same functions are called with equal arguments, in any order; arguments are compared as JSON values.

    Both: `tool_calls` of an OpenAI message. No call expected and none made is 1.
    """
    return float(Counter(map(_call, expected)) == Counter(map(_call, answer)))


def macro_f1(expected: Sequence[str], answers: Sequence[str]) -> float:
    """Mean over the labels that were expected of each label's F1; what is no label only costs recall."""
    labels = sorted(set(expected))
    if not labels:
        raise ValueError("There is no item to score.")
    right = Counter(one for one, other in zip(expected, answers, strict=True) if one == other)
    wanted, given = Counter(expected), Counter(answers)
    return sum(2 * right[label] / (wanted[label] + given[label]) for label in labels) / len(labels)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", folded).split())


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length, in time len × len and memory len(second)."""
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for place, other in enumerate(second, start=1):
            above = row[place]
            row[place] = diagonal + 1 if word == other else max(above, row[place - 1])
            diagonal = above
    return row[-1]


def _call(call: Mapping[str, Any]) -> str:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        value = arguments
    return json.dumps([function.get("name"), value], sort_keys=True)
