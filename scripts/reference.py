"""Write the generated tables of docs/reference from their declarations: `python scripts/reference.py`.

A page marks a generated part with `<!-- begin NAME -->` and `<!-- end NAME -->`. Needs no Django.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analytics.metrics import DIMENSIONS, MEASURES, declare  # noqa: E402
from costs.allocation.dimension import COST_CENTER  # noqa: E402
from costs.recommendations.measure import REALIZED_SAVINGS  # noqa: E402

declare(COST_CENTER, REALIZED_SAVINGS)  # what an app declares in its `AppConfig.ready()`

PAGE = ROOT / "docs" / "reference" / "measures.md"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; vertical bars in cells are escaped."""
    lines = [" | ".join(cell.replace("|", "\\|") for cell in cells) for cells in (head, *rows)]
    return f"| {lines[0]} |\n{'|---' * len(head)}|\n" + "".join(f"| {line} |\n" for line in lines[1:])


def measures() -> str:
    """Every measure: name, label, unit, what it is."""
    rows = ((f"`{m.name}`", m.label, m.unit, m.description) for m in MEASURES.values())
    return table(("measure", "label", "unit", "definition"), rows)


def dimensions() -> str:
    """Every dimension: name, label, kind of value, what it is."""
    rows = ((f"`{d.name}`", d.label, d.kind, d.description) for d in DIMENSIONS.values())
    return table(("dimension", "label", "value", "meaning"), rows)


PARTS: dict[str, Callable[[], str]] = {"measures": measures, "dimensions": dimensions}


def rendered(text: str) -> str:
    """`text` with its generated parts made anew."""
    for name, render in PARTS.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        text = re.sub(f"{begin}.*?{end}", lambda _, b=begin, r=render, e=end: b + r() + e, text, flags=re.DOTALL)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
