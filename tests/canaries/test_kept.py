"""What the database holds: every table's text, sessions opened; what is secret is there under a field key alone."""

from collections.abc import Iterator

from django.db import connection

from config.sealed import COLUMNS
from gateway import credentials
from gateway.models import Session
from tests import leaks
from tests.canaries.planting import LIGHT, Planted


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return sorted(name for (name,) in cursor.fetchall())


def text_of(table: str) -> bytes:
    """Every row as `pg_dump` would write it."""
    with connection.cursor() as cursor, cursor.cursor.copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as copy:
        return b"".join(bytes(block) for block in copy)


def sealed(table: str, name: str, key: str) -> Iterator[str]:
    """The plain text of an encrypted column."""
    value = f"{name} ->> '{key}'" if key else name
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {value} FROM {table} WHERE {value} IS NOT NULL")
        for (token,) in cursor.fetchall():
            yield credentials.decrypt(token.encode() if isinstance(token, str) else bytes(token))


def test_no_table_has_a_secret_in_readable_form(planted: Planted, sweep: leaks.Sweep) -> None:
    rows = {table: text_of(table) for table in tables()}

    for table, text in rows.items():
        sweep.look(f"table {table}", text, "")
    for session in Session.objects.all():
        sweep.look("session", str(session.get_decoded()).encode(), "")

    lit = {table for table, text in rows.items() if LIGHT.encode() in text}
    assert lit >= {"gateway_organization", "analytics_alertrule", "finetuning_tuningjob", "gateway_guardrail"}
    assert len(rows) > 100


def test_every_encrypted_column_has_one_and_is_searched(planted: Planted) -> None:
    """A column that `config.sealed` lists and nobody plants in would be searched in vain."""
    empty = [
        str(column)
        for column in COLUMNS
        if not any(
            secret in plain
            for plain in sealed(column.table, column.name, column.key)
            for secret in planted.secrets.values()
        )
    ]

    assert empty == []
