"""A measure by weekday and hour of the day, as a grid: the mean of each hour of the week. No figure: an HTML table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from analytics.console.cards import Card, Row, Table, values
from analytics.console.cards.buckets import Buckets
from analytics.console.cards.why import asked, why
from analytics.console.format import compact, money_short
from analytics.console.questions import Questions
from analytics.console.usage.state import State
from analytics.metrics import Measure
from analytics.query import QueryError, Result

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = 24


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the week: `text` in the grid, `title` exact, `level` 0–1 of the highest, `url` of the requests that
    began in it; never passed: no value."""

    text: str
    title: str
    level: float
    url: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    """The grid (weekday, its cells) and the card around it, whose table is what the CSV has."""

    card: Card
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    hours: tuple[str, ...]


def load(questions: Questions, state: State, now: datetime, csv_url: str) -> Heat:
    """Raises QueryError, also `not_additive` for a measure whose hours cannot be added up. Two queries."""
    measure = state.declared
    if measure.kind != "sum":
        message = (
            f"{measure.label} of single hours cannot be added up; choose a count, tokens or a cost for the heat map."
        )
        raise QueryError("not_additive", message)
    result = questions.ask(asked(measure.name), granularity="hour", filters=state.conditions)
    means = hour_means(result, measure, now)
    top = max((mean for line in means for mean in line if mean is not None), default=Decimal(0))
    grid = tuple(
        (
            day,
            tuple(
                _cell(
                    measure,
                    mean,
                    top,
                    f"{day}, {hour:02}:00",
                    result.currency,
                    state.rows_url(weekday=str(number), hour=str(hour)),
                )
                for hour, mean in enumerate(line)
            ),
        )
        for number, (day, line) in enumerate(zip(WEEKDAYS, means, strict=True), start=1)
    )
    return Heat(_card(result, state, means, csv_url, now), grid, tuple(f"{hour:02}" for hour in range(HOURS)))


def hour_means(result: Result, measure: Measure, now: datetime) -> list[list[Decimal | None]]:
    """Mean of the hours that have begun, by weekday and hour on the wall clock; None where none has."""
    sums = [[Decimal(0)] * HOURS for _ in WEEKDAYS]
    counts = [[0] * HOURS for _ in WEEKDAYS]
    for point in result.series:
        if point.time <= now:
            day, hour = point.time.weekday(), point.time.hour
            sums[day][hour] += Decimal(str(point.measures.get(measure.name) or 0))
            counts[day][hour] += 1
    return [
        [total / count if count else None for total, count in zip(line, passed, strict=True)]
        for line, passed in zip(sums, counts, strict=True)
    ]


def summary(means: Sequence[Sequence[Decimal | None]], measure: Measure, currency: str) -> str:
    """One sentence: the busiest and the quietest hour of the week."""
    known = [(mean, day, hour) for day, line in enumerate(means) for hour, mean in enumerate(line) if mean is not None]
    if not known or not max(known)[0]:
        return f"No {measure.label.lower()} in this period."
    (most, day, hour), (least, quiet_day, quiet_hour) = max(known), min(known)
    return (
        f"Mean of an hour: {WEEKDAYS[day]} at {hour:02}:00 is the highest with {_round(measure, most, currency)}, "
        f"{WEEKDAYS[quiet_day]} at {quiet_hour:02}:00 the lowest with {_round(measure, least, currency)}."
    )


def _card(result: Result, state: State, means: Sequence[Sequence[Decimal | None]], csv_url: str, now: datetime) -> Card:
    measure = state.declared
    rows = tuple(
        Row(
            day,
            tuple(_round(measure, mean, result.currency) for mean in line),
            tuple(values.exact(None if mean is None else round(mean, 6)) for mean in line),
        )
        for day, line in zip(WEEKDAYS, means, strict=True)
    )
    partial = Buckets(state.period, "hour", now).partial
    note = " Hours cut by the period's ends count as whole ones." if any(partial) else ""
    return Card(
        id="usage-heat",
        title=f"{measure.label} by weekday and hour",
        summary=summary(means, measure, result.currency) + note,
        unit=f"{values.unit(measure, result.currency)}, mean of an hour ({state.period.zone})",
        table=Table("Weekday", tuple(f"{hour:02}:00" for hour in range(HOURS)), rows),
        csv_url=csv_url,
        why=why([measure], result, state.period, state.rows_url(), state.words),
    )


def _cell(measure: Measure, mean: Decimal | None, top: Decimal, when: str, currency: str, url: str) -> Cell:
    if mean is None:
        return Cell("", f"{when}: not in this period", 0.0)
    short = money_short(mean, currency) if measure.is_money else _short(mean)
    return Cell(short, f"{when}: {_round(measure, mean, currency)}", float(mean / top) if top else 0.0, url)


def _round(measure: Measure, mean: Decimal | None, currency: str) -> str:
    if mean is None:
        return values.text(measure, None, currency)
    return values.text(measure, mean, currency) if measure.is_money else _short(mean)


def _short(mean: Decimal) -> str:
    """Counts with one place below ten, whole ones above."""
    return f"{mean:.1f}" if 0 < mean < 10 else compact(round(mean))
