"""Migrations beside traffic: who reads a table is neither waited for without end nor kept from it."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connections

from config import migrating
from tests.analytics.test_retention import direct_url

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "migrating_example"
GIVES_UP = "-c statement_timeout=10s"


@pytest.fixture
def table(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table that a migration changes, and what the two of them do; URL of the database."""
    settings.DATABASE_DIRECT_URL = direct_url()
    monkeypatch.setattr(migrating, "_plan", lambda: [object()])
    monkeypatch.setattr(migrating, "_apply", lambda: _execute(f"ALTER TABLE {TABLE} ADD COLUMN added int"))
    with psycopg.connect(direct_url(), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {TABLE} (id int)")
        yield direct_url()
        connection.execute(f"DROP TABLE {TABLE}")


def _execute(statement: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.slow
def test_who_comes_later_does_not_queue_behind_a_migration_that_waits(table: str) -> None:
    applied: list[int] = []
    worker = threading.Thread(target=lambda: applied.append(migrating.migrate()))
    with psycopg.connect(table) as slow, psycopg.connect(table, autocommit=True, options=GIVES_UP) as other:
        slow.execute(f"SELECT FROM {TABLE}")
        worker.start()
        for _ in range(8):
            other.execute(f"SELECT FROM {TABLE}")  # without the limit it waits for `slow` to end
            time.sleep(0.5)
        assert not applied
    worker.join(timeout=30)

    assert applied == [1]
    with psycopg.connect(table) as connection:
        connection.execute(f"SELECT added FROM {TABLE}")


def test_two_runs_take_turns(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[int] = []

    def apply() -> None:
        inside.append(1)
        assert len(inside) == 1
        time.sleep(0.5)
        inside.clear()

    monkeypatch.setattr(migrating, "_apply", apply)
    applied: list[int] = []
    workers = [threading.Thread(target=lambda: applied.append(migrating.migrate())) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)

    assert applied == [1, 1]


def test_other_failures_are_not_tried_again_and_the_connection_is_the_former_one(
    table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = connections["default"]
    monkeypatch.setattr(migrating, "_apply", lambda: _execute("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(OperationalError, match="terminating"):
        migrating.migrate()
    assert connections["default"] is former


def test_nothing_to_do_opens_nothing(settings: Any) -> None:
    settings.DATABASE_DIRECT_URL = "postgresql://nobody@127.0.0.1:1/nowhere"

    assert migrating.migrate() == 0
