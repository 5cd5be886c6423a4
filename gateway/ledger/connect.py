"""A plain psycopg connection to Django's database, for code that uses psycopg's own types and transactions."""

from typing import Any

import psycopg
from django.db import connection as django_connection

_ADDRESS = (
    "dbname", "user", "password", "host", "port", "service", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey",
)  # fmt: skip


def connect() -> psycopg.Connection[Any]:
    """A new connection in autocommit, without Django's adapters and without prepared statements (rule 23).

    The caller closes it (`with connect() as connection:` does). It goes where Django's default connection goes, so a
    test database is followed too. Raises `psycopg.OperationalError` when the server is away.
    """
    known = django_connection.get_connection_params()
    address = {name: known[name] for name in _ADDRESS if known.get(name)}
    return psycopg.connect(**address, autocommit=True, prepare_threshold=None, connect_timeout=5)
