"""What the home page shows, read through `analytics.query`; a part that cannot be read says so and the rest stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from analytics.console import format
from analytics.console.cards import Card
from analytics.console.cards.why import asked, why
from analytics.console.questions import Questions, attempt
from analytics.console.tiles import Shown, Tile, arrow, tile
from analytics.console.usage import series
from analytics.console.usage.state import State
from analytics.metrics import MEASURES as DECLARED
from analytics.query import Group, QueryError, Result

TOP_MODELS = 8
TOP_PROJECTS = 8


MEASURES = (
    Shown("requests", "Requests", lambda v, _: format.compact(v), unit="requests"),
    Shown("total_tokens", "Tokens", lambda v, _: format.compact(v), unit="tokens"),
    Shown("cost", "Cost", lambda v, currency: format.money_short(v, currency), good="down"),
    Shown("error_rate", "Error rate", lambda v, _: format.percent(v), "higher", "lower", "down", is_ratio=True),
    Shown("latency_p95", "Latency p95", lambda v, _: format.duration(v), "slower", "faster", "down", unit="ms"),
    Shown("ttft_p95", "First token p95", lambda v, _: format.duration(v), "slower", "faster", "down", unit="ms"),
)


@dataclass(frozen=True, slots=True)
class Kpis:
    """The strip, when it was computed and how far behind the rollups are."""

    tiles: tuple[Tile, ...]
    as_of: datetime
    lag: str
    stale: bool
    unpriced: str
    denied: str
    is_empty: bool


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One row of "Top projects"; `share` 0–1 of the organization's cost, `id` empty for the rest bucket."""

    id: str
    name: str
    cost: str
    share: float
    share_text: str
    requests: str
    change: str
    arrow: str


def load_kpis(questions: Questions, state: State) -> Kpis:
    """Totals with change against the window compared with, and a series for each sparkline. Raises QueryError. What no
    cube keeps under the filters, percentiles by tag say, has a dash."""
    period = questions.period
    names = asked(*(measure.name for measure in MEASURES), "unpriced_requests", "denied")
    more = {
        "granularity": period.spark_granularity, "compare_to": state.compared, "filters": state.conditions,
    }  # fmt: skip
    try:
        result = questions.ask(names, **more)
    except QueryError as error:
        if error.code != "not_covered":
            raise
        result = questions.ask([name for name in names if not name.endswith("_p95")], **more)
    cut = period.partial_ends(result.generated_at, period.spark_granularity)
    return Kpis(
        tiles=tuple(
            tile(
                shown,
                result,
                period.label,
                state.before,
                why([DECLARED[shown.name]], result, period, state.rows_url(), state.words),
                cut,
            )
            for shown in MEASURES
        ),
        as_of=format.local(result.generated_at, period.zone),
        lag=format.lag(result.rollup_lag_s),
        stale=result.stale,
        unpriced=format.number(result.totals.get("unpriced_requests") or 0),
        denied=format.number(result.totals.get("denied") or 0),
        is_empty=not result.totals.get("requests"),
    )


def load_cost_chart(questions: Questions, here: State) -> Card:
    """Cost per bucket stacked by the model that served, beyond the dearest eight as `Other`. Raises QueryError."""
    state = replace(here, measure="cost", by="model", view="stacked", asked_grain="", compare="none", top=TOP_MODELS)
    found = series.load(questions, state, timezone.now())
    csv_url = f"{reverse('admin:usage_csv')}?{urlencode([*state.query, ('card', 'series')])}"
    return series.card(found, id="cost-by-model", csv_url=csv_url)


def load_projects(questions: Questions, state: State, names: Mapping[UUID, str]) -> list[ProjectRow]:
    """The dearest projects of the window with their share and change; `names` by project id. Raises QueryError."""
    result = questions.ask(
        ["cost", "requests"], dimensions=["project"], limit=TOP_PROJECTS, compare_to=state.compared,
        filters=state.conditions,
    )  # fmt: skip
    labels = {str(pk): name for pk, name in names.items()}
    rows = [_project_row(group, labels, result, state.before) for group in result.groups]
    return [row for row in rows if row is not None]


def _project_row(group: Group, names: Mapping[str, str], result: Result, compared: str) -> ProjectRow | None:
    key = _name(group.dimensions, "project")
    cost = Decimal(group.measures.get("cost") or 0)
    total = Decimal(result.totals.get("cost") or 0)
    if not group.measures.get("requests") and not cost:
        return None
    share = float(cost / total) if total else 0.0
    before = None if group.previous is None else Decimal(group.previous.get("cost") or 0)
    change = (cost - before) / before if before else None
    new = "new in this period" if compared and before is None and not group.is_other else ""
    words = new or ("" if change is None else format.change_words(change, compared))
    return ProjectRow(
        id="" if group.is_other else key,
        name="Other projects" if group.is_other else names.get(key, f"Project {key[:8]}"),
        cost=format.money_short(cost, result.currency),
        share=share,
        share_text=format.percent(share),
        requests=format.number(group.measures.get("requests")),
        change=words,
        arrow=arrow(words, change),
    )


def _name(dimensions: Mapping[str, Any], dimension: str) -> str:
    value = dimensions.get(dimension)
    return "(none)" if value is None else str(value)


__all__ = ["Questions", "attempt", "load_cost_chart", "load_kpis", "load_projects"]
