"""The Explorer's table: measures by one or two dimensions, or one measure crossed by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.console import colors, format
from analytics.console.cards import Card, Row, Table, labels, values
from analytics.console.cards.why import asked, why
from analytics.console.questions import Questions
from analytics.console.usage import dimensions
from analytics.metrics import MEASURES, Measure
from analytics.query import Group, Result, Value, change_of
from costs.console.explorer.state import ExplorerState

MOST_ROWS = 200
MOST_CELLS = 5_000
MOST_COLUMNS = 6
ID = "explorer-table"
Names = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Cross:
    """A pivot: rows by columns in order of their totals; cells that are missing cost nothing or were not measured."""

    rows: Sequence[str]
    columns: Sequence[str]
    cells: Mapping[tuple[str, str], Value]
    row_totals: Mapping[str, Value]
    column_totals: Mapping[str, Value]


def load(questions: Questions, state: ExplorerState, csv_url: str) -> Card:
    """One question, one more for a pivot, one query for the names of each dimension. Raises QueryError."""
    if state.is_pivot:
        return _pivot(questions, state, csv_url)
    limit = MOST_ROWS if state.also else state.top
    result = _ask(questions, state, state.by_both, limit, compare_to=state.compared)
    names = _names(questions, result, state.by_both)
    is_compared = bool(state.before)
    shown = tuple(_row(state, group, names, result, is_compared) for group in result.groups)
    columns = [dimensions.label(state.also)] if state.also else []
    columns += [label for name in state.measures for label in _columns(MEASURES[name], is_compared)]
    head = dimensions.label(state.by) if state.by else "All"
    return _card(state, result, Table(head, tuple(columns), shown, _foot(state, result, is_compared)), csv_url, "table")


def _ask(questions: Questions, state: ExplorerState, by: Sequence[str], limit: int, **more: Any) -> Result:
    return questions.ask(
        asked(*state.measures), dimensions=list(by), limit=limit, filters=state.conditions, order=f"-{state.measure}",
        **more,
    )  # fmt: skip


def _names(questions: Questions, result: Result, by: Sequence[str]) -> Names:
    found = {}
    for name in by:
        keys = [labels.value_of(group.dimensions[name]) for group in result.groups]
        found[name] = labels.names(questions.user, questions.organization, name, keys)
    return found


def _columns(measure: Measure, is_compared: bool) -> list[str]:
    return [measure.label, *([f"{measure.label} before", "Change"] if is_compared else [])]


def _row(state: ExplorerState, group: Group, names: Names, result: Result, is_compared: bool) -> Row:
    keys = [labels.value_of(group.dimensions[name]) for name in state.by_both]
    called = [names[name].get(key, key) for name, key in zip(state.by_both, keys, strict=True)]
    texts, exacts = _cells(state, group.measures, group.previous, result.currency, is_compared)
    more = called[1:]
    url = "" if group.is_other or not keys else state.rows_url(**dict(zip(state.by_both, keys, strict=True)))
    return Row(called[0] if called else "All", (*more, *texts), (*more, *exacts), url=url)


def _foot(state: ExplorerState, result: Result, is_compared: bool) -> Row | None:
    if not state.by_both:
        return None
    texts, exacts = _cells(state, result.totals, result.previous_totals, result.currency, is_compared)
    more = ("",) if state.also else ()
    return Row("Whole period", (*more, *texts), (*more, *exacts))


def _cells(
    state: ExplorerState, now: Mapping[str, Value], before: Mapping[str, Value] | None, currency: str, is_compared: bool
) -> tuple[list[str], list[str]]:
    texts: list[str] = []
    exacts: list[str] = []
    for name in state.measures:
        measure, value, earlier = MEASURES[name], now.get(name), (before or {}).get(name)
        texts.append(values.text(measure, value, currency))
        exacts.append(values.exact(value))
        if is_compared:
            change = change_of(value, earlier)
            texts += [values.text(measure, earlier, currency), format.signed_percent(change)]
            exacts += [values.exact(earlier), values.exact(None if change is None else round(change, 6))]
    return texts, exacts


# ---- pivot -----------------------------------------------------------------------------------------------------------
def _pivot(questions: Questions, state: ExplorerState, csv_url: str) -> Card:
    """The first measure, rows by columns; with what lies beyond the shown rows and columns where it adds up."""
    result = _ask(questions, state, state.by_both, MOST_CELLS)
    names = _names(questions, result, state.by_both)
    measure = state.declared
    cross = crossed(result, state.by, state.also, state.top, MOST_COLUMNS, adds_up=measure.is_additive)
    called = [names[state.also].get(key, key) for key in cross.columns]
    totalled = measure.is_additive
    rows = tuple(
        _pivot_row(state, names[state.by].get(row, row), row, cross, result.currency, totalled) for row in cross.rows
    )
    foot = None
    if totalled:
        ends = [*(cross.column_totals.get(column) for column in cross.columns), result.totals.get(measure.name)]
        foot = Row("Total", *_texts(measure, ends, result.currency))
    columns = (*called, *(["Total"] if totalled else []))
    head = f"{dimensions.label(state.by)} by {dimensions.label(state.also).lower()}"
    return _card(state, result, Table(head, columns, rows, foot), csv_url, "pivot")


def crossed(result: Result, by: str, also: str, rows: int, columns: int, *, adds_up: bool) -> Cross:
    """The groups as a cross of the largest `rows` and `columns`; the rest of either is `Other` where it adds up, and
    left out where it does not. Pure."""
    measure = next(iter(result.totals))
    found: dict[tuple[str, str], Any] = {}
    for group in result.groups:
        key = (labels.value_of(group.dimensions[by]), labels.value_of(group.dimensions[also]))
        if group.measures.get(measure) is not None:
            found[key] = group.measures[measure]
    row_sizes, column_sizes = _sizes(found, 0), _sizes(found, 1)
    kept = (_largest(row_sizes, rows), _largest(column_sizes, columns))
    if not adds_up:
        cells = {key: value for key, value in found.items() if key[0] in kept[0] and key[1] in kept[1]}
        return Cross(kept[0], kept[1], cells, {}, {})
    folded: dict[tuple[str, str], Any] = {}
    for (row, column), value in found.items():
        key = (row if row in kept[0] else colors.OTHER, column if column in kept[1] else colors.OTHER)
        folded[key] = folded.get(key, 0) + value
    return Cross(
        _with_other(kept[0], {row for row, _ in folded}), _with_other(kept[1], {column for _, column in folded}),
        folded, _sizes(folded, 0), _sizes(folded, 1),
    )  # fmt: skip


def _sizes(cells: Mapping[tuple[str, str], Any], place: int) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    for key, value in cells.items():
        sizes[key[place]] = sizes.get(key[place], 0) + value
    return sizes


def _largest(sizes: Mapping[str, Any], most: int) -> list[str]:
    named = sorted((name for name in sizes if name != colors.OTHER), key=lambda name: (-sizes[name], name))
    return named[:most]


def _with_other(kept: list[str], known: set[str]) -> list[str]:
    return [*kept, *([colors.OTHER] if colors.OTHER in known else [])]


def _pivot_row(
    state: ExplorerState, name: str, row: str, cross: Cross, currency: str, totalled: bool
) -> Row:  # fmt: skip
    cells = [cross.cells.get((row, column)) for column in cross.columns]
    cells += [cross.row_totals.get(row)] if totalled else []
    texts, exacts = _texts(state.declared, cells, currency)
    url = "" if row == colors.OTHER else state.rows_url(**{state.by: row})
    return Row(name, texts, exacts, url=url)


def _texts(measure: Measure, cells: Sequence[Value], currency: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (
        tuple(values.text(measure, cell, currency) for cell in cells), tuple(values.exact(cell) for cell in cells)
    )  # fmt: skip


def _card(state: ExplorerState, result: Result, table: Table, csv_url: str, kind: str) -> Card:
    measures = [MEASURES[name] for name in (state.measures if kind == "table" else state.measures[:1])]
    by = " and ".join(dimensions.label(name).lower() for name in state.by_both)
    shown = ", ".join([measures[0].label, *(measure.label.lower() for measure in measures[1:])])
    more = len(state.measures) - len(measures)
    return Card(
        id=ID,
        title=f"{shown} by {by}" if by else shown,
        summary="A pivot shows the first measure; rows show all of them." if more else "",
        unit=", ".join(dict.fromkeys(values.unit(measure, result.currency) for measure in measures)),
        table=table,
        csv_url=csv_url,
        why=why(measures, result, state.period, state.rows_url(), state.words),
    )
