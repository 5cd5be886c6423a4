"""Reading budgets with plain psycopg: for the data plane's snapshot and for the booking of lines."""

from collections.abc import Collection, Sequence
from typing import Any

import psycopg

from costs.budgets.money import ticks
from costs.budgets.periods import PeriodRule
from costs.budgets.views import BudgetIndex, BudgetView

SNAPSHOT = "budgets"
BUDGETS_SQL = """
SELECT id::text, organization_id::text, name, scope, scope_value, amount, currency, period, timezone, anchor_on,
       fiscal_months, fiscal_days, enforcement = 'hard', is_shadow,
       floor(extract(epoch FROM tracked_from) * 1000)::bigint
FROM costs_budget WHERE archived_at IS NULL
"""
POLICIES_SQL = "SELECT organization_id::text, team_id::text, rule FROM costs_unpricedpolicy"


class BudgetLoader:
    """Brings the budgets into `runtime.snapshot.extras`; see `gateway.dataplane.protocols.Loader`."""

    name = SNAPSHOT
    entities = frozenset({"budget"})

    def load(self, connection: psycopg.Connection[Any]) -> BudgetIndex:
        return read_index(connection)


def read_index(connection: psycopg.Connection[Any], organizations: Collection[str] | None = None) -> BudgetIndex:
    """Every live budget, or those of some organizations. Two queries; one when narrowed (no policies then)."""
    if organizations is not None:
        rows = connection.execute(BUDGETS_SQL + " AND organization_id = ANY(%s::uuid[])", [list(organizations)])
        return BudgetIndex(map(_view, rows))
    budgets = [_view(row) for row in connection.execute(BUDGETS_SQL + " ORDER BY id")]
    policies = {(row[0], row[1]): row[2] for row in connection.execute(POLICIES_SQL)}
    return BudgetIndex(budgets, policies)


def _view(row: Sequence[Any]) -> BudgetView:
    rule = PeriodRule(*row[7:12])
    identity, organization, name, scope, value = row[:5]
    return BudgetView(
        identity, organization, name, scope, value, ticks(row[5]), row[6], rule, row[12], row[13], row[14]
    )
