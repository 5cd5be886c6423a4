"""Models: how much, what for, how fast, how well, and where each stands among the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analytics.answers.overview import by
from analytics.answers.questions import Questions, common
from analytics.answers.subjects import Subject
from analytics.query import Filter, Group, Note, Query

MEASURES = (
    "requests", "errors", "error_rate", "success_rate", "availability", "input_tokens", "output_tokens",
    "total_tokens", "cost", "cost_per_request", "cost_per_1k_tokens", "cache_hit_rate", "latency_mean", "apdex",
)  # fmt: skip
PERCENTILES = ("latency_p50", "latency_p95", "ttft_p95", "output_rate_p50")
QUALITY = "quality_score"
RANKED = {
    "cost": ("cost_per_1k_tokens", True), "speed": ("latency_p95", True), "reliability": ("error_rate", True),
    "quality": (QUALITY, False),
}  # fmt: skip
FLAT = 0.01
MANY = 1_000
OBSERVED = Note(
    "ranks_as_observed", "Ranks are of what each model was given; models/compare compares requests of the same size."
)
NO_QUALITY = Note("quality_not_kept", "quality_score is null: scores are not kept by these filters together.")


@dataclass(frozen=True, slots=True)
class Trend:
    """Against the compared window; None where there was nothing."""

    change: Mapping[str, float | None]
    direction: str | None


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """One model. `trend` None: nothing to compare with."""

    model: str | None
    measures: Mapping[str, Any]
    share: float | None
    ranks: Mapping[str, int | None]
    trend: Trend | None


def models(questions: Questions, query: Query, *, names: Sequence[str]) -> dict[str, Any]:
    """Several models, those with most requests first. Two statements besides the scope's."""
    filters = (*query.filters, Filter("model", "in", tuple(names))) if names else query.filters
    asked = replace(query, filters=filters, dimensions=("model",), granularity=None)
    result = questions.ask(replace(asked, measures=MEASURES), PERCENTILES)
    groups = [group for group in result.groups if not group.is_other]
    quality = _quality(questions, asked)
    rows = [{**group.measures, QUALITY: quality.get(group.dimensions["model"])} for group in groups]
    ranks = ranked(rows)
    questions.note(OBSERVED)
    return {
        **common(questions, result),
        "models": [
            ModelUsage(_name(group), row, group.share, rank, _trend(group.measures, group.previous))
            for group, row, rank in zip(groups, rows, ranks, strict=True)
        ],
    }


def model(questions: Questions, query: Query, subject: Subject) -> dict[str, Any]:
    """Everything about one model. Seven statements besides the scope's and the labels'."""
    everything = replace(query, dimensions=("model",), granularity=None, compare_to="none", limit=MANY)
    all_models = questions.ask(replace(everything, measures=MEASURES), PERCENTILES).groups
    scores = _quality(questions, everything)
    others = [group for group in all_models if not group.is_other and group.measures["requests"]]
    rows = [{**group.measures, QUALITY: scores.get(group.dimensions["model"])} for group in others]
    ranks = dict(zip([group.dimensions["model"] for group in others], ranked(rows), strict=True))
    asked = replace(query, filters=subject.filters, compare_to="previous_period")
    result = questions.ask(replace(asked, measures=MEASURES, granularity="day"), PERCENTILES)
    parts = {f"by_{name}": by(questions, asked, ("requests", "cost", "total_tokens"), name) for name in PARTS}
    name = next(value for item in subject.filters if item.dimension == "model" for value in item.values)
    questions.note(OBSERVED)
    return {
        **common(questions, result, *parts.values()),
        **parts,
        "subject": subject,
        "quality_score": scores.get(str(name)),
        "ranks": ranks.get(str(name), dict.fromkeys(RANKED)),
        "ranked_among": len(others),
        "trend": _trend(result.totals, result.previous_totals),
    }


PARTS = ("provider", "team", "project")


def ranked(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, int | None]]:
    """1 is the best value; the same value is the same rank; None where nothing was measured."""
    found: list[dict[str, int | None]] = [dict.fromkeys(RANKED) for _ in rows]
    for name, (measure, lower_is_better) in RANKED.items():
        values = [row[measure] for row in rows if row[measure] is not None]
        for row, ranks in zip(rows, found, strict=True):
            value = row[measure]
            if value is not None:
                ranks[name] = 1 + sum((other < value) if lower_is_better else (other > value) for other in values)
    return found


def _quality(questions: Questions, query: Query) -> dict[Any, Any]:
    """Mean scores by model; empty, with a note, when they are not kept by the filters."""
    asked = replace(query, measures=("requests",), compare_to="none", order="-requests", limit=MANY)
    groups = questions.apart().ask(asked, (QUALITY,)).groups
    found = {group.dimensions["model"]: group.measures[QUALITY] for group in groups if not group.is_other}
    if query.filters and all(value is None for value in found.values()):
        questions.note(NO_QUALITY)
    return found


def _name(group: Group) -> str | None:
    value = group.dimensions["model"]
    return None if value is None else str(value)


def _trend(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> Trend | None:
    """`direction` of requests: up, down, or flat within 1 %."""
    if not before or not before.get("requests"):
        return None
    change = {name: _change(now[name], before.get(name)) for name in now}
    return Trend(change, _direction(change.get("requests")))


def _change(now: Any, before: Any) -> float | None:
    return None if now is None or not before else float((now - before) / abs(before))


def _direction(change: float | None) -> str | None:
    if change is None:
        return None
    return "flat" if abs(change) < FLAT else "up" if change > 0 else "down"
