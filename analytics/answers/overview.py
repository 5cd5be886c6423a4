"""Usage at large: totals, series and who or what makes them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from analytics.answers.questions import Questions, common
from analytics.query import Group, Query

MEASURES = (
    "requests", "errors", "error_rate", "success_rate", "denied", "input_tokens", "output_tokens", "total_tokens",
    "cost", "cost_per_request", "cache_hit_rate", "latency_mean",
)  # fmt: skip
PERCENTILES = ("latency_p50", "latency_p95", "latency_p99", "ttft_p95")
PARTS = ("provider", "model", "user", "team")
TOP = 10


def advanced(questions: Questions, query: Query) -> dict[str, Any]:
    """The common answer, its parts by provider, model, person and team, and the people who use most. Five statements
    besides the scope's and one for each kind of label."""
    result = questions.ask(replace(query, measures=MEASURES), optional=PERCENTILES)
    parts = {f"by_{name}": by(questions, query, MEASURES, name) for name in PARTS}
    top = [group for group in parts["by_user"] if not group.is_other and group.dimensions["user"] is not None]
    return {
        **common(questions, result, *parts.values()),
        **parts,
        "success_rate": result.totals["success_rate"],
        "top_users": top[:TOP],
    }


def by(
    questions: Questions, query: Query, measures: Sequence[str], *dimensions: str, optional: Sequence[str] = ()
) -> Sequence[Group]:
    """Groups of the same window and filters by other dimensions, without a series."""
    asked = replace(query, measures=measures, dimensions=dimensions, granularity=None, order=None, having=())
    return questions.ask(asked, optional).groups
