"""Texts that would be SQL, in every parameter of every question of the management API, asked of what is there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction

from gateway.models import VirtualKey
from tests import factories, openapi
from tests.gateway.api.conftest import client_of
from tests.gateway.api.matrix import rows
from tests.gateway.api.places import Places
from tests.gateway.api.test_matrix import db as db
from tests.sqlwatch import LIMIT_S, PAYLOADS, SLEEP_S, Asked, Watch, ask

PARTS = 6
PAGED, PAGED_AT = ("page", "page_size"), ("teams", "usage-records")
"""Names that the same few lines read wherever they are: tried at one list of each kind."""


def questions() -> dict[str, list[str]]:
    """Paths of the API, without what they begin with, whose `GET` takes parameters in its query: their names."""
    found = {}
    for path, item in openapi.document()["paths"].items():
        names = [one["name"] for one in item.get("get", {}).get("parameters", ()) if one["in"] == "query"]
        if names:
            found[path.removeprefix("/api/v1/").rstrip("/")] = names
    return found


def path_in_document(method: str, url: str) -> str:
    """The document's path for an address, the most literal one."""
    known = [path for path, item in openapi.document()["paths"].items() if method.lower() in item]
    fits = [path for path in known if _pattern(path).fullmatch(url)]
    return min(fits, key=lambda path: path.count("{"))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, re.split(r"\{[^}]+\}", path))))


def asked() -> Iterator[tuple[str, str, list[str]]]:
    """Each question at a path where the matrix says that an owner is answered: path of the document, of the row, names
    of its parameters."""
    open_to_owners = [row.path.rstrip("/") for row in rows() if row.method == "GET" and row.expected["owner"] == 200]
    for path, names in questions().items():
        pattern = _pattern(path)
        place = next((one for one in open_to_owners if one == path or pattern.fullmatch(one)), None)
        if place is not None:
            yield path, place, names


NOT_THERE = {
    "fine-tuning/jobs/{id}/runner-bundle": "only of a runner's job, and confirmed with a password",
    "reports/runs/{id}/download": "the run's file is not made yet",
}
"""Questions that no row answers an owner with 200, each with its reason: what they need cannot be had that quickly."""


def test_nearly_every_question_is_asked_of_what_is_there() -> None:
    assert set(questions()) - {path for path, _, _ in asked()} == set(NOT_THERE)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_parameter_of_a_question_is_sql(part: int, db: None) -> None:
    cache.clear()
    found, tried = [], 0
    with transaction.atomic():
        company = factories.acme()
        bob, ads = factories.book_lines(factories.line(company), factories.line(company, project=company.banner))
        places, owner = Places(company, {"bob": bob, "ads": ads}), client_of(company, "owner")
        for path, place, names in sorted(asked())[part::PARTS]:
            url = f"/api/v1/{place.format_map(places)}"
            plain = ask(owner, url, {})
            for name in names:
                if name in PAGED and path not in PAGED_AT:
                    continue
                for payload in PAYLOADS:
                    said = ask(owner, url, {name: payload})
                    found += [
                        f"{path}?{name}={payload!r}: {fault}" for fault in said.faults(frozenset(plain.watch.written))
                    ]
                    tried += 1
        assert VirtualKey.objects.filter(pk=company.keys["bob"].pk).exists()
        transaction.set_rollback(True)
    assert found == []
    assert tried > 300


@pytest.mark.django_db
def test_what_is_pasted_is_seen() -> None:
    from django.db import connection

    class Client:
        def get(self, path: str, parameters: dict[str, str]) -> Any:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT '{parameters['x']}'")
                cursor.execute("CREATE TABLE made (x int)")
            return type("Response", (), {"streaming": False, "status_code": 500})

    said = ask(Client(), "/", {"x": f"pg_sleep({SLEEP_S})"})

    assert said.faults() == ["status 500", "pasted: SELECT 'pg_sleep(30)'", "wrote made"]
    assert Asked(200, LIMIT_S + 1, Watch()).faults() == ["took 11.0 s"]
