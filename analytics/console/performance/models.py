"""Speed and reliability of models side by side, and the change of each against the window before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.console import colors, format
from analytics.console.cards import Card, Row, Table, labels, values
from analytics.console.cards.why import asked, why
from analytics.console.questions import Questions
from analytics.console.usage.state import State
from analytics.metrics import MEASURES
from analytics.query import Group, Result

SHOWN = (
    "requests", "latency_p50", "latency_p95", "latency_p99", "ttft_p95", "output_rate_p50", "error_rate",
    "availability", "apdex",
)  # fmt: skip
MOST = 50
SAME = 0.005


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model: `cells` in the order of `SHOWN`; `change` of p95 latency in words; `url`: its requests."""

    name: str
    color: str
    pattern: int
    cells: tuple[str, ...]
    change: str
    url: str
    only_url: str


@dataclass(frozen=True, slots=True)
class Models:
    card: Card
    rows: tuple[ModelRow, ...]
    columns: tuple[str, ...]


def load(questions: Questions, state: State, csv_url: str) -> Models:
    """The models with the most requests. Raises QueryError. One query, one a minute for colours."""
    result = questions.ask(
        asked(*SHOWN), dimensions=["model"], limit=MOST, order="-requests", filters=state.conditions,
        compare_to=state.compared,
    )  # fmt: skip
    called = [group for group in result.groups if group.measures.get("requests")]
    keys = [labels.value_of(group.dimensions["model"]) for group in called]
    slots = labels.slots(questions.organization, "model", keys)
    rows = tuple(_row(state, group, key, slots[key]) for group, key in zip(called, keys, strict=True))
    return Models(_card(result, called, state, csv_url), rows, tuple(MEASURES[name].label for name in SHOWN))


def summary(called: Sequence[Group]) -> str:
    """One sentence: the fastest and the slowest by p95 among models with traffic."""
    known = [
        (float(value), labels.value_of(group.dimensions["model"]))
        for group in called
        if not group.is_other and (value := group.measures.get("latency_p95")) is not None
    ]
    if not known:
        return "Nothing was measured in this period."
    (fast, fastest), (slow, slowest) = min(known), max(known)
    if len(known) == 1:
        return f"{fastest} alone was called: 95 % of its answers were complete within {format.duration(fast)}."
    return (
        f"By p95 latency {fastest} is the fastest with {format.duration(fast)}, "
        f"{slowest} the slowest with {format.duration(slow)}; their work may differ."
    )


def _row(state: State, group: Group, key: str, slot: int) -> ModelRow:
    now, before = group.measures.get("latency_p95"), (group.previous or {}).get("latency_p95")
    change = ""
    if state.before and now is not None and before:
        change = _change(float(now) / float(before) - 1)
    return ModelRow(
        name=colors.OTHER if group.is_other else key,
        color=colors.color(slot),
        pattern=colors.pattern_number(slot),
        cells=tuple(values.text(MEASURES[name], group.measures.get(name), "") for name in SHOWN),
        change=change,
        url="" if group.is_other else state.rows_url(model=key),
        only_url="" if group.is_other else state.url(filters=state.narrowed("model", key)),
    )


def _change(change: float) -> str:
    """`0.17` → `17 % slower`; the column's head says than what."""
    if abs(change) < SAME:
        return "about the same"
    return f"{abs(change):.0%}".replace("%", f"{format.NARROW}%") + (" slower" if change > 0 else " faster")


def _card(result: Result, called: Sequence[Group], state: State, csv_url: str) -> Card:
    rows = tuple(
        Row(key, (), tuple(values.exact(_rounded(group.measures.get(name))) for name in SHOWN))
        for group in called
        for key in [labels.value_of(group.dimensions["model"])]
    )
    columns = tuple(f"{MEASURES[name].label}, {MEASURES[name].unit}" for name in SHOWN)
    return Card(
        id="models",
        title="Models side by side",
        summary=summary(called),
        unit="those with the most requests",
        table=Table("Model", columns, rows),
        csv_url=csv_url,
        why=why([MEASURES[name] for name in SHOWN[1:]], result, state.period, state.rows_url(), state.words),
    )


def _rounded(value: object) -> float | int | None:
    return round(value, 6) if isinstance(value, float) else value  # type: ignore[return-value]  # a count or nothing
