"""A card with two lines of money by day: what was, and what it is held against. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from analytics.console import charts, format
from analytics.console.cards import Card, LegendEntry, Row, Table
from analytics.console.colors import color


@dataclass(frozen=True, slots=True)
class DayPair:
    """A day in UTC: the figure of the thick line, and of the dotted one it is held against."""

    start: datetime
    value: Decimal
    against: Decimal


@dataclass(frozen=True, slots=True)
class Words:
    """What lines and difference are called; `difference` is `sign` × (value − against)."""

    value: str
    against: str
    difference: str
    sign: int = 1


def two_lines(*, id: str, title: str, summary: str, days: Sequence[DayPair], words: Words, currency: str) -> Card:
    """The card, with its table."""
    rows = tuple(_row(day, words, currency) for day in days)
    top = max(max(day.value, day.against) for day in days)
    plot = charts.Plot([f"{day.start:%Y-%m-%d}" for day in days], "day", dict(format.money_axis(top, currency)))
    value = _line(words.value, [day.value for day in days], currency)
    against = _line(words.against, [day.against for day in days], currency)
    return Card(
        id=id, title=title, summary=summary, unit="by day, UTC", figure=charts.lines(plot, [value], against),
        table=Table("Day", (words.value, words.against, words.difference), rows),
        legend=(
            LegendEntry(words.value, color(0), is_line=True),
            LegendEntry(words.against, charts.BEFORE_COLOR, 2, is_line=True),
        ),
    )  # fmt: skip


def _row(day: DayPair, words: Words, currency: str) -> Row:
    amounts = (day.value, day.against, words.sign * (day.value - day.against))
    shown = tuple(format.money(amount, currency) for amount in amounts)
    return Row(f"{day.start:%a %-d %b}", shown, tuple(str(amount) for amount in amounts), day.start.isoformat())


def _line(name: str, values: Sequence[Decimal], currency: str) -> charts.Series:
    texts = [f"{name}: {format.money(value, currency)}" for value in values]
    return charts.Series(name, 0, [float(value) for value in values], texts)
