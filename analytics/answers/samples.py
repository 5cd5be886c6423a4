"""A bounded sample of the ledger for each candidate: a hundred requests from each of several slices of the window.

Of every slice at most `POOL` lines are read, by the index of organization and time, so the work is bounded however long
the window is. Which of them are taken follows from a hash of the line's id and a seed: a random sample, not the slice's
first minutes, and the same one every time. Whatever the person does not see is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Avg

from analytics.compare.samples import Sample
from gateway.choices import LineKind
from gateway.models import LedgerLine, Organization, QualityScore

SLICES = 16
PER_SLICE = 125
POOL = 2_000
"""A slice with more lines of a candidate is drawn from its first so many."""
SEED = 7
DRAWN = "(SELECT * FROM ({}) AS pool ORDER BY uuid_hash_extended(pool.id, {}), pool.id LIMIT {})"
COLUMNS = {"model": "model_served", "provider": "provider"}
FIELDS = (
    "id", "input_tokens", "output_tokens", "status", "cost", "currency", "duration_ms", "model_served",
)  # fmt: skip
ERRORS = frozenset({"client_error", "upstream_error", "timeout", "interrupted"})


def read_samples(
    user: Any, organization: Organization, dimension: str, ids: Sequence[str], *, start: datetime, end: datetime,
    project: UUID | None = None, same_model: bool = False,
) -> list[Sample]:  # fmt: skip
    """One sample for each id, at most `SLICES × PER_SLICE` requests. `dimension`: model or provider. `same_model`: the
    model is part of what has to be alike. One statement for each id, one for the scores."""
    lines = {id: _lines(user, organization, {COLUMNS[dimension]: id}, start, end, project) for id in ids}
    found = [row[0] for rows in lines.values() for row in rows]
    scores = _scores(user, organization, found)
    models = sorted({row[7] or "" for rows in lines.values() for row in rows})
    numbers = {name: number for number, name in enumerate(models)} if same_model else {}
    return [_sample(id, rows, scores, numbers, organization.currency) for id, rows in lines.items()]


def _lines(
    user: Any, organization: Organization, chosen: Mapping[str, str], start: datetime, end: datetime,
    project: UUID | None,
) -> list[tuple[Any, ...]]:  # fmt: skip
    rows = LedgerLine.objects.visible_to(user).filter(
        organization=organization.pk, is_final=True, kind=LineKind.ATTEMPT, **chosen
    )
    if project is not None:
        rows = rows.filter(project=project)
    step = (end - start) / SLICES
    parts: list[str] = []
    values: list[Any] = []
    for i in range(SLICES):
        slice_ = rows.in_window(start + i * step, start + (i + 1) * step if i < SLICES - 1 else end)
        pool, parameters = slice_.order_by("started_at", "id").values_list(*FIELDS)[:POOL].query.sql_with_params()
        parts.append(DRAWN.format(pool, SEED, PER_SLICE))
        values += parameters
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        return cursor.fetchall()


def _scores(user: Any, organization: Organization, lines: Sequence[UUID]) -> dict[UUID, float]:
    """Mean score by line."""
    rows = QualityScore.objects.visible_to(user).filter(
        organization=organization.pk, line__in=lines, score__isnull=False
    )
    found = rows.order_by().values_list("line").annotate(mean=Avg("score"))
    return {line: float(mean) for line, mean in found}


def _sample(
    id: str, rows: Sequence[tuple[Any, ...]], scores: Mapping[UUID, float], numbers: Mapping[str, int], currency: str
) -> Sample:
    return Sample(
        id=id,
        input_tokens=_integers(row[1] for row in rows),
        output_tokens=_integers(row[2] for row in rows),
        is_error=np.array([row[3] in ERRORS for row in rows], np.bool_),
        cost=_floats(row[4] if row[5] == currency else None for row in rows),
        duration_ms=_floats(row[6] for row in rows),
        quality=_floats(scores.get(row[0]) for row in rows),
        kind=_integers(numbers[row[7] or ""] for row in rows) if numbers else np.zeros(0, np.int64),
    )


def _integers(values: Any) -> npt.NDArray[np.int64]:
    return np.array([value or 0 for value in values], np.int64)


def _floats(values: Any) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else float(value) for value in values], np.float64)
