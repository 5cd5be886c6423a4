"""A committed database connection as the writer uses one, on a clean ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection as django_connection

from gateway.ledger.partitions import ensure_partitions


@pytest.fixture
def conninfo(transactional_db: None) -> str:
    """Connection string of the test database."""
    parameters = django_connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    return psycopg.conninfo.make_conninfo(**{name: parameters[name] for name in names if parameters.get(name)})


@pytest.fixture
def ledger(conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection with this month's partitions made."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        ensure_partitions(connection, [datetime.now(UTC), datetime(2026, 11, 1, tzinfo=UTC)])
        yield connection
