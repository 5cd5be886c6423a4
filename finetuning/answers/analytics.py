"""Jobs in numbers: how many, how they end, how long they take, what they cost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil
from statistics import median
from typing import Any

from finetuning.answers.exchange import Exchange
from finetuning.choices import OVER, TuningStatus
from finetuning.models import TuningJob
from gateway.models import Organization

DIMENSIONS = ("status", "backend", "base_model", "method", "project", "user", "template")


@dataclass(frozen=True, slots=True)
class Figures:
    """`success_rate`: of those that are over, cancelled ones left out; `duration_*` in seconds from start to end of
    those that succeeded; `unknown_cost_jobs`: that are over and whose cost, or its exchange rate, is not known;
    `estimate_error`: median of actual ÷ estimated cost − 1. None: nothing to say it of."""

    jobs: int
    succeeded: int
    failed: int
    cancelled: int
    running: int
    success_rate: float | None
    duration_p50: float | None
    duration_p90: float | None
    trained_tokens: int
    cost: Decimal
    unknown_cost_jobs: int
    estimate_error: float | None


@dataclass(frozen=True, slots=True)
class JobAnalytics:
    totals: Figures
    groups: Mapping[str, Mapping[str, Figures]]


def job_analytics(user: Any, organization: Organization, start: datetime, end: datetime) -> JobAnalytics:
    """Jobs that were made in `[start, end)`, by each of `DIMENSIONS`. One statement, one more for each currency that
    the organization does not keep."""
    rows = list(
        TuningJob.objects.visible_to(user)
        .filter(organization=organization, created_at__gte=start, created_at__lt=end)
        .select_related("project", "created_by")
        .defer("provider_state", "estimate")
    )
    groups: dict[str, dict[str, list[TuningJob]]] = {name: defaultdict(list) for name in DIMENSIONS}
    kept = Exchange(organization)
    for job in rows:
        for name in DIMENSIONS:
            groups[name][_value(job, name)].append(job)
    return JobAnalytics(
        figures(rows, kept),
        {
            name: {value: figures(jobs, kept) for value, jobs in sorted(found.items(), key=lambda item: -len(item[1]))}
            for name, found in groups.items()
        },
    )


def figures(jobs: Sequence[TuningJob], kept: Exchange) -> Figures:
    """The numbers of some jobs, money in the currency of `kept`."""
    count = {status: sum(job.status == status for job in jobs) for status in TuningStatus}
    judged = count[TuningStatus.SUCCEEDED] + count[TuningStatus.FAILED]
    seconds = sorted(
        (job.finished_at - job.started_at).total_seconds()
        for job in jobs
        if job.status == TuningStatus.SUCCEEDED
        and job.started_at
        and job.finished_at
        and job.started_at <= job.finished_at
    )
    errors = [
        float(job.cost_actual / job.cost_estimate - 1)
        for job in jobs
        if job.cost_actual is not None and job.cost_estimate and job.status == TuningStatus.SUCCEEDED
    ]
    over = [job for job in jobs if job.status in OVER]
    costs = [kept.of(job.cost_actual, job.currency, (job.finished_at or job.created_at).date()) for job in over]
    return Figures(
        len(jobs), count[TuningStatus.SUCCEEDED], count[TuningStatus.FAILED], count[TuningStatus.CANCELLED],
        len(jobs) - len(over), count[TuningStatus.SUCCEEDED] / judged if judged else None,
        _quantile(seconds, 0.5), _quantile(seconds, 0.9), sum(job.trained_tokens or 0 for job in jobs),
        sum((cost for cost in costs if cost is not None), Decimal(0)), sum(cost is None for cost in costs),
        median(errors) if errors else None,
    )  # fmt: skip


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed."""
    if not ordered:
        return None
    return ordered[ceil(share * len(ordered)) - 1]


def _value(job: TuningJob, dimension: str) -> str:
    if dimension == "project":
        return str(job.project_id)
    if dimension == "user":
        return str(job.created_by_id or "")
    return str(getattr(job, dimension))
