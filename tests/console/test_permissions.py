"""The permission matrix outside the management API: every URL that the resolver knows, for everybody."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client, override_settings

from tests import factories
from tests.console.permissions import CALLERS, METHODS, Route, expected, path_of, routes
from tests.gateway.api.conftest import PEOPLE
from tests.gateway.api.places import Places

BACKEND = "django.contrib.auth.backends.ModelBackend"
ROUTES = {route.name: route for route in routes()}
PARTS = 8  # of the routes: the rows are shared out among the processes of a run
QUICK = ("anonymous", "mallory")
OTHERS = tuple(caller for caller in CALLERS.values() if caller not in QUICK)


@dataclass(frozen=True)
class World:
    """The company, somebody signed in for every caller, and its things."""

    company: factories.Acme
    lines: dict[str, Any]
    clients: dict[str, Client]

    def path(self, route: Route) -> str:
        """With Acme's things, made for this row alone."""
        return path_of(route, self.company, Places(self.company, self.lines))

    def caller(self, name: str) -> Client:
        """A client of its own, since answers change cookies."""
        client = Client(raise_request_exception=False)
        client.cookies = copy(self.clients[name].cookies)
        return client


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """In the place of pytest-django's: one transaction for all rows, rolled back in the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
    connection.close()


@pytest.fixture(scope="module")
def world(db: None) -> Iterator[World]:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES=settings.STORAGES | {"staticfiles": plain}):
        company = factories.acme()
        bob, ads = factories.book_lines(
            factories.line(company), factories.line(company, project=company.banner)
        )  # fmt: skip
        clients = {"anonymous": Client()}
        for caller, name in PEOPLE.items():
            clients[caller] = Client()
            clients[caller].force_login(company.people[name], backend=BACKEND)
        clients["superuser"].get("/admin/?organization=acme")
        yield World(company, {"bob": bob, "ads": ads}, clients)


def answer(world: World, caller: str, method: str, path: str) -> Any:
    """What a caller is answered; what the call wrote is taken back."""
    with transaction.atomic():
        response = world.caller(caller).generic(method, path)
        transaction.set_rollback(True)
    return response


def cell(response: Any) -> str:
    is_sign_in = response.status_code == 302 and response["Location"].startswith("/admin/login/")
    return "in" if is_sign_in else str(response.status_code)


def marks_of(company: factories.Acme) -> list[bytes]:
    """What nobody outside may read: ids of Acme and its projects, names of its keys and people. (Addresses at
    `acme.example` stand in the documentation, too.)"""
    ids = (company.organization, company.assistant, company.banner, company.keys["bob"], company.people["alice"])
    return [*(str(one.pk).encode() for one in ids), b"bob key", b"mailto:alice@acme.example"]


def check(world: World, route: Route, callers: tuple[str, ...]) -> list[str]:
    """The rows that the table lacks or has otherwise, as they would have to be."""
    wrong, table = [], expected()
    with transaction.atomic():
        path = world.path(route)
        for method in METHODS:
            row, found = table.get((route.name, method)), []
            for caller in callers:
                response = answer(world, caller, method, path)
                found.append(cell(response))
                if caller == "mallory":
                    body = b"".join(response) if response.streaming and not response.is_async else b""
                    text = body if response.streaming else response.content
                    seen = [mark for mark in marks_of(world.company) if mark in text]
                    assert seen == [], f"{method} {path} shows mallory {seen}"
            wanted = row and [row[list(CALLERS.values()).index(caller)] for caller in callers]
            if found != wanted:
                wrong.append(f"{method:<5}{' '.join(f'{one:<3}' for one in found)} {route.name}, not {wanted}")
        transaction.set_rollback(True)
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_strangers_and_mallory_get_what_the_table_says(world: World, part: int) -> None:
    assert [row for name in sorted(ROUTES)[part::PARTS] for row in check(world, ROUTES[name], QUICK)] == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_other_role_gets_what_the_table_says(world: World, part: int) -> None:
    assert [row for name in sorted(ROUTES)[part::PARTS] for row in check(world, ROUTES[name], OTHERS)] == []


def test_every_url_has_a_row_and_every_row_a_url() -> None:
    assert {name for name, _ in expected()} == set(ROUTES)
    assert {method for _, method in expected()} == set(METHODS)


SAID = {("OPTIONS", "autocomplete"): "Django's view says which methods it has, and nothing else"}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_no_other_method_is_a_way_in(world: World, method: str) -> None:
    """Whoever a page is closed to is refused by every method; nobody meets a fault."""
    table, faults = expected(), []
    for route in ROUTES.values():
        with transaction.atomic():
            path = world.path(route)
            for caller in ("anonymous", "mallory"):
                at = list(CALLERS.values()).index(caller)
                closed = not any(table[route.name, usual][at].startswith("2") for usual in METHODS)
                found = cell(answer(world, caller, method, path))
                is_said = (method, route.name) in SAID
                if found.startswith("5") or (closed and found.startswith("2") and not is_said):
                    faults.append(f"{method} {route.name}: {caller} gets {found}")
            transaction.set_rollback(True)
    assert faults == []
