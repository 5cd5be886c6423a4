"""What is counted when a backup is made and again when it is restored: rows, money, heads of the audit chains, schema,
keys. Plain psycopg; the caller's transaction decides which moment is seen."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from gateway.keyring import Keyring, field_key_id, pepper_id
from gateway.ledger.schema import TABLE

Connection = psycopg.Connection[Any]
UNSAVED = ("django_session", "gateway_session", "token_blacklist_blacklistedtoken", "token_blacklist_outstandingtoken")
"""Tables that a backup leaves empty: what they hold would sign its reader in. People sign in again after a restore."""


def relations(connection: Connection, kinds: str) -> list[tuple[str, str]]:
    """`(schema, name)` of what is of these `relkind`s, but for the server's own and what came with an extension, as
    Citus's tables and views do: that is no part of a restore."""
    return connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = ANY(%s::\"char\"[]) AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid "
        "AND d.deptype = 'e') ORDER BY 1, 2",
        [list(kinds)],
    ).fetchall()


def tables(connection: Connection) -> dict[str, int]:
    """Rows of every ordinary table and partition, `schema.name` → rows. One query each."""
    found = {}
    for schema, name in relations(connection, "r"):
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        found[f"{schema}.{name}"] = 0 if name in UNSAVED else _one(connection, count)
    return found


def sums(connection: Connection) -> dict[str, Any]:
    """Of ledger lines by currency, of what keys and budgets have spent, and the newest hash of every audit chain. Money
    is text, so that nothing is rounded on the way."""
    query = sql.SQL(
        "SELECT currency, count(*), count(*) FILTER (WHERE cost IS NULL), coalesce(sum(cost), 0)::text, "
        "coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0) FROM {} GROUP BY 1 ORDER BY 1"
    )
    lines = connection.execute(query.format(sql.Identifier(TABLE))).fetchall()
    names = ("currency", "lines", "unpriced", "cost", "input_tokens", "output_tokens")
    chains = connection.execute(
        "SELECT DISTINCT ON (organization_id) coalesce(organization_id::text, 'platform'), sequence, "
        "encode(hash, 'hex') FROM gateway_auditevent WHERE sequence IS NOT NULL ORDER BY organization_id, sequence DESC"
    ).fetchall()
    return {
        "ledger": [dict(zip(names, _plain(row), strict=True)) for row in lines],
        "keys_spent": _one(connection, "SELECT coalesce(sum(spent), 0)::text FROM gateway_keyspend"),
        "budgets_spent": _one(connection, "SELECT coalesce(sum(spent), 0)::text FROM costs_budgetcounter"),
        "audit_chains": {chain: {"sequence": sequence, "hash": head} for chain, sequence, head in sorted(chains)},
    }


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [value if isinstance(value, str) or value is None else int(value) for value in row]


def migrations(connection: Connection) -> list[str]:
    """`app.name` of all that are applied, sorted."""
    return sorted(f"{app}.{name}" for app, name in connection.execute("SELECT app, name FROM django_migrations"))


def keys(connection: Connection, ring: Keyring) -> dict[str, Any]:
    """Ids of what is needed to use the database, never the keys: of peppers those of keys that work, and the lowest,
    which makes hashes; of field keys all that there are."""
    rows = connection.execute(
        "SELECT DISTINCT pepper_version FROM gateway_virtualkey "
        "WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"
    ).fetchall()
    needed = {version for (version,) in rows} | {min(ring.peppers)}
    return {
        "peppers": {str(v): pepper_id(ring.peppers[v]) if v in ring.peppers else "" for v in sorted(needed)},
        "field_keys": [field_key_id(key) for key in ring.field_keys],
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is another one than the manifest's."""

    name: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.name}: {self.found} instead of {self.expected}"


def differences(name: str, expected: Any, found: Any) -> list[Difference]:
    """Where two nested answers differ; `name` is the path to them."""
    if isinstance(expected, dict) and isinstance(found, dict):
        both = sorted(expected.keys() | found.keys())
        return [one for key in both for one in differences(f"{name}.{key}", expected.get(key), found.get(key))]
    return [] if expected == found else [Difference(name, expected, found)]


def _one(connection: Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
