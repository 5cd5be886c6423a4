"""What is to be expected: a measure's next buckets with intervals, why they are believed, and how earlier ones did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from analytics.answers.questions import Questions
from analytics.forecasting import Forecast, moved
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
    whole = Whole(found, None, [])
    if found is not None and metric == "cost" and not filters:
        whole = agreed(questions, history, found)
    body = {
        "generated_at": now, "data_version": scope.version, "rollup_lag_s": scope.lag_s, "currency": scope.currency,
        "timezone": timezone, "stale": False, "metric": metric, "granularity": granularity, "horizon": horizon,
        "history": {"start": history.times[0] if history.times else None, "end": history.end,
                    "points": len(history.times)},
        "past_runs": stored,
        "parts": whole.parts,
    }  # fmt: skip
    if whole.found is None:
        questions.note(NO_HISTORY)
        return body | dict.fromkeys(("method", "reason", "total", "trend", "backtest")) | {
            "candidates": [], "points": [], "seasonality": [], "low_confidence": True, "notes": list(questions.notes),
        }  # fmt: skip
    return body | told(questions, history, whole.found, whole.total)


def told(questions: Questions, history: History, found: Forecast, exact: Decimal | None = None) -> dict[str, Any]:
    """The forecast itself, in the measure's own unit; its notes join those of the questions. `exact`: the mean of its
    total to the last digit."""
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
        "total": total(history.measure, found, exact) if adds_up else None,
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


def total(measure: str, found: Forecast, exact: Decimal | None = None) -> ExpectedTotal:
    whole = found.total
    bounds = [
        Interval(level, amount(measure, whole.lower[level]), amount(measure, whole.upper[level]))
        for level in sorted(whole.lower)
    ]
    return ExpectedTotal(amount(measure, whole.mean) if exact is None else exact, bounds)


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


# ---- parts -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Whole:
    """A forecast and its parts, of which `total` is the sum to the last digit; None where it has none."""

    found: Forecast | None
    total: Decimal | None
    parts: Sequence[Part]


def agreed(questions: Questions, history: History, found: Forecast) -> Whole:
    """`found`, of the cost by day that the person sees, as it was reconciled with its teams and projects in the stored
    runs of the same origin, zone and horizon, together with these. As it is where nothing is stored that covers what
    the person sees; without parts where nothing is stored. Three queries at most."""
    rows = ForecastRun.objects.visible_to(questions.user).filter(
        organization=questions.organization, measure="cost", grain="day", origin_at=history.end, zone=history.zone,
        horizon=found.horizon,
    )  # fmt: skip
    stored = list(rows) if history.grain == "day" else []
    shown = [run for run in stored if run.level != ORGANIZATION]
    means = _exact_means(shown)
    root = next((run for run in stored if _is_whole(questions, run)), None)
    if root is None:
        return Whole(found, None, _parts(shown, means))
    teams = [mean for (level, _), mean in means.items() if level == TEAM]
    exact = sum(teams, Decimal(0)) if teams else amount("cost", root.total["mean"])
    assert isinstance(exact, Decimal)
    return Whole(_adopted(found, root, float(exact)), exact, _parts(shown, means))


def _is_whole(questions: Questions, run: ForecastRun) -> bool:
    """Whether a run is of exactly what the person sees."""
    scope = questions.scope
    if scope.wide:
        return run.level == ORGANIZATION
    return run.level == TEAM and not scope.own and scope.teams == (run.team,)


def _adopted(found: Forecast, run: ForecastRun, mean: float) -> Forecast:
    whole = moved(found, np.asarray(run.mean, dtype=np.float64), mean)
    before = found.total.mean
    trend = None if found.trend is None or before <= 0 else (1.0 + found.trend) * mean / before - 1.0
    return replace(whole, trend=trend)


def _exact_means(shown: Sequence[ForecastRun]) -> dict[tuple[str, str], Decimal]:
    """Level and place → total; a team's is the sum of its projects' to the last digit. Places of projects are those of
    their team and their own."""
    found: dict[tuple[str, str], Decimal] = {}
    for run in shown:
        if run.level != TEAM:
            mean = amount("cost", run.total["mean"])
            assert isinstance(mean, Decimal)
            found[run.level, _place(run)] = mean
            found[TEAM, team_of(run)] = found.get((TEAM, team_of(run)), Decimal(0)) + mean
    return found


def _place(run: ForecastRun) -> str:
    return run.subject if run.level == TEAM else f"{team_of(run)}/{run.subject}"


def team_of(run: ForecastRun) -> str:
    """Subject of the team that a project's run belongs to."""
    return run.subject if run.subject == "other" else str(run.team) if run.team else "none"


def _parts(shown: list[ForecastRun], means: Mapping[tuple[str, str], Decimal]) -> list[Part]:
    """Teams, then projects, the dearest first. A query for the names of each level."""
    names = {
        level: labels(level, {run.subject for run in shown if run.level == level}) for level in {r.level for r in shown}
    }
    shown.sort(key=lambda run: (run.level != TEAM, -run.total["mean"]))
    return [_part(run, names[run.level], means.get((run.level, _place(run)))) for run in shown]


def _part(run: ForecastRun, names: Mapping[str, str], exact: Decimal | None) -> Part:
    words = {"none": f"No {run.level}", "other": "Other"}
    name = names.get(run.subject) or words.get(run.subject, run.subject)
    bounds = [
        Interval(float(level), amount("cost", run.total["lower"][level]), amount("cost", run.total["upper"][level]))
        for level in sorted(run.total["lower"])
    ]
    whole = ExpectedTotal(amount("cost", run.total["mean"]) if exact is None else exact, bounds)
    return Part(run.level, run.subject, name, str(run.team) if run.team else None, whole)
