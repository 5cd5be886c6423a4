"""Are the counters of budgets what the ledger says, and `leased` what the leases say? Reads only, in one snapshot."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg

from costs.budgets.scopes import SUBJECTS
from gateway.ledger.schema import TABLE
from gateway.ledger.verify import EXAMPLES, Check
from gateway.scopes import is_each

Connection = psycopg.Connection[Any]
# From when on lines and counters are compared: a period that reaches back behind the ledger's horizon lacks lines.
BUDGETS_SQL = """
SELECT b.id, b.organization_id, b.name, b.scope, b.scope_value, b.currency, greatest(
  b.tracked_from, h.complete_from,
  (SELECT max(c.period_end) FROM costs_budgetcounter c WHERE c.budget_id = b.id AND c.period_start < h.complete_from)
) FROM costs_budget b LEFT JOIN analytics_ledgerhorizon h ON true
WHERE b.archived_at IS NULL AND (%(organization)s::uuid IS NULL OR b.organization_id = %(organization)s) ORDER BY b.id
"""
# The lines of a budget by its counters' periods; a line that no counter's period holds is under period NULL.
COUNTERS_SQL = """
WITH lines AS (
  SELECT CASE WHEN %(each)s THEN {subject} ELSE '' END AS subject, l.started_at, l.cost FROM {table} l
  WHERE l.organization = %(organization)s AND l.started_at >= %(since)s AND l.cost <> 0 AND l.currency = %(currency)s
    AND {subject} IS NOT NULL AND (%(each)s OR {subject} = %(value)s)
), counters AS (
  SELECT * FROM costs_budgetcounter WHERE budget_id = %(budget)s AND period_start >= %(since)s
), sums AS (
  SELECT c.id, lines.subject, sum(lines.cost) AS cost FROM lines LEFT JOIN counters c ON c.subject = lines.subject
    AND lines.started_at >= c.period_start AND lines.started_at < c.period_end GROUP BY 1, 2
)
SELECT c.id, coalesce(c.subject, sums.subject), c.period_start, coalesce(c.spent, 0), coalesce(sums.cost, 0)
FROM counters c FULL JOIN sums ON sums.id = c.id
"""
KEYS_SQL = """
SELECT c.budget_id, c.spent, coalesce(sum(s.spent), 0) FROM costs_budgetcounter c
JOIN gateway_virtualkey k ON coalesce(k.lineage_id, k.id) = c.budget_id LEFT JOIN gateway_keyspend s ON s.key_id = k.id
WHERE %(organization)s::uuid IS NULL OR c.organization_id = %(organization)s
GROUP BY c.id HAVING bool_or(k.budget_amount IS NOT NULL)
"""
LEASES_SQL = """
SELECT c.id, c.leased, coalesce(sum(greatest(0, l.granted - l.booked)), 0) FROM costs_budgetcounter c
LEFT JOIN costs_budgetlease l ON l.counter_id = c.id
WHERE %(organization)s::uuid IS NULL OR c.organization_id = %(organization)s GROUP BY c.id
"""


def verify_budgets(connection: Connection, organization: UUID | None = None) -> list[Check]:
    """Every check, over one organization or all. `connection`: autocommit. Three statements, one more a budget."""
    scope = {"organization": organization}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        budgets = connection.execute(BUDGETS_SQL, scope).fetchall()
        counters = [found for budget in budgets for found in _counters(connection, budget)]
        keys = connection.execute(KEYS_SQL, scope).fetchall()
        leases = connection.execute(LEASES_SQL, scope).fetchall()
    return [
        _compared("spent of budgets = their lines", counters, "its lines cost"),
        _compared("spent of keys' budgets = spend of keys", [(f"key {k}", a, b) for k, a, b in keys], "its keys spent"),
        _compared("leased = leases", [(f"counter {c}", a, b) for c, a, b in leases], "its leases hold"),
    ]


def _counters(connection: Connection, budget: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    identity, organization, name, scope, value, currency, since = budget
    parameters = {
        "budget": identity, "organization": organization, "value": value, "each": is_each(value), "since": since,
        "currency": currency, "tag": value.partition("=")[0],
    }  # fmt: skip
    for _, subject, start, spent, cost in connection.execute(
        COUNTERS_SQL.format(subject=SUBJECTS.get(scope, "NULL::text"), table=TABLE), parameters
    ):
        when = f"from {start:%Y-%m-%d}" if start else "in a period without a counter"
        yield f"budget {name!r} {subject} {when}".replace("  ", " "), spent, cost


def _compared(name: str, rows: Sequence[tuple[str, Any, Any]], what: str) -> Check:
    wrong = [row for row in rows if row[1] != row[2]]
    return Check(name, len(rows), len(wrong), tuple(f"{row[0]}: {row[1]}, {what} {row[2]}" for row in wrong[:EXAMPLES]))
