"""The ledger's charges of a window, summed by hour. One statement for each six hours: memory does not grow with the
window.

Read from the ledger, not from the charge rollup, which knows neither list costs nor adjustments nor whose call it was.
Lines without a price are left out: their cost is not known, and it is in no sum of the ledger either.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.query.scope import Scope
from costs.allocation.dimension import COST_CENTER
from costs.commitments.terms import METER, RATE
from costs.focus.rows import Summed
from gateway.ledger.schema import TABLE

SLICE = timedelta(hours=6)
_KEYS = (
    "bucket, organization, team, project, api_key, provider, model, currency, corrected_in, meter, rate_id, unit_price"
)
_LINES = f"""SELECT date_bin('1 hour', started_at, '2000-01-01 00:00:00+00') AS bucket, organization, team, project,
    api_key, provider, model_served AS model, currency, charges, cost, list_cost, kind,
    CASE WHEN kind = 'adjustment' AND booked_at >=
        (date_trunc('month', started_at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
      THEN date_trunc('month', booked_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' END AS corrected_in,
    CASE WHEN is_final THEN request_count ELSE 0 END AS requests,
    (SELECT coalesce(sum((c ->> 'cost')::numeric), 0) FROM jsonb_array_elements(charges) c) AS charged
  FROM {TABLE} WHERE (VISIBLE) AND started_at >= %(start)s AND started_at < %(end)s AND cost IS NOT NULL"""
# A list price is its own list cost; a price of one's own has its share of what the line would cost by the list.
_LISTED = """CASE WHEN c ->> 'rate_id' LIKE 'override:%%' AND l.kind <> 'adjustment' AND l.cost > 0
        AND l.list_cost IS NOT NULL
      THEN (c ->> 'cost')::numeric * l.list_cost / l.cost ELSE (c ->> 'cost')::numeric END"""
_SQL = f"""WITH l AS ({_LINES})
SELECT rows.*, ({COST_CENTER.expression}) AS cost_center FROM (
  SELECT {_KEYS}, sum(quantity) AS quantity, sum(cost) AS cost, sum(listed) AS listed, sum(requests) AS requests FROM (
    SELECT l.bucket, l.organization, l.team, l.project, l.api_key, l.provider, l.model, l.currency, l.corrected_in,
      c ->> 'meter' AS meter, c ->> 'rate_id' AS rate_id, (c ->> 'unit_price')::numeric AS unit_price,
      coalesce((c ->> 'quantity')::numeric, 0) AS quantity, coalesce((c ->> 'cost')::numeric, 0) AS cost,
      {_LISTED} AS listed, l.requests
    FROM l, jsonb_array_elements(l.charges) c
    UNION ALL
    SELECT bucket, organization, team, project, api_key, provider, model, currency, corrected_in,
      NULL, NULL, NULL, 0, cost - charged, cost - charged, requests FROM l WHERE cost <> charged
  ) charged GROUP BY {_KEYS}) rows
ORDER BY {_KEYS}"""
_COVERED = """organization = %(organization)s AND EXISTS (SELECT FROM jsonb_array_elements(charges) c
    WHERE c ->> 'rate_id' LIKE %(rate)s AND c ->> 'meter' <> %(meter)s)"""


def read(scope: Scope, start: datetime, end: datetime) -> Iterator[Summed]:
    """The visible charges of lines that began in `[start, end)`, oldest first."""
    visible, parameters = scope.predicate()
    statement = _SQL.replace("VISIBLE", visible)
    for since, until in slices(start, end):
        with connection.cursor() as cursor:
            cursor.execute(statement, {**parameters, "start": since, "end": until})
            yield from (Summed(*row) for row in cursor.fetchall())


def covered(organization: UUID, day: date) -> Iterator[Summed]:
    """The charges of an organization's calls that commitments cover, of a day in UTC, whoever made them."""
    start = datetime.combine(day, time.min, UTC)
    parameters: dict[str, Any] = {"organization": organization, "rate": f"{RATE}%", "meter": METER}
    for since, until in slices(start, start + timedelta(days=1)):
        with connection.cursor() as cursor:
            cursor.execute(_SQL.replace("VISIBLE", _COVERED), {**parameters, "start": since, "end": until})
            yield from (Summed(*row) for row in cursor.fetchall())


def covered_calls(scope: Scope, start: datetime, end: datetime) -> Iterator[tuple[UUID, str, int, int]]:
    """Of visible calls that commitments cover: (commitment, currency of the prices, calls, those without a list price).
    One statement."""
    visible, parameters = scope.predicate()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (split_part(c.rate, ':', 2))::uuid, currency, count(DISTINCT id), "
            f"count(DISTINCT id) FILTER (WHERE list_cost IS NULL) FROM {TABLE}, "
            "LATERAL (SELECT c ->> 'rate_id' AS rate FROM jsonb_array_elements(charges) c "
            "WHERE c ->> 'rate_id' LIKE %(rate)s AND c ->> 'meter' <> %(meter)s LIMIT 1) c "
            f"WHERE ({visible}) AND started_at >= %(start)s AND started_at < %(end)s AND cost IS NOT NULL "
            "AND kind = 'attempt' GROUP BY 1, 2 ORDER BY 1, 2",
            {**parameters, "start": start, "end": end, "rate": f"{RATE}%", "meter": METER},
        )
        yield from cursor.fetchall()


def unpriced(scope: Scope, start: datetime, end: datetime) -> int:
    """Visible lines of the window whose price is unknown."""
    visible, parameters = scope.predicate()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {TABLE} WHERE ({visible}) AND started_at >= %(start)s AND started_at < %(end)s "
            "AND cost IS NULL",
            {**parameters, "start": start, "end": end},
        )
        return int(cursor.fetchone()[0])


def slices(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Parts of the window that end on 00, 06, 12 and 18 o'clock UTC."""
    at = start.astimezone(UTC)
    while at < end:
        edge = at.replace(hour=at.hour - at.hour % 6, minute=0, second=0, microsecond=0) + SLICE
        yield at, min(edge, end)
        at = edge
