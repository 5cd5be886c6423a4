"""Texts that are too long."""

from collections.abc import Sequence

from gateway.guardrails.finding import Finding


class MaxSizeCheck:
    """A text of more than `max_chars` characters."""

    window = 0
    is_whole = True

    def __init__(self, max_chars: int) -> None:
        if not 1 <= max_chars <= 100_000_000:
            raise ValueError("max_chars is between 1 and 100,000,000")
        self.max_chars = max_chars

    def find(self, text: str) -> Sequence[Finding]:
        return [Finding("max_size", 0, 0)] if len(text) > self.max_chars else []
