"""Fixtures of the analytics tests: the company, an empty result cache, and a look at the rollup tables."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from analytics import cache
from tests.factories import Acme, acme

Fetch = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


@pytest.fixture
def fetch(db: None) -> Fetch:
    """`fetch(sql, *parameters)` → rows as dicts."""

    def run(sql: str, *parameters: object) -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return run
