"""What a chart card shows, as plain values. No query, no Django."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Figure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table behind a chart. `values` are written for people, `exact` are the same for machines;
    `exact_label` stands for `label` there; `url` leads to the requests behind the row; `changes`: what happened."""

    label: str
    values: tuple[str, ...]
    exact: tuple[str, ...]
    exact_label: str = ""
    url: str = ""
    changes: str = ""

    @property
    def machine(self) -> tuple[str, ...]:
        return (self.exact_label or self.label, *self.exact)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under `head` and `columns`; `foot` is the row of totals. `units`: of the columns, in the CSV's header."""

    head: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    foot: Row | None = None

    @property
    def has_changes(self) -> bool:
        """Whether something happened in any row, so that the table has a column for it."""
        return any(row.changes for row in self.rows)


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A name with the CSS property of its colour, the number of its pattern (0: plain) and the rows behind it."""

    name: str
    color: str
    pattern: int = 0
    url: str = ""
    is_line: bool = False


@dataclass(frozen=True, slots=True)
class Why:
    """Why a number is what it is: `formulas` as (name, definition), `facts` as sentences."""

    formulas: tuple[tuple[str, str], ...]
    facts: tuple[str, ...]
    rows_url: str = ""


@dataclass(frozen=True, slots=True)
class ShownMark:
    """Changes of one bucket: `number` stands at the line in the chart; `items` are (when, text, url)."""

    number: int
    items: tuple[tuple[str, str, str], ...]

    @property
    def text(self) -> str:
        """All of them in a line."""
        return "; ".join(text for _, text, _ in self.items)


@dataclass(frozen=True, slots=True)
class Card:
    """One chart card; `figure` None: the table alone. `summary` is one sentence written from the data."""

    id: str
    title: str
    summary: str
    unit: str
    table: Table
    figure: Figure | None = None
    legend: tuple[LegendEntry, ...] = ()
    csv_url: str = ""
    why: Why | None = None
    marks: tuple[ShownMark, ...] = ()

    @property
    def figure_id(self) -> str:
        return f"fig-{self.id}"
