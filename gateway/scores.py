"""Recording a quality score: one statement for the data plane and the management API. No ORM.

A second opinion of the same source on the same name replaces the first, so whatever is sent again counts once. The
statement marks the buckets of the request's line, whose rollups hold the scores' sums. Callers choose request ids: of
two requests with one id the newer is judged, and those of other projects are never touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from gateway.ledger.booking import MINUTE_MARKS_FOR
from gateway.ledger.ids import uuid7
from gateway.ledger.schema import TABLE

MAX_NAME = 60
MAX_LABEL = 120
MAX_REQUEST_ID = 128
PLACES = Decimal("0.00001")
FIELDS = frozenset({"request_id", "name", "score", "label", "source"})

RECORD_SQL = f"""
WITH found AS (
  SELECT id, organization, team, project, "user", started_at, provider, model_served FROM {TABLE}
  WHERE request_id = %(request_id)s AND organization = %(organization)s
    AND project = %(project)s AND (%(line)s::uuid IS NULL OR id = %(line)s) AND is_final AND kind <> 'denied'
  ORDER BY started_at DESC, id DESC LIMIT 1
), kept AS (
  INSERT INTO gateway_qualityscore AS s
    (id, organization, team, project, "user", request_id, name, source, score, label, line, line_started_at, provider,
     model, by_user, by_key, created_at, updated_at)
  SELECT %(id)s, organization, team, project, "user", %(request_id)s, %(name)s, %(source)s, %(score)s, %(label)s, id,
    started_at, provider, model_served, %(by_user)s, %(by_key)s, now(), now() FROM found
  ON CONFLICT (organization, line, name, source)
  DO UPDATE SET score = excluded.score, label = excluded.label, by_user = excluded.by_user, by_key = excluded.by_key,
    updated_at = now()
  RETURNING s.id, s.organization, s.line_started_at, s.xmax = 0 AS is_new
), marked AS (
  INSERT INTO gateway_dirtymark (organization, grain, bucket)
  SELECT organization, 'quarter_hour', date_bin('15 minutes', line_started_at, 'epoch') FROM kept
  UNION ALL
  SELECT organization, 'minute', date_bin('1 minute', line_started_at, 'epoch') FROM kept
  WHERE line_started_at >= now() - %(minutes_for)s
)
SELECT id, is_new FROM kept
"""  # noqa: S608  (the table's name is a constant)


class BadScoreError(ValueError):
    """A field that is missing or wrong; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Opinion:
    """A checked score: `score` 0 to 1, `label`, or both."""

    request_id: str
    name: str
    source: str
    score: Decimal | None
    label: str | None

    def parameters(
        self,
        organization: UUID | str,
        project: UUID | str,
        *,
        line: UUID | None = None,
        by_user: UUID | None = None,
        by_key: UUID | str | None = None,
    ) -> dict[str, Any]:
        """For `RECORD_SQL`: only requests of this project are judged. `line` is the final line of the request that is
        meant; None for the newest with this request id. `by_user`, `by_key`: who records it."""
        return {
            "id": uuid7(), "organization": organization, "project": project, "line": line,
            "request_id": self.request_id, "name": self.name, "source": self.source, "score": self.score,
            "label": self.label,
            "by_user": by_user, "by_key": by_key, "minutes_for": MINUTE_MARKS_FOR,
        }  # fmt: skip


def read(fields: Mapping[str, Any]) -> Opinion:
    """A body as callers send it. Raises `BadScoreError`."""
    if unknown := sorted(set(fields) - FIELDS):
        raise BadScoreError(unknown[0], f"there is no field '{unknown[0]}'")
    score = _score(fields.get("score"))
    label = _text(fields, "label", MAX_LABEL) if fields.get("label") is not None else None
    if score is None and label is None:
        raise BadScoreError("score", "a score from 0 to 1 or a label is required")
    return Opinion(
        _text(fields, "request_id", MAX_REQUEST_ID), _text(fields, "name", MAX_NAME), _text(fields, "source", MAX_NAME),
        score, label,
    )  # fmt: skip


def _text(fields: Mapping[str, Any], name: str, longest: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadScoreError(name, f"'{name}' is required and must be a string")
    if len(value) > longest or "\0" in value:
        raise BadScoreError(name, f"'{name}' is longer than {longest} characters or holds a NUL character")
    return value.strip()


def _score(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadScoreError("score", "'score' must be a number from 0 to 1")
    try:
        exact = Decimal(str(value)).quantize(PLACES)
    except InvalidOperation:
        raise BadScoreError("score", "'score' must be a number from 0 to 1") from None
    if not 0 <= value <= 1:
        raise BadScoreError("score", "'score' must be a number from 0 to 1")
    return exact
