"""Truths about interrupted calls that arrive after the estimate was priced anew: they are priced by the same book.

The data plane priced a truth by the prices of its moment. Where somebody, or a price that arrived, had the estimate
priced anew since, the truth is too: a re-pricing of that line alone is begun in the transaction that books the truth.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import psycopg

from costs.choices import RepricingState
from gateway.choices import JobStatus
from gateway.ledger.booking import TRUTH, derived_id
from gateway.ledger.hooks import NewLines
from gateway.ledger.ids import uuid7
from gateway.ledger.schema import TABLE

KIND = "costs.reprice"
"""Jobs of `costs.services.repricing`."""
MILLISECOND = timedelta(milliseconds=1)

PRICED_ANEW_SQL = f"""
SELECT DISTINCT a.organization, a.corrects, a.started_at FROM {TABLE} a
WHERE a.corrects = ANY(%s::uuid[]) AND a.started_at = ANY(%s::timestamptz[]) AND a.kind = 'adjustment'
  AND a.id <> ALL(%s::uuid[])
"""
RUN_SQL = """
INSERT INTO costs_repricingrun (id, created_at, updated_at, organization_id, start, "end", provider, model, line,
  only_unpriced, is_automatic, state, digest, error)
VALUES (%(id)s, %(now)s, %(now)s, %(organization)s, %(start)s, %(end)s, '', '', %(line)s, false, true, %(state)s, '',
  '')
ON CONFLICT DO NOTHING
"""
JOB_SQL = """
INSERT INTO gateway_job (id, created_at, updated_at, kind, period, organization_id, status, progress, parameters, error,
  fence)
VALUES (%(job)s, %(now)s, %(now)s, %(kind)s, %(period)s, %(organization)s, %(queued)s, 0, '{}', '', 0)
ON CONFLICT DO NOTHING
"""


def offer_repricing(connection: psycopg.Connection[Any], lines: NewLines) -> None:
    """Implements `gateway.ledger.hooks.Booker`: one query where there are truths, none else."""
    if not lines.adjusts or lines.source.startswith("reprice:"):
        return
    truths = dict(_truths(lines.read()))
    if not truths:
        return
    about = [list(truths), [at for at, _ in truths.values()], [identity for _, identity in truths.values()]]
    rows = connection.execute(PRICED_ANEW_SQL, about).fetchall()
    for organization, line, started_at in rows:
        run = uuid5(line, TRUTH)
        values = {
            "id": run, "now": datetime.now(UTC), "organization": organization, "start": started_at,
            "end": started_at + MILLISECOND, "line": line, "state": RepricingState.COUNTING.value, "job": uuid7(),
            "kind": KIND, "period": f"count:{run}", "queued": JobStatus.QUEUED.value,
        }  # fmt: skip
        connection.execute(RUN_SQL, values)
        connection.execute(JOB_SQL, values)


def _truths(lines: Iterable[Mapping[str, Any]]) -> Iterable[tuple[UUID, tuple[Any, UUID]]]:
    """Line that a truth is about → its time and the truth's id."""
    for line in lines:
        if line["kind"] == "adjustment" and line.get("corrects"):
            about, identity = UUID(str(line["corrects"])), UUID(str(line["id"]))
            if identity == derived_id(about, TRUTH):
                yield about, (line["started_at"], identity)
