"""What the home page shows, read through `analytics.query`; a part that cannot be read says so and the rest stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.core.cache import cache
from django.db.models import Q
from django.utils.safestring import SafeString

from analytics.console import charts, colors, format
from analytics.console.periods import Period
from analytics.console.sparkline import sparkline
from analytics.query import Group, Query, Result, run
from analytics.query.scope import Scope, scope_of
from gateway.models import Model, Organization, User

log = structlog.get_logger(__name__)

TOP_MODELS = 8
TOP_PROJECTS = 8
Value = Decimal | int | float | None
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measure:
    """How one KPI is shown. `good`: the direction that is good news (`up`, `down`, empty for neither);
    `unit`: of the exact value."""

    name: str
    label: str
    text: Callable[[Value, str], str]
    more: str = "more"
    less: str = "less"
    good: str = ""
    is_ratio: bool = False
    unit: str = ""


MEASURES = (
    Measure("requests", "Requests", lambda v, _: format.compact(v), unit="requests"),
    Measure("total_tokens", "Tokens", lambda v, _: format.compact(v), unit="tokens"),
    Measure("cost", "Cost", lambda v, currency: format.money_short(v, currency), good="down"),
    Measure("error_rate", "Error rate", lambda v, _: format.percent(v), "higher", "lower", "down", is_ratio=True),
    Measure("latency_p95", "Latency p95", lambda v, _: format.duration(v), "slower", "faster", "down", unit="ms"),
    Measure("ttft_p95", "First token p95", lambda v, _: format.duration(v), "slower", "faster", "down", unit="ms"),
)


@dataclass(frozen=True, slots=True)
class Kpi:
    """One tile: texts ready to print; `tone` is good, bad or neutral, `arrow` up, down or empty."""

    label: str
    value: str
    exact: str
    change: str
    tone: str
    arrow: str
    spark: SafeString


@dataclass(frozen=True, slots=True)
class Kpis:
    """The strip, when it was computed and how far behind the rollups are."""

    tiles: tuple[Kpi, ...]
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


@dataclass
class Questions:
    """What one page asks about one organization and period; whose view it is, is found out once. One query."""

    user: User
    organization: Organization
    period: Period

    def ask(self, measures: Sequence[str], **more: Any) -> Result:
        """Raises QueryError; at most one query besides that of the scope."""
        return run(self.user, self._query(measures, **more), scope=self._scope)

    @cached_property
    def _scope(self) -> Scope:
        return scope_of(self.user, self._query(["requests"]))

    def _query(self, measures: Sequence[str], **more: Any) -> Query:
        period = self.period
        return Query(
            measures=list(measures), start=period.start, end=period.end, timezone=period.zone,
            organization=self.organization, **more,
        )  # fmt: skip


def attempt(part: str, load: Callable[[], T]) -> T | None:
    """`load()`, or None when it fails: one broken part of a page must not take the page down. The error is logged."""
    try:
        return load()
    except Exception:
        log.exception("console_part_failed", part=part)
        return None


def load_kpis(questions: Questions) -> Kpis:
    """Totals with change against the window before, and a series for each sparkline."""
    period = questions.period
    names = [*(measure.name for measure in MEASURES), "unpriced_requests", "denied"]
    result = questions.ask(names, granularity=period.spark_granularity, compare_to="previous_period")
    return Kpis(
        tiles=tuple(_kpi(measure, result, period) for measure in MEASURES),
        as_of=format.local(result.generated_at, period.zone),
        lag=format.lag(result.rollup_lag_s),
        stale=result.stale,
        unpriced=format.number(result.totals.get("unpriced_requests") or 0),
        denied=format.number(result.totals.get("denied") or 0),
        is_empty=not result.totals.get("requests"),
    )


def load_cost_chart(questions: Questions) -> charts.Chart:
    """Cost per bucket stacked by the model that served, beyond the dearest eight as `Other`."""
    period = questions.period
    result = questions.ask(["cost"], dimensions=["model"], granularity=period.granularity, limit=TOP_MODELS)
    times = sorted({point.time for point in result.series})
    places = {at: place for place, at in enumerate(times)}
    costs: dict[str, list[Decimal]] = {}
    for point in result.series:
        values = costs.setdefault(_name(point.dimensions, "model"), [Decimal(0)] * len(times))
        values[places[point.time]] += Decimal(point.measures.get("cost") or 0)
    ranked = sorted(costs, key=lambda name: (name == colors.OTHER, -sum(costs[name]), name))
    return charts.cost_by_model(
        charts.StackedCosts(
            times=times,
            costs={name: costs[name] for name in ranked if any(costs[name])},
            slots=model_slots(questions.organization, ranked),
            granularity=period.granularity,
            zone=period.zone,
            currency=result.currency,
            partial_ends=period.partial_ends(result.generated_at),
        )
    )


def load_projects(questions: Questions, names: Mapping[UUID, str]) -> list[ProjectRow]:
    """The dearest projects of the window with their share and change; `names` by project id."""
    measures = ["cost", "requests"]
    result = questions.ask(measures, dimensions=["project"], limit=TOP_PROJECTS, compare_to="previous_period")
    labels = {str(pk): name for pk, name in names.items()}
    rows = [_project_row(group, labels, result, questions.period) for group in result.groups]
    return [row for row in rows if row is not None]


def model_slots(organization: Organization, names: Sequence[str]) -> dict[str, int]:
    """Colour slots that are the same on every page of the organization: catalogue order, oldest first. One query a
    minute: only names that the answer already shows are looked up, so a shared list reveals nothing."""

    def catalogue() -> list[str]:
        models = Model.objects.filter(Q(organization=organization) | Q(organization=None))
        return list(models.order_by("created_at", "id").values_list("name", flat=True)[:500])

    return colors.slots(names, cache.get_or_set(f"console:models:{organization.pk}", catalogue, 60) or [])


def _kpi(measure: Measure, result: Result, period: Period) -> Kpi:
    value = result.totals.get(measure.name)
    change: Value = result.change.get(measure.name)
    before = (result.previous_totals or {}).get(measure.name)
    if measure.is_ratio:
        change = None if value is None or before is None else Decimal(str(value)) - Decimal(str(before))
        words = format.points_words(change, period.before)
    else:
        words = format.change_words(change, period.before, more=measure.more, less=measure.less)
    points = [point.measures.get(measure.name) for point in result.series]
    label = f"{measure.label}, {period.label}"
    arrow = _arrow(words, change)
    return Kpi(
        label=measure.label,
        value=measure.text(value, result.currency),
        exact=_exact(measure, value, result.currency),
        change=words,
        tone=_tone(measure, arrow),
        arrow=arrow,
        spark=sparkline([None if point is None else float(point) for point in points], label),
    )


def _exact(measure: Measure, value: Value, currency: str) -> str:
    if value is None:
        return "nothing measured in this period"
    if measure.name == "cost":
        return format.exact_money(Decimal(str(value)), currency)
    if measure.is_ratio:
        return measure.text(value, currency)
    return f"{Decimal(str(value)).quantize(Decimal(1)):,f}{format.NARROW}{measure.unit}"


def _arrow(words: str, change: Value) -> str:
    if change is None or words.startswith("about"):
        return ""
    return "up" if change > 0 else "down"


def _tone(measure: Measure, arrow: str) -> str:
    if not arrow or not measure.good:
        return "neutral"
    return "good" if arrow == measure.good else "bad"


def _project_row(group: Group, names: Mapping[str, str], result: Result, period: Period) -> ProjectRow | None:
    key = _name(group.dimensions, "project")
    cost = Decimal(group.measures.get("cost") or 0)
    total = Decimal(result.totals.get("cost") or 0)
    if not group.measures.get("requests") and not cost:
        return None
    share = float(cost / total) if total else 0.0
    before = None if group.previous is None else Decimal(group.previous.get("cost") or 0)
    change = (cost - before) / before if before else None
    new = "new in this period" if before is None and not group.is_other else ""
    words = new or ("" if change is None else format.change_words(change, period.before))
    return ProjectRow(
        id="" if group.is_other else key,
        name="Other projects" if group.is_other else names.get(key, f"Project {key[:8]}"),
        cost=format.money_short(cost, result.currency),
        share=share,
        share_text=format.percent(share),
        requests=format.number(group.measures.get("requests")),
        change=words,
        arrow=_arrow(words, change),
    )


def _name(dimensions: Mapping[str, Any], dimension: str) -> str:
    value = dimensions.get(dimension)
    return "(none)" if value is None else str(value)
