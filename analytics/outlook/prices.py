"""Prices that are known to change, as an effect on the cost to come: what was used lately, at the prices of then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from analytics.answers.questions import Questions
from analytics.forecasting import Effect
from analytics.query import Filter, Query, QueryError
from analytics.query.shapes import OTHER
from gateway.console import PriceStep, Use, providers

if TYPE_CHECKING:
    from analytics.outlook.history import History

DAYS = timedelta(days=28)
"""Over which the shares of models are taken."""
MOST = 200
LEAST = 1e-6
"""A factor of an effect is positive; what becomes free keeps so much."""
NAME = "Prices that are known to change"
MEASURES = ("cost", "attempts", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
            "reasoning_tokens")  # fmt: skip
USAGE = {"input_tokens": "input_tokens", "cache_read_tokens": "cache_read_tokens",
         "cache_write_tokens": "cache_write_5m_tokens", "output_tokens": "output_tokens",
         "reasoning_tokens": "reasoning_tokens"}  # fmt: skip
Part = tuple[object, ...]
Uses = Mapping[Part, Sequence[Use]]


def uses_of(
    questions: Questions, end: datetime, *, filters: Sequence[Filter] = (), by: Sequence[str] = ()
) -> dict[Part, list[Use]]:
    """What each model was used for in the four weeks before `end`, for each part (values of `by`). One question.
    Raises QueryError."""
    result = questions.ask(
        Query(
            measures=MEASURES, start=end - DAYS, end=end, filters=tuple(filters), order="-cost", limit=MOST,
            dimensions=(*by, "provider", "model"),
        )
    )  # fmt: skip
    found: dict[Part, list[Use]] = {}
    for group in result.groups:
        provider, model = group.dimensions["provider"], group.dimensions["model"]
        part = tuple(group.dimensions[name] for name in by)
        named = not group.is_other and OTHER not in part and provider is not None and model is not None
        use = _use(str(provider) if named else "", str(model) if named else "", group.measures)
        found.setdefault(part, []).append(use)
    return found


def _use(provider: str, model: str, measures: Mapping[str, Any]) -> Use:
    calls = max(1, int(measures["attempts"] or 0))
    usage = {key: Decimal(int(measures[name] or 0)) / calls for name, key in USAGE.items()}
    return Use(provider, model, usage, float(measures["cost"] or 0))


def steps_of(
    questions: Questions, uses: Callable[[], Sequence[Use]], origin: datetime, end: datetime
) -> list[PriceStep]:
    """What every app knows of prices from four weeks before `origin` on."""
    organization = questions.organization
    return [step for p in providers() for step in p.price_steps(organization, uses, origin - DAYS, origin, end)]


def known_prices(questions: Questions, history: History, horizon: int, filters: Sequence[Filter]) -> Effect | None:
    """The effect on the cost of what `questions` sees under `filters`; None where no price is known to change, or where
    the models under the filters are not kept."""
    found: list[Use] = []

    def uses() -> list[Use]:
        if not found:
            parts = uses_of(questions.apart(), history.end, filters=filters)
            found.extend(use for part in parts.values() for use in part)
        return found

    try:
        steps = steps_of(questions, uses, history.end, history.ahead(horizon + 1)[-1])
    except QueryError:
        return None
    return effect(history, horizon, found, steps)


def effect(history: History, horizon: int, uses: Sequence[Use], steps: Sequence[PriceStep]) -> Effect | None:
    """Of `steps` on a cost that is made up of `uses`: the mean factor over the time of each bucket, models weighted by
    what they cost. None when nothing changes."""
    whole = sum(max(use.cost, 0.0) for use in uses)
    if whole <= 0 or not steps:
        return None
    edges = [*history.times, *history.ahead(horizon + 1)]
    factors = [1.0] * (len(edges) - 1)
    for use in uses:
        mine = sorted((s.at, s.factor) for s in steps if (s.provider, s.model) == (use.provider, use.model))
        share = max(use.cost, 0.0) / whole
        for i, (start, end) in enumerate(pairwise(edges)):
            factors[i] += share * (_mean(mine, start, end) - 1.0)
    if all(factor == 1.0 for factor in factors):
        return None
    return Effect(NAME, factors=[max(factor, LEAST) for factor in factors])


def _mean(steps: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float:
    """The factor over `[start, end)`. Before the first step it is that of the first step, without steps 1."""
    if not steps:
        return 1.0
    times = [start, *(at for at, _ in steps if start < at < end), end]
    mean = 0.0
    for a, b in pairwise(times):
        now = [factor for at, factor in steps if at <= a] or [steps[0][1]]
        mean += now[-1] * ((b - a) / (end - start))
    return mean
