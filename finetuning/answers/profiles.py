"""What a training file is to a bill: tokens of every example and how they divide into prompt and answer. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import orjson

from finetuning.estimates import Dataset
from finetuning.tokens import NO_VOCABULARY_ERROR, PARTS_ERROR, Counter


@dataclass(frozen=True, slots=True)
class Profile:
    """`dataset`: tokens an example; `prompt_tokens`, `answer_tokens`: means of one request like these."""

    dataset: Dataset
    method: str
    prompt_tokens: float
    answer_tokens: float
    unread: int


def profile_of(lines: Iterable[bytes], model: str, *, validation: Iterable[bytes] = ()) -> Profile:
    """Counts for `model`. Lines that are no JSON object are left out and counted in `unread`: no vendor takes them."""
    counter = Counter(model)
    tokens, answers, unread, inexact = [], [], 0, 0
    for record in _records(lines):
        if record is None:
            unread += 1
            continue
        counted = counter.count(record)
        tokens.append(counted.tokens)
        answers.append(counted.answer_tokens)
        inexact += 0 if counted.exact else counted.tokens
    held_out = sum(counter.count(record).tokens for record in _records(validation) if record is not None)
    share = inexact / sum(tokens) if tokens else 0.0
    error = (NO_VOCABULARY_ERROR if counter.method == "bytes/4" else PARTS_ERROR) * share
    dataset = Dataset(tokens, held_out, error)
    prompt = fmean(tokens) - fmean(answers) if tokens else 0.0
    return Profile(dataset, counter.method, prompt, fmean(answers) if answers else 0.0, unread)


def _records(lines: Iterable[bytes]) -> Iterator[dict[str, Any] | None]:
    """None for what is no JSON object; blank lines are passed over."""
    for line in lines:
        if line.strip():
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                record = None
            yield record if isinstance(record, dict) else None
