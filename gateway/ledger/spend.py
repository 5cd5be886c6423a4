"""What keys spent, by their lines: of the ledger, and of what left it."""

from typing import Any

import psycopg

COUNTED = "l.is_final AND l.kind IN ('attempt', 'cache_hit')"
"""Lines that are a request of their key."""


def sums_of(lines: str) -> str:
    """Rows (key_id, currency, spent, requests) of lines: a table, or a subquery with the columns of one."""
    return (
        "SELECT l.api_key AS key_id, l.currency, sum(coalesce(l.cost, 0)) AS spent, "
        f"coalesce(sum(l.request_count) FILTER (WHERE {COUNTED}), 0) AS requests "
        f"FROM {lines} l WHERE l.api_key IS NOT NULL GROUP BY 1, 2"
    )


def retire(connection: psycopg.Connection[Any], table: str) -> None:
    """Keep the sums of a table that leaves the ledger, in the transaction in which it leaves."""
    _add(connection, sums_of(table))


def bring_back(connection: Any, table: str) -> None:
    """The opposite, for lines that come back. `connection`: anything with psycopg's `execute`."""
    signed = f"SELECT key_id, currency, -spent AS spent, -requests AS requests FROM ({sums_of(table)}) s"
    _add(connection, signed)


def _add(connection: Any, sums: str) -> None:
    connection.execute(
        "INSERT INTO gateway_retiredspend AS r (key_id, currency, spent, requests) "
        f"SELECT key_id, currency, spent, requests FROM ({sums}) s ON CONFLICT (key_id, currency) DO UPDATE "
        "SET spent = r.spent + excluded.spent, requests = r.requests + excluded.requests"
    )
