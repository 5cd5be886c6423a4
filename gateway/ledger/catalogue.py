"""The tables of the database, as `gateway.ledger.distribution` wants them."""

from typing import Any

import psycopg

from gateway.ledger.distribution import ForeignKey, Table
from gateway.ledger.schema import TABLE as LEDGER

TABLES = r"""
SELECT c.oid, c.relname, c.relispartition, pg_total_relation_size(c.oid)
  + (SELECT coalesce(sum(pg_total_relation_size(t.relid)), 0)::bigint FROM pg_partition_tree(c.oid) t WHERE level > 0),
  coalesce((SELECT max(level) FROM pg_partition_tree(c.oid)), 0)
FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname
"""
COLUMNS = """
SELECT a.attrelid, a.attname, format_type(a.atttypid, NULL),
  a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%%', false)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
UNIQUE = """
SELECT i.indrelid, c.relname, ARRAY(SELECT coalesce(a.attname, '') FROM unnest(i.indkey[0:i.indnkeyatts - 1])
  WITH ORDINALITY k(number, place) LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
  AND k.number > 0 ORDER BY k.place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisunique AND i.indrelid = ANY(%s) ORDER BY 1, 2
"""
FOREIGN_KEYS = """
SELECT k.conrelid, k.conname, t.relname,
  ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY n(number, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number ORDER BY n.place),
  ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY n(number, place)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number ORDER BY n.place)
FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND k.conrelid = ANY(%s) ORDER BY 1, 2
"""
TRIGGERS = "SELECT tgrelid, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = ANY(%s) ORDER BY 1, 2"


def read(connection: psycopg.Connection[Any]) -> list[Table]:
    """Tables of the current schema but partitions, and but what left the ledger. Five statements. Columns as psycopg
    gives them."""
    heads = [row for row in connection.execute(TABLES).fetchall() if not _is_aside(row[1], row[2])]
    ids = [row[0] for row in heads]
    columns, unique, keys, triggers = (
        _by_table(connection.execute(statement, [ids]).fetchall())
        for statement in (COLUMNS, UNIQUE, FOREIGN_KEYS, TRIGGERS)
    )
    return [
        Table(
            name=name, bytes=size, is_partition=is_partition, partition_levels=levels,
            columns=tuple(row[0] for row in columns.get(oid, [])),
            serial={row[0]: row[1] for row in columns.get(oid, []) if row[2]},
            unique={row[0]: tuple(row[1]) for row in unique.get(oid, [])},
            foreign_keys=tuple(
                ForeignKey(row[0], tuple(row[2]), row[1], tuple(row[3])) for row in keys.get(oid, [])
            ),
            triggers=tuple(row[0] for row in triggers.get(oid, [])),
        )
        for oid, name, is_partition, size, levels in heads
    ]  # fmt: skip


def has_citus(connection: Any) -> bool:
    """Whether the extension is there; `connection`: anything with psycopg's `execute`."""
    return connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'citus'").fetchone() is not None


def _is_aside(name: str, is_partition: bool) -> bool:
    return is_partition or name.startswith(f"{LEDGER}_")


def _by_table(rows: list[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for oid, *rest in rows:
        found.setdefault(oid, []).append(rest)
    return found
