"""What the file is made of: too few lines, classes out of balance, answers without variety, refusals in bulk."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..examples import Example
from ..findings import Observation
from ..text import hashed, normalized
from .base import Check, Context

MIN_EXAMPLES = 10
"""https://platform.openai.com/docs/guides/supervised-fine-tuning, "Example count recommendations"."""
ADVISED_EXAMPLES = 50
RARE_CLASS, UNBALANCED = 5, 20
HEADS_KEPT = 20_000
SAME_OPENING = 0.5
REFUSING = 0.05


class Makeup(Check):
    """Gathers numbers; ``observations`` and ``statistics`` after the last line."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.tokens: list[int] = []
        self.turns: Counter[int] = Counter()
        self.openings: Counter[int] = Counter()
        self.distinct: set[int] = set()
        self.repeated = self.answers = self.with_tools = 0

    def look(self, example: Example) -> None:
        if example.record is None:
            return
        self.tokens.append(example.tokens)
        self.turns[len(example.messages)] += 1
        self.with_tools += "tools" in example.record or "functions" in example.record
        if example.answer is not None and not self.context.profile.is_label(example.answer.text):
            self._opening(normalized(example.answer.text[:200]))

    def _opening(self, answer: str) -> None:
        self.answers += 1
        opening = hashed(" ".join(answer.split()[:4]))
        if opening in self.openings or len(self.openings) < HEADS_KEPT:
            self.openings[opening] += 1

    def statistics(self) -> dict[str, Any]:
        profile = self.context.profile
        quantiles = np.quantile(self.tokens, (0, 0.5, 0.95, 0.99, 1)).tolist() if self.tokens else [0] * 5
        told: dict[str, Any] = {
            "tokens_per_example": dict(zip(("min", "p50", "p95", "p99", "max"), map(round, quantiles), strict=True)),
            "longest_percent_share": self._longest_share(),
            "messages_per_example": {str(size): number for size, number in sorted(self.turns.items())[:20]},
            "with_tools": self.with_tools, "system_prompts": profile.systems,
            "language": profile.language or None, "language_share": round(profile.language_share, 4),
        }  # fmt: skip
        if profile.is_closed:
            told["labels"] = dict(sorted(profile.labels.items(), key=lambda item: (-item[1], item[0]))[:500])
        return told

    def _longest_share(self) -> float:
        """Share of all tokens in the longest 1 % of examples."""
        ordered = np.sort(np.array(self.tokens, dtype=np.float64))[::-1]
        top = max(1, len(ordered) // 100)
        return round(float(ordered[:top].sum() / ordered.sum()), 4) if len(ordered) else 0.0

    def observations(self) -> list[Observation]:
        return [*self._size(), *self._classes(), *self._variety()]

    def _size(self) -> list[Observation]:
        number = len(self.tokens)
        if number < MIN_EXAMPLES:
            return [Observation("too_few", "error", f"{number} examples; OpenAI takes files from {MIN_EXAMPLES} on.")]
        if number < ADVISED_EXAMPLES:
            told = f"{number} examples; OpenAI advises {ADVISED_EXAMPLES} to 100 to begin with."
            return [Observation("few", "info", told)]
        return []

    def _classes(self) -> list[Observation]:
        labels = self.context.profile.labels
        if not self.context.profile.is_closed or len(labels) < 2:
            return []
        common, rare = max(labels.values()), min(labels.values())
        told = []
        if common >= UNBALANCED * rare:
            most = max(labels, key=lambda label: labels[label])
            told.append(
                Observation("unbalanced_classes", "warning", f"“{most}” has {common:,} lines, the rarest class {rare}: "
                            "the model will prefer the common ones.")
            )  # fmt: skip
        if rare < RARE_CLASS:
            few = sum(1 for number in labels.values() if number < RARE_CLASS)
            told.append(
                Observation(
                    "rare_classes", "info", f"{few} of {len(labels)} classes have fewer than {RARE_CLASS} lines."
                )
            )
        return told

    def _variety(self) -> list[Observation]:
        told = []
        if self.answers >= ADVISED_EXAMPLES and self.openings:
            share = self.openings.most_common(1)[0][1] / self.answers
            if share >= SAME_OPENING:
                told.append(
                    Observation("same_opening", "info", f"{share:.0%} of the answers begin with the same four words.")
                )
        refusals = self.context.found.counts["boilerplate_refusal"]
        if self.tokens and refusals / len(self.tokens) >= REFUSING:
            text = f"{refusals / len(self.tokens):.0%} of the answers refuse or are placeholders"
            told.append(Observation("many_refusals", "warning", f"{text}: the tuned model will refuse that often."))
        if self.context.profile.systems > max(20, len(self.tokens) // 10):
            told.append(
                Observation("many_systems", "info", f"{self.context.profile.systems:,} different system prompts.")
            )
        return told
