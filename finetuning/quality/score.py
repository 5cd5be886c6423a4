"""One number for a file, from parts that can be explained."""

from __future__ import annotations

from .findings import Findings
from .kinds import PARTS


def parts(found: Findings, lines: int) -> dict[str, float]:
    """Share of lines without a finding of each part, 0 … 1; 0 for a file without lines. Findings of severity info do
    not count, nor do those of the validation file in the number of lines."""
    return {
        part: round(1 - min(found.touched(place), lines) / lines, 4) if lines else 0.0
        for place, part in enumerate(PARTS)
    }


def score(shares: dict[str, float]) -> float:
    """100 × the product of the parts, one decimal: a file whose lines are all clean has 100."""
    product = 100.0
    for share in shares.values():
        product *= share
    return round(product, 1)
