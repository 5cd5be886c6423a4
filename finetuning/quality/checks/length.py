"""Examples above the model's limit (cut there, the rest is lost), and those that dwarf the others or loop."""

import zlib
from array import array

import numpy as np

from ..examples import Example
from .base import Check

SOFT_TOKENS = 2_048
DWARFS = 10
"""Times the median."""
LOOPING = 0.12
"""Compressed size over size; prose has 0.3 to 0.6, a text of one block again and again less than a tenth."""


class Length(Check):
    def __init__(self, context: object) -> None:
        super().__init__(context)  # type: ignore[arg-type]
        self.tokens = array("L")
        self.long: list[tuple[int, int, bool]] = []

    def look(self, example: Example) -> None:
        if example.record is None:
            return
        self.tokens.append(example.tokens)
        if example.tokens > self.context.options.max_tokens:
            lost = example.tokens - self.context.options.max_tokens
            told = f"{example.tokens:,} tokens, {lost:,} above the model's limit: those are cut off and never learned."
            self.found("too_long", example, told)
        elif example.tokens > SOFT_TOKENS:
            text = max((turn.text for turn in example.turns), key=len, default="")
            self.long.append((example.number, example.tokens, is_looping(text)))

    def finish(self) -> None:
        median = float(np.median(np.frombuffer(self.tokens, dtype=np.uint64))) if self.tokens else 0.0
        for line, tokens, loops in self.long:
            if loops:
                told = f"{tokens:,} tokens, most of them the same text again and again."
            elif tokens > DWARFS * median and len(self.tokens) >= DWARFS:
                told = f"{tokens:,} tokens, as many as {tokens / max(median, 1):,.0f} usual lines."
            else:
                continue
            self.context.found.add("too_long", line, told, tokens=int(tokens - median))


def is_looping(text: str) -> bool:
    raw = text.encode("utf-8", "replace")
    return len(zlib.compress(raw, 1)) < LOOPING * len(raw) if len(raw) > 1_000 else False
