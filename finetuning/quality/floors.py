"""What answers that contradict each other leave of a loss, whatever is trained: the least a file allows.

Cross-entropy is never below the entropy of the answers given the question (Cover and Thomas, "Elements of Information
Theory", 2nd edition, section 5.4).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from math import log, log1p
from typing import Any, Protocol

from .comparing import groups


class Answers(Protocol):
    """Places of a file, with hashes of what is asked there (with its system prompt) and answered."""

    @property
    def asked(self) -> array[int]: ...
    @property
    def answer(self) -> array[int]: ...


def contradictions(index: Answers) -> tuple[int, float]:
    """Lines whose question is answered in another way elsewhere, and nats that they leave in the whole file."""
    lines, nats = 0, 0.0
    for group in groups(index.asked):
        counts = Counter(index.answer[place] for place in group)
        if len(counts) > 1:
            lines += len(group)
            nats += entropy(counts.values())
    return lines, nats


def entropy(counts: Iterable[int]) -> float:
    """Nats of so many lines with equal questions together: their number × the entropy of their answers."""
    known = list(counts)
    total = sum(known)
    return sum(count * log(total / count) for count in known if count)


def of_noise(share: float, labels: int) -> float:
    """Nats of a line whose label is, with probability `share`, any of the others, all as likely. A model that cannot
    remember lines is left with it; one that can goes below it on what it is trained on, never on other lines."""
    if labels < 2 or not 0 < share < 1:
        return 0.0
    return share * (log(labels - 1) - log(share)) - (1 - share) * log1p(-share)


def told(index: Answers, lines: int, noisy: int, judged: int, labels: int) -> dict[str, Any]:
    """For the report's statistics. `lines`: compared ones; `judged`, `noisy`: looked at for wrong labels, and told.
    Nats are per line; `noise_share` and `noise_nats` None: wrong labels were not judged."""
    contradicting, nats = contradictions(index)
    share = noisy / judged if judged else None
    return {
        "contradicting_lines": contradicting, "contradiction_nats": nats / lines if lines else 0.0,
        "noise_share": share, "noise_nats": None if share is None else of_noise(share, labels), "labels": labels,
    }  # fmt: skip
