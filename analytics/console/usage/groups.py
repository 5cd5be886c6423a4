"""The values of the chosen dimension as a table: value, share, change, and what they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from analytics.console import colors, format
from analytics.console.cards import Card, Row, Table, labels, values
from analytics.console.usage import dimensions
from analytics.console.usage.series import Series, change_words, summary
from analytics.metrics import MEASURES, Measure
from analytics.query import Group, Value


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One value of the dimension; `share` 0–1 or None where parts do not add up; `url` leads to its requests,
    `only_url` narrows the page to it (both empty for the rest)."""

    name: str
    color: str
    pattern: int
    value: str
    exact: str
    share: float | None
    share_text: str
    requests: str
    previous: str
    change: str
    url: str
    only_url: str


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows in rank order, the rest last, and the totals; `card` holds the same as a table for the CSV."""

    card: Card
    rows: tuple[GroupRow, ...]
    total: GroupRow
    compared_with: str


def build(series: Series, csv_url: str) -> Groups:
    """The table of `series`, which is grouped."""
    state, measure = series.state, series.measure
    shown = [group for group in series.result.groups if _has_something(measure, group)]
    rows = tuple(_row(series, group) for group in shown)
    total = _total(series)
    dimension = dimensions.label(state.by)
    columns = [measure.label, "Share", "Requests"]
    if state.before:
        columns += ["Before", "Change"]
    exact = [_machine(series, group) for group in shown]
    whole = series.result.totals
    before = series.result.previous_totals or {}
    foot = _cells("Total", measure, whole, before, 1.0 if measure.is_additive else None, compared=bool(state.before))
    card = Card(
        id="usage-groups",
        title=f"{measure.label} by {dimension.lower()}",
        summary=summary(series),
        unit=values.unit(measure, series.result.currency),
        table=Table(dimension, tuple(columns), tuple(exact), foot),
        csv_url=csv_url,
    )
    return Groups(card, rows, total, state.before)


def _has_something(measure: Measure, group: Group) -> bool:
    """Whether the group has a value or a request, now or before: a dimension may have lines that are neither."""
    return any(
        values.get(name) for values in (group.measures, group.previous or {}) for name in (measure.name, "requests")
    )


def _row(series: Series, group: Group) -> GroupRow:
    state, measure = series.state, series.measure
    key = labels.value_of(group.dimensions[state.by])
    value, before = group.measures.get(measure.name), (group.previous or {}).get(measure.name)
    slot = series.slots.get(key, colors.OTHER_SLOT)
    return GroupRow(
        name=f"{colors.OTHER}, all beyond the first {state.top}" if group.is_other else series.names.get(key, key),
        color=colors.color(slot),
        pattern=colors.pattern_number(slot),
        value=series.text(value),
        exact=values.exact(value),
        share=group.share,
        share_text=format.percent(group.share),
        requests=format.number(group.measures.get("requests")),
        previous=series.text(before) if group.previous is not None else "",
        change=_change(measure, value, before, state.before, is_new=group.previous is None and not group.is_other),
        url="" if group.is_other else state.rows_url(**{state.by: key}),
        only_url="" if group.is_other else state.url(filters=state.narrowed(state.by, key)),
    )


def _total(series: Series) -> GroupRow:
    measure, result = series.measure, series.result
    value = result.totals.get(measure.name)
    before = (result.previous_totals or {}).get(measure.name)
    return GroupRow(
        name="Total" if measure.is_additive else "Whole period",
        color="", pattern=0, value=series.text(value), exact=values.exact(value),
        share=1.0 if measure.is_additive and value else None,
        share_text=format.percent(1) if measure.is_additive and value else format.DASH,
        requests=format.number(result.totals.get("requests")),
        previous=series.text(before) if result.previous_totals is not None else "",
        change=change_words(measure, result, series.state.before) if series.state.before else "",
        url=series.state.rows_url(), only_url="",
    )  # fmt: skip


def _change(measure: Measure, now: Value, before: Value, words: str, *, is_new: bool) -> str:
    if not words or now is None:
        return ""
    if is_new:
        return "new in this period"
    if before is None:
        return ""
    difference = Decimal(str(now)) - Decimal(str(before))
    if measure.format == "percent":
        return format.points_words(difference, words)
    return format.change_words(difference / abs(Decimal(str(before))), words) if before else ""


def _machine(series: Series, group: Group) -> Row:
    key = labels.value_of(group.dimensions[series.state.by])
    name = colors.OTHER if group.is_other else series.names.get(key, key)
    compared = bool(series.state.before)
    return _cells(name, series.measure, group.measures, group.previous or {}, group.share, compared=compared)


def _cells(
    name: str, measure: Measure, now: Mapping[str, Value], before: Mapping[str, Value], share: float | None,
    *, compared: bool,
) -> Row:  # fmt: skip
    value, earlier = now.get(measure.name), before.get(measure.name)
    cells = [values.exact(value), values.exact(None if share is None else round(share, 6)),
             values.exact(now.get(MEASURES["requests"].name))]  # fmt: skip
    if compared:
        change = None
        if value is not None and earlier:
            change = round(float((Decimal(str(value)) - Decimal(str(earlier))) / abs(Decimal(str(earlier)))), 6)
        cells += [values.exact(earlier), values.exact(change)]
    row = Row(name, tuple(cells), tuple(cells))
    return replace(row, exact_label=name)
