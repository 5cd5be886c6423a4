"""Stored forecasts: made at night and again in an hour when the data changed, later compared with what came.

A run is of one series and one origin (the start of the bucket that was filling); later runs of the same origin replace
it, since late lines change the past. Projects, teams and the organization add up (`analytics.forecasting.reconcile`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from django.db import transaction

from analytics.answers.questions import Questions
from analytics.forecasting import Effect, Forecast, reconcile
from analytics.models import RollupState
from analytics.outlook.history import SPANS, Grain, History, predict, read
from analytics.outlook.models import ForecastRun
from analytics.outlook.prices import effect, steps_of, uses_of
from analytics.query.scope import operator
from analytics.query.shapes import OTHER
from gateway.console import Use
from gateway.models import Organization
from gateway.queues import Shard
from gateway.services import jobs

log = structlog.get_logger(__name__)
KIND = "analytics.forecast"
LEASE_S = 1_800
MEASURES = ("cost", "requests", "total_tokens")
MOST_PROJECTS = 100
WEEK_DAYS = 7
KEPT = timedelta(days=120)
ORGANIZATION, TEAM, PROJECT = "organization", "team", "project"
SHOWN_LEVEL = 0.95
Node = tuple[str, str]
"""Level and subject: the id of a team or project as text, `none` for lines without one, `other` for the rest."""


def forecast_all(now: datetime | None = None, *, shard: Shard | None = None) -> int:
    """Runs of every organization (of the shard) whose data changed since its last ones; returns how many were stored.

    At most once an hour each, whoever else does the same.
    """
    at = now or datetime.now(UTC)
    stored = 0
    versions = dict(RollupState.objects.values_list("organization", "version"))
    for organization in Organization.objects.filter(pk__in=versions, archived_at=None).order_by("pk"):
        if (shard and not shard.holds(organization.pk)) or not _is_due(organization, versions[organization.pk], at):
            continue
        job = jobs.claim(KIND, f"{organization.pk}:{at:%Y-%m-%dT%H}", LEASE_S)
        if job is None:
            continue
        try:
            runs = make(organization, at)
            with transaction.atomic():
                store(runs)
                jobs.finish(job, {"runs": len(runs)})
        except jobs.ClaimLost:
            log.warning("forecast_claim_lost", organization=str(organization.pk))
            continue
        except Exception as error:
            log.exception("forecast_failed", organization=str(organization.pk))
            jobs.fail(job, f"{type(error).__name__}: {error}")
            continue
        stored += len(runs)
    return stored


def _is_due(organization: Organization, version: int, at: datetime) -> bool:
    newest = ForecastRun.objects.filter(organization=organization).order_by("-origin_at").first()
    return newest is None or newest.data_version != version or newest.origin_at <= at - timedelta(days=1)


def make(organization: Organization, now: datetime) -> list[ForecastRun]:
    """Runs that are not stored yet, and the errors of earlier ones, written. Two questions, three statements; one more
    question where prices are known to change."""
    questions = Questions(operator(), organization, is_fresh=True)
    zone = organization.reporting_timezone
    days = _nodes(read(questions, MEASURES, "day", zone, now, dimensions=("team", "project"), limit=MOST_PROJECTS))
    hours = {(h.measure, (ORGANIZATION, "")): h for h in read(questions, MEASURES, "hour", zone, now)}
    _score(organization, "day", days)
    _score(organization, "hour", hours)
    ForecastRun.objects.filter(organization=organization, origin_at__lt=now - KEPT).delete()
    version = questions.scope.version
    prices = _prices(questions, hours, days)
    runs = [
        _run(
            organization, version, h, node, predict(h, SPANS["hour"].default, prices=prices.get(("hour", name, node)))
        )
        for (name, node), h in hours.items() if not h.is_empty
    ]  # fmt: skip
    for measure in MEASURES:
        mine = {node: h for (name, node), h in days.items() if name == measure}
        runs += _reconciled(organization, version, mine, prices)
    return runs


def _prices(
    questions: Questions, *histories: Mapping[tuple[str, Node], History]
) -> dict[tuple[str, str, Node], Effect | None]:
    """Effects of prices that are known to change, for each grain, `cost` and node. One query of each app that knows
    prices; one question when there are such prices."""
    costs = {(h.grain, name, node): h for part in histories for (name, node), h in part.items() if name == "cost"}
    if not costs:
        return {}
    uses: dict[Node, list[Use]] = {}

    def all_uses() -> list[Use]:
        if not uses:
            end = max(history.end for history in costs.values())
            for (team, project), found in uses_of(questions.apart(), end, by=(TEAM, PROJECT)).items():
                for node in _nodes_of(*_names({TEAM: team, PROJECT: project})):
                    uses.setdefault(node, []).extend(found)
        return uses.get((ORGANIZATION, ""), [])

    effects: dict[tuple[str, str, Node], Effect | None] = {}
    for grain in {grain for grain, _, _ in costs}:
        mine = {key: history for key, history in costs.items() if key[0] == grain}
        any_one = next(iter(mine.values()))
        last = any_one.ahead(SPANS[any_one.grain].default + 1)[-1]
        steps = steps_of(questions, all_uses, any_one.end, last)
        for key, history in mine.items():
            effects[key] = effect(history, SPANS[history.grain].default, uses.get(key[2], []), steps)
    return effects


def _nodes(leaves: Sequence[History]) -> dict[tuple[str, Node], History]:
    """Histories of projects of teams, of teams, and of the organization; the wholes are sums of the parts."""
    found: dict[tuple[str, Node], History] = {}
    for leaf in leaves:
        team, project = _names(leaf.dimensions)
        for node in _nodes_of(team, project):
            known = found.get((leaf.measure, node))
            found[leaf.measure, node] = leaf if known is None else known.plus(leaf)
    return found


def _nodes_of(team: str, project: str) -> tuple[Node, Node, Node]:
    return (ORGANIZATION, ""), (TEAM, team), (PROJECT, f"{team}/{project}")


def _names(dimensions: Mapping[str, Any]) -> tuple[str, str]:
    team, project = ("none" if dimensions[name] is None else str(dimensions[name]) for name in (TEAM, PROJECT))
    return ("other", "other") if team == OTHER else (team, project)


def _reconciled(
    organization: Organization,
    version: int,
    nodes: Mapping[Node, History],
    prices: Mapping[tuple[str, str, Node], Effect | None],
) -> list[ForecastRun]:
    """Runs of one measure. Teams and projects are kept for cost alone."""
    used = {node: history for node, history in nodes.items() if not history.is_empty}
    if (ORGANIZATION, "") not in used:
        return []
    if used[ORGANIZATION, ""].measure != "cost":
        used = {(ORGANIZATION, ""): used[ORGANIZATION, ""]}
    alone = {
        node: predict(history, SPANS["day"].default, prices=prices.get(("day", history.measure, node)))
        for node, history in used.items()
    }
    parts: dict[Node, list[Node]] = {}
    for level, subject in used:
        if level == TEAM:
            parts.setdefault((ORGANIZATION, ""), []).append((level, subject))
        elif level == PROJECT:
            parts.setdefault((TEAM, subject.partition("/")[0]), []).append((level, subject))
    whole = reconcile(alone, parts)
    return [_run(organization, version, used[node], node, found) for node, found in whole.items()]


def _run(organization: Organization, version: int, history: History, node: Node, found: Forecast) -> ForecastRun:
    level, subject = node
    team = subject.partition("/")[0] if level in (TEAM, PROJECT) else ""
    return ForecastRun(
        organization=organization,
        measure=history.measure,
        grain=history.grain,
        zone=history.zone,
        level=level,
        subject=subject.rpartition("/")[2],
        team=_uuid(team),
        origin_at=history.end,
        horizon=found.horizon,
        data_version=version,
        method=found.method,
        low_confidence=found.low_confidence,
        mean=found.mean.tolist(),
        lower={str(level): bound.tolist() for level, bound in found.lower.items()},
        upper={str(level): bound.tolist() for level, bound in found.upper.items()},
        total={
            "mean": found.total.mean,
            "lower": {str(level): bound for level, bound in found.total.lower.items()},
            "upper": {str(level): bound for level, bound in found.total.upper.items()},
        },
        expected_error=found.backtest.error,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


FIXED = ("organization", "measure", "grain", "level", "team", "subject", "origin_at")
CHANGED = ("zone", "horizon", "data_version", "method", "low_confidence", "mean", "lower", "upper", "total",
           "expected_error", "made_at")  # fmt: skip


def store(runs: Iterable[ForecastRun]) -> None:
    """Insert, or replace the runs of the same series and origin."""
    ForecastRun.objects.bulk_create(
        list(runs), update_conflicts=True, unique_fields=list(FIXED), update_fields=list(CHANGED), batch_size=500
    )


def backfill(organization: Organization, days: int, now: datetime | None = None) -> int:
    """Runs from origins a week apart over the last `days`, and of now: what would have been forecast then from the data
    as it is known today. Each sees earlier buckets alone. Returns how many were stored.
    """
    at = now or datetime.now(UTC)
    stored = 0
    for back in [*range(days, 0, -WEEK_DAYS), 0]:
        runs = make(organization, at - timedelta(days=back))
        with transaction.atomic():
            store(runs)
        stored += len(runs)
    return stored


# ---- later error ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LaterError:
    """How a run compares with what came. `error` is Σ|forecast − value| ÷ Σ|value|, `bias` the same with its sign,
    `coverage` the share of values within the 95 % interval; None where nothing was used."""

    steps: int
    error: float | None
    bias: float | None
    coverage: float


def compare(run: ForecastRun, actual: Sequence[float]) -> LaterError:
    """Of the steps that are over, at least one."""
    steps = len(actual)
    values, mean = np.asarray(actual, dtype=np.float64), np.asarray(run.mean[:steps])
    usage = float(np.abs(values).sum())
    inside = (np.asarray(run.lower[str(SHOWN_LEVEL)][:steps]) <= values) & (
        values <= np.asarray(run.upper[str(SHOWN_LEVEL)][:steps])
    )
    return LaterError(
        steps,
        float(np.abs(mean - values).sum()) / usage if usage else None,
        float((mean - values).sum()) / usage if usage else None,
        float(inside.mean()),
    )


def _score(organization: Organization, grain: Grain, histories: Mapping[tuple[str, Node], History]) -> None:
    """Note the error of runs that have more closed steps than when it was last noted. One query, one statement."""
    changed = []
    for run in ForecastRun.objects.filter(organization=organization, grain=grain).incomplete():
        subject = f"{run.team or 'none'}/{run.subject}" if run.level == PROJECT else run.subject
        if run.subject == "other":
            subject = "other/other" if run.level == PROJECT else "other"
        history = histories.get((run.measure, (run.level, subject)))
        if history is None:
            continue
        closed = [
            value for at, value in zip(history.times, history.values.tolist(), strict=True) if at >= run.origin_at
        ][: run.horizon]
        if len(closed) <= run.scored_steps:
            continue
        found = compare(run, closed)
        run.scored_steps, run.error, run.bias, run.coverage = found.steps, found.error, found.bias, found.coverage
        changed.append(run)
    ForecastRun.objects.bulk_update(changed, ["scored_steps", "error", "bias", "coverage"], batch_size=500)
