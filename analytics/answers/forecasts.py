"""What is to be expected: a measure's next buckets with intervals, why they are believed, and how earlier ones did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from analytics.answers.questions import Questions
from analytics.forecasting import Forecast
from analytics.labels import labels
from analytics.metrics import MEASURES
from analytics.outlook.history import LEVELS, History, outlook
from analytics.outlook.models import ForecastRun
from analytics.outlook.runs import ORGANIZATION, TEAM
from analytics.query import Filter, Note, QueryError, Value

PLACES = 10
MOST_RUNS = 30
NO_HISTORY = Note("no_history", "Nothing was used before: there is nothing to forecast from.")
NO_TOTAL = Note("no_total", "total is null: values of this measure do not add up.")
LOW_CONFIDENCE = Note("low_confidence", "The history is too short to test the forecast on: its band is a guess.")


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds at one level."""

    level: float
    lower: Value
    upper: Value


@dataclass(frozen=True, slots=True)
class ExpectedPoint:
    """One bucket, named by its start."""

    time: datetime
    mean: Value
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class ExpectedTotal:
    """The sum over the horizon."""

    mean: Value
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class Part:
    """A team or project of the newest stored runs of cost by day."""

    level: str
    id: str
    name: str
    team: str | None
    total: ExpectedTotal


def forecast(
    questions: Questions,
    *,
    metric: str,
    granularity: str,
    horizon: int,
    levels: Sequence[float] = LEVELS,
    timezone: str,
    filters: Sequence[Filter] = (),
) -> dict[str, Any]:
    """The answer of `analytics/forecast`. Raises QueryError. One question, and four statements for runs and names."""
    now = datetime.now(UTC)
    if metric not in MEASURES:
        raise QueryError("unknown_measure", f"No measure {metric!r}; there are {', '.join(MEASURES)}.")
    history, found = outlook(
        questions, metric, granularity, timezone, now, horizon=horizon, levels=levels, filters=filters
    )
    scope = questions.scope
    stored = runs(questions, metric, granularity) if not filters else []
    body = {
        "generated_at": now, "data_version": scope.version, "rollup_lag_s": scope.lag_s, "currency": scope.currency,
        "timezone": timezone, "stale": False, "metric": metric, "granularity": granularity, "horizon": horizon,
        "history": {"start": history.times[0] if history.times else None, "end": history.end,
                    "points": len(history.times)},
        "past_runs": stored,
        "parts": parts(questions) if metric == "cost" and not filters else [],
    }  # fmt: skip
    if found is None:
        questions.note(NO_HISTORY)
        return body | dict.fromkeys(("method", "reason", "total", "trend", "backtest")) | {
            "candidates": [], "points": [], "seasonality": [], "low_confidence": True, "notes": list(questions.notes),
        }  # fmt: skip
    return body | told(questions, history, found)


def told(questions: Questions, history: History, found: Forecast) -> dict[str, Any]:
    """The forecast itself, in the measure's own unit; its notes join those of the questions."""
    adds_up = MEASURES[history.measure].kind == "sum"
    for text in found.notes:
        questions.note(Note("forecast", f"{text[0].upper()}{text[1:]}."))
    questions.note(*([] if adds_up else [NO_TOTAL]), *([LOW_CONFIDENCE] if found.low_confidence else []))
    backtest = found.backtest
    return {
        "method": found.method,
        "reason": found.reason,
        "candidates": found.candidates,
        "points": points(history, found),
        "total": total(history.measure, found) if adds_up else None,
        "trend": found.trend,
        "seasonality": [{"steps": steps, "strength": strength} for steps, strength in found.seasonality.items()],
        "backtest": {
            "error": backtest.error, "bias": backtest.bias, "mase": backtest.mase, "origins": backtest.origins,
            "steps": backtest.steps,
            "coverage": [{"level": level, "share": share} for level, share in sorted(backtest.coverage.items())],
        },
        "low_confidence": found.low_confidence,
        "notes": list(questions.notes),
    }  # fmt: skip


def points(history: History, found: Forecast) -> list[ExpectedPoint]:
    """One for every step."""
    name = history.measure
    return [
        ExpectedPoint(
            at, amount(name, found.mean[i]),
            [
                Interval(level, amount(name, found.lower[level][i]), amount(name, found.upper[level][i]))
                for level in sorted(found.lower)
            ],
        )
        for i, at in enumerate(history.ahead(found.horizon))
    ]  # fmt: skip


def total(measure: str, found: Forecast) -> ExpectedTotal:
    whole = found.total
    return ExpectedTotal(
        amount(measure, whole.mean),
        [
            Interval(level, amount(measure, whole.lower[level]), amount(measure, whole.upper[level]))
            for level in sorted(whole.lower)
        ],
    )


def amount(measure: str, value: float) -> Value:
    """Money as a decimal of ten places, everything else as it is."""
    if not MEASURES[measure].is_money:
        return float(value)
    return Decimal(repr(float(value))).quantize(Decimal(10) ** -PLACES) if value < 1e25 else Decimal(int(value))


def runs(questions: Questions, metric: str, granularity: str) -> list[ForecastRun]:
    """Stored runs of the whole organization that the person may see, newest origin first. One query."""
    rows = ForecastRun.objects.visible_to(questions.user).filter(
        organization=questions.organization, measure=metric, grain=granularity, level=ORGANIZATION
    )
    return list(rows.order_by("-origin_at")[:MOST_RUNS])


def parts(questions: Questions) -> list[Part]:
    """Teams and projects of the newest runs that the person may see; projects add up to their team. Four queries."""
    rows = ForecastRun.objects.visible_to(questions.user).filter(
        organization=questions.organization, measure="cost", grain="day"
    )
    newest = rows.order_by("-origin_at").values("origin_at")[:1]
    shown = list(rows.filter(origin_at=newest).exclude(level=ORGANIZATION))
    names = {
        level: labels(level, {run.subject for run in shown if run.level == level}) for level in {r.level for r in shown}
    }
    shown.sort(key=lambda run: (run.level != TEAM, -run.total["mean"]))
    return [_part(run, names[run.level]) for run in shown]


def _part(run: ForecastRun, names: Mapping[str, str]) -> Part:
    words = {"none": f"No {run.level}", "other": "Other"}
    name = names.get(run.subject) or words.get(run.subject, run.subject)
    bounds = [
        Interval(float(level), amount("cost", run.total["lower"][level]), amount("cost", run.total["upper"][level]))
        for level in sorted(run.total["lower"])
    ]
    whole = ExpectedTotal(amount("cost", run.total["mean"]), bounds)
    return Part(run.level, run.subject, name, str(run.team) if run.team else None, whole)
