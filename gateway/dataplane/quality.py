"""Recorded quality scores as routing reads them: the mean of each organization's recent requests, by provider and
model. Routing is told nothing of a model with too few scored requests: a mean of two opinions is noise.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg

from gateway.dataplane.signals import QUALITY

logger = logging.getLogger(__name__)
WINDOW_DAYS = 30
MOST_SCORES = 1_000
LEAST_REQUESTS = 20
REFRESH_S = 15.0
_KNOWN = "score IS NOT NULL AND provider IS NOT NULL AND model IS NOT NULL"
MEANS_SQL = f"""
WITH RECURSIVE places AS (
  (SELECT organization, provider, model FROM gateway_qualityscore WHERE {_KNOWN}
   ORDER BY organization, provider, model LIMIT 1)
  UNION ALL
  SELECT following.* FROM places p CROSS JOIN LATERAL (
    SELECT organization, provider, model FROM gateway_qualityscore s
    WHERE {_KNOWN} AND (s.organization, s.provider, s.model) > (p.organization, p.provider, p.model)
    ORDER BY organization, provider, model LIMIT 1) following
)
SELECT p.organization::text, p.provider, p.model, avg(r.mean)::float8, count(*) FROM places p CROSS JOIN LATERAL (
  SELECT avg(score) AS mean FROM (
    SELECT line, score FROM gateway_qualityscore s
    WHERE {_KNOWN} AND s.organization = p.organization AND s.provider = p.provider AND s.model = p.model
      AND line_started_at >= now() - make_interval(days => {WINDOW_DAYS})
    ORDER BY line_started_at DESC, line LIMIT {MOST_SCORES}) newest
  GROUP BY line) r
GROUP BY 1, 2, 3
"""  # noqa: S608  (constants)
Place = tuple[str, str, str]
"""Organization, provider slug, model name."""


class Recorded(NamedTuple):
    """What was said of a model: the mean of its requests' means, 0 to 1, and of how many requests."""

    mean: float
    requests: int

    @property
    def is_enough(self) -> bool:
        return self.requests >= LEAST_REQUESTS


def recorded(connection: psycopg.Connection[Any]) -> dict[Place, Recorded]:
    """Every place with recent scores, few ones too. Walks an index from place to place: its cost grows with models, not
    with scores. Raises `psycopg.Error`."""
    return {(row[0], row[1], row[2]): Recorded(row[3], row[4]) for row in connection.execute(MEANS_SQL)}


@dataclass(slots=True)
class QualityLoader:
    """`{(organization, provider slug, model name): mean}` of models with enough scored requests, read again every
    `refresh_s` seconds. Configuration must not wait for it: a query that takes too long leaves what was known."""

    name: str = QUALITY
    entities: frozenset[str] = frozenset({"quality_scores"})
    refresh_s: float = REFRESH_S
    _known: Mapping[Place, float] = field(default_factory=dict)

    def load(self, connection: psycopg.Connection[Any]) -> Mapping[Place, float]:
        try:
            with connection.transaction():
                connection.execute("SET LOCAL statement_timeout = '2s'")
                found = recorded(connection)
                connection.execute("SET LOCAL statement_timeout TO DEFAULT")
        except psycopg.errors.QueryCanceled:
            logger.warning("reading quality scores took too long; routing goes on with those it knows")
        else:
            self._known = {place: item.mean for place, item in found.items() if item.is_enough}
        return self._known
