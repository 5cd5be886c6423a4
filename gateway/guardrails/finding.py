"""What every check answers with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Finding:
    """`text[start:end]` is `what` (`email`, `credit_card`, `deny_list`, …). `start == end`: the text as a whole."""

    what: str
    start: int
    end: int

    @property
    def is_whole(self) -> bool:
        return self.start == self.end


class Check(Protocol):
    """One guardrail's way of looking at a text."""

    window: int
    """Characters that a match with blanks in it may span: what a stream holds back, beside a run without blanks."""
    is_whole: bool
    """It judges whole texts: a stream is judged at its end."""

    def find(self, text: str) -> Sequence[Finding]:
        """Findings in order of `start`, not overlapping."""


def redacted(text: str, findings: Sequence[Finding]) -> str:
    """`text` with each finding replaced by its name, in characters that are safe inside JSON text too."""
    parts, position = [], 0
    for finding in findings:
        if finding.is_whole or finding.start < position:
            continue
        parts += [text[position : finding.start], f"[REDACTED:{finding.what}]"]
        position = finding.end
    return "".join([*parts, text[position:]])
