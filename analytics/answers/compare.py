"""Models or providers side by side, like for like: rank, difference, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from analytics.answers.questions import Questions, common
from analytics.answers.samples import PER_SLICE, SLICES, read_samples
from analytics.compare import Pair, Sample, best_for, compare, standings
from analytics.query import Filter, Note, Query, QueryError, Result

MEASURES = (
    "requests", "total_tokens", "cost", "cost_per_request", "cost_per_1k_tokens", "error_rate", "availability",
)  # fmt: skip
PERCENTILES = ("latency_p50", "latency_p95", "ttft_p95", "output_rate_p50")
FEWEST, MOST, USUAL = 2, 10, 5
BANDS = ("input tokens up to 256, 1,024, 4,096, 16,384, more", "output tokens up to 64, 256, 1,024, more")
SAMPLED = Note(
    "sampled", f"Pairs are of up to {SLICES * PER_SLICE:,} requests of each, {PER_SLICE} drawn at random, "
    f"always the same, from each of {SLICES} equal parts of the window; measures are of all requests.",
)  # fmt: skip
NOT_ENOUGH = Note("too_few_candidates", "pairs are empty: a comparison needs two that were called in the window.")
NO_SCORES = Note("no_scores", "quality cannot be compared: no request of the sample was scored.")
DIFFERENT_MODELS = Note(
    "different_models", "These providers served different models; same_model compares each model with itself."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate: observed `measures` of all its requests, ranks and words from the pairs, `sampled` requests."""

    id: str
    measures: Mapping[str, Any]
    ranks: Mapping[str, int | None]
    strengths: Sequence[str]
    weaknesses: Sequence[str]
    sampled: int


def compared(
    questions: Questions, query: Query, dimension: str, ids: Sequence[str], *, project: UUID | None, same_model: bool
) -> dict[str, Any]:
    """`dimension`: model or provider; without `ids` those with most requests. Statements: two, one for each candidate,
    one for the scores. Raises QueryError `too_few_candidates` when fewer than two are named."""
    names = list(dict.fromkeys(ids))
    if ids and not FEWEST <= len(names) <= MOST:
        raise QueryError("too_few_candidates", f"Name {FEWEST} to {MOST} different ones, or none.")
    result = _observed(questions, query, dimension, names, project)
    measured = {str(g.dimensions[dimension]): g.measures for g in result.groups if _is_candidate(g, dimension)}
    chosen = names or list(measured)[:USUAL]
    samples = read_samples(
        questions.user, questions.organization, dimension, chosen, start=query.start, end=query.end, project=project,
        same_model=same_model,
    )  # fmt: skip
    pairs = compare(samples)
    _note(questions, samples, dimension, same_model)
    sizes = {sample.id: len(sample) for sample in samples}
    rows = [
        Row(one.id, measured.get(one.id) or _nothing(), one.ranks, one.strengths, one.weaknesses, sizes[one.id])
        for one in standings(chosen, pairs)
    ]
    return {
        **common(questions, result),
        "rows": rows,
        "pairs": pairs,
        "best_for": best_for(chosen, pairs) if pairs else [],
        "stratified_by": [*BANDS, *(["model served"] if same_model else [])],
    }


def interval_of(pair: Pair) -> dict[str, float] | None:
    """None when nothing could be estimated."""
    if pair.lower is None or pair.upper is None:
        return None
    return {"level": pair.level, "lower": pair.lower, "upper": pair.upper}


def _observed(questions: Questions, query: Query, dimension: str, names: Sequence[str], project: UUID | None) -> Result:
    filters = [Filter(dimension, "in", tuple(names))] if names else []
    if project is not None:
        filters.append(Filter("project", "eq", (project,)))
    asked = replace(
        query, measures=MEASURES, dimensions=(dimension,), filters=tuple(filters), granularity=None,
        compare_to="none", order="-requests", limit=MOST,
    )  # fmt: skip
    return questions.ask(asked, PERCENTILES)


def _is_candidate(group: Any, dimension: str) -> bool:
    return not group.is_other and group.dimensions[dimension] is not None and bool(group.measures["requests"])


def _nothing() -> dict[str, None]:
    return dict.fromkeys((*MEASURES, *PERCENTILES))


def _note(questions: Questions, samples: Sequence[Sample], dimension: str, same_model: bool) -> None:
    questions.note(SAMPLED)
    if len(samples) < FEWEST:
        questions.note(NOT_ENOUGH)
    elif all(sample.quality.size == 0 or bool((sample.quality != sample.quality).all()) for sample in samples):
        questions.note(NO_SCORES)
    if dimension == "provider" and not same_model:
        questions.note(DIFFERENT_MODELS)
