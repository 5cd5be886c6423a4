"""What a section is made of, before it is drawn in any format. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analytics.exports.table import Column


@dataclass(frozen=True, slots=True)
class Figure:
    """One number in large: `text` as people read it, `change` in words, `tone` good, bad or empty."""

    label: str
    text: str
    change: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """A row of numbers."""

    items: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart; None where nothing was measured."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """`line`: over time, `bar`: stacked over time, `ranking`: one bar for each name (`names`, first line's values).
    `summary` says in words what is to be seen."""

    kind: str
    title: str
    unit: str
    lines: Sequence[Line]
    times: Sequence[datetime] = ()
    names: Sequence[str] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `shares`: 0 to 1 for each row, drawn as a bar; empty where there is none."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    shares: Sequence[float | None] = ()
    empty: str = "Nothing to show for this period."


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; `tone` warn for what the reader has to know."""

    text: str
    tone: str = ""


Block = Figures | Chart | Grid | Words


@dataclass(frozen=True, slots=True)
class Part:
    """One section as drawn: its title and blocks."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A report as one reader sees it."""

    title: str
    organization: str
    period: str
    zone: str
    currency: str
    seen_as: str
    parts: Sequence[Part]
    url: str = ""
    made_at: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
