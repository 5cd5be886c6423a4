"""Rows that many tests begin with, made by the services once in a process and inserted as they were from then on."""

import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection, transaction

T = TypeVar("T")
_TABLES = (
    "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition"
)
_COLUMNS = (
    "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = %s::regclass"
    " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
)
_MARK = "INSERT INTO django_session VALUES ('remember', '', now()) RETURNING xmin::text::bigint"
_kept: dict[object, tuple[bytes, str]] = {}
"""What `make` returned, pickled, and the statements that insert its rows, by key."""


def remembered(key: object, make: Callable[[], T]) -> T:
    """What `make()` returns, with its rows in the database: the second time for a key they are inserted, with their
    ids and times, in one round trip. `make` only inserts, and returns what can be pickled."""
    if key not in _kept:
        return _make(key, make)
    made, script = _kept[key]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(script)
    return pickle.loads(made)


def _make(key: object, make: Callable[[], T]) -> T:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [table for (table,) in cursor.fetchall() if table != "django_session"]
        before = _counted(cursor, tables, "true")
        cursor.execute(_MARK)
        first = cursor.fetchone()[0]
        cursor.execute("DELETE FROM django_session WHERE session_key = 'remember'")
        made = make()
        new = f"xmin::text::bigint >= {first}"
        written, after = _counted(cursor, tables, new), _counted(cursor, tables, "true")
        changed = [table for table in tables if written[table] != after[table] - before[table]]
        if changed:
            raise AssertionError(f"not only inserted: {changed}")
        script = "".join(_insertion(cursor, table, new) for table in tables if written[table])
    _kept[key] = pickle.dumps(made), script
    return made


def _counted(cursor: Any, tables: list[str], condition: str) -> dict[str, int]:
    cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table} WHERE {condition}" for table in tables))
    return dict(cursor.fetchall())


def _insertion(cursor: Any, table: str, new: str) -> str:
    cursor.execute(_COLUMNS, [table])
    columns = cursor.fetchone()[0]
    cursor.execute(f"SELECT quote_literal(json_agg(t)::text) FROM {table} t WHERE {new}")
    rows = cursor.fetchone()[0]
    return f"INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, {rows});\n"
