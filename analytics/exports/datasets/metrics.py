"""Answers of the metrics query, as rows: one for each group and bucket."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from analytics.api.serializers.questions import SemanticQuerySerializer, query_of
from analytics.exports.datasets.base import View
from analytics.exports.table import Column, Kind, Table
from analytics.labels import FIELDS, labels
from analytics.metrics import DIMENSIONS, MEASURES, Measure
from analytics.query import Query, Result, run
from analytics.query.plan import make_plan

KINDS: Mapping[str, Kind] = {
    "count": "integer", "tokens": "integer", "money": "money", "percent": "ratio", "duration": "number",
    "rate": "number", "score": "number",
}  # fmt: skip


class MetricsDataset:
    """Measures × dimensions × time."""

    name = "metrics"
    label = "Figures"
    formats: tuple[str, ...] = ()
    asks_window = False

    def check(self, question: Mapping[str, Any], view: View) -> None:
        make_plan(read(question, view), view.scope, datetime.now(UTC))

    def open(self, question: Mapping[str, Any], view: View) -> Table:
        query = read(question, view)
        return table_of(query, run(None, query, scope=view.scope))  # type: ignore[arg-type]  # the scope says who


def read(question: Mapping[str, Any], view: View) -> Query:
    """Raises DRF's ValidationError."""
    fields = SemanticQuerySerializer(data=dict(question))
    fields.is_valid(raise_exception=True)
    return query_of(fields.validated_data, view.organization)


def table_of(query: Query, result: Result) -> Table:
    """Series where a granularity was asked for, else groups, else the totals. Ids have their names beside them."""
    dimensions, measures = list(query.dimensions), [MEASURES[name] for name in query.measures]
    names = {name: labels(name, {group.dimensions[name] for group in result.groups}) for name in dimensions}
    columns = [Column("time", "Time", "time")] if query.granularity else []
    for name in dimensions:
        label = DIMENSIONS[name].label if name in DIMENSIONS else name
        columns.append(Column(name, label))
        if name in FIELDS:
            columns.append(Column(f"{name}_name", f"{label} name"))
    columns += [column_of(measure) for measure in measures]
    rows = list(_rows(query, result, names))
    return Table(
        title=f"{', '.join(measure.label for measure in measures)}, {query.start:%Y-%m-%d} to {query.end:%Y-%m-%d}",
        columns=columns, rows=iter(rows), currency=result.currency, expected=len(rows),
        notes=[note.message for note in result.notes],
    )  # fmt: skip


def column_of(measure: Measure) -> Column:
    unit = "" if measure.unit in ("1", "currency", "ratio", "tokens") else f" ({measure.unit})"
    return Column(measure.name, f"{measure.label}{unit}", KINDS[measure.format])


def _rows(query: Query, result: Result, names: Mapping[str, Mapping[str, str]]) -> Iterator[Sequence[Any]]:
    if query.granularity:
        for point in result.series:
            yield [point.time, *_named(query, point.dimensions, names), *_values(query, point.measures)]
    elif query.dimensions:
        for group in result.groups:
            yield [*_named(query, group.dimensions, names), *_values(query, group.measures)]
    else:
        yield _values(query, result.totals)


def _values(query: Query, measures: Mapping[str, Any]) -> list[Any]:
    return [measures[name] for name in query.measures]


def _named(query: Query, values: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> Iterator[str | None]:
    for name in query.dimensions:
        value = None if values[name] is None else str(values[name])
        yield value
        if name in FIELDS:
            yield names[name].get(value or "")
