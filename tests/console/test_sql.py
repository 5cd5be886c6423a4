"""Texts that would be SQL, in everything that a page of the console or of model admin looks up in its query."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db import transaction
from django.test import Client

from gateway.models import VirtualKey
from tests.console.permissions import Route, routes
from tests.console.test_permissions import BACKEND, World
from tests.console.test_permissions import db as db
from tests.console.test_permissions import world as world
from tests.sqlwatch import PAYLOADS, ask, names_asked_for

ROUTES = {route.name: route for route in routes()}
PARTS = 8
EVERYWHERE = {"_to_field", "_popup", "_changelist_filters", "organization"}
"""Names that the same few lines of Django's and ours read on every page: tried on two."""
TWO = ("index", "gateway_virtualkey_changelist")
FEW = [PAYLOADS[place] for place in (0, 4, 7, 9, 13)]
"""One of each kind: a quote, a second statement that sleeps, NUL, more digits and years than there are."""
LOOKUPS = ("__exact", "__in", "__regex")


def changelists() -> dict[str, ModelAdmin]:  # type: ignore[type-arg]
    """By the name of the route."""
    return {
        f"{model._meta.app_label}_{model._meta.model_name}_changelist": shown
        for model, shown in admin.site._registry.items()
    }


def filters(shown: ModelAdmin) -> Iterator[str]:  # type: ignore[type-arg]
    """Names that a changelist filters, searches, orders and pages by; lookups that it has to refuse, too."""
    yield from ("q", "o", "p", "all", "e", "_facets", "_to_field", "_popup")
    declared = [one[0] if isinstance(one, tuple) else one for one in shown.list_filter]
    named = [one if isinstance(one, str) else getattr(one, "parameter_name", None) for one in declared]
    for name in {shown.model._meta.pk.name, *(name for name in named if name)}:
        yield from (f"{name}{lookup}" for lookup in LOOKUPS)


def names_of(world: World, route: Route, path: str) -> list[str]:
    """What the page looks up in its query, asked without one, beyond what every page does."""
    owner = world.caller("superuser")
    with names_asked_for() as common:
        ask(owner, "/admin/status/", {})
    with names_asked_for() as seen:
        ask(owner, path, {})
    shown = changelists().get(route.name)
    own = {name for name in seen if name} | (set(filters(shown)) if shown else set())
    return sorted(own if route.name in TWO else own - common - EVERYWHERE)


def faults_of(world: World, route: Route) -> Iterator[str]:
    with transaction.atomic():
        path = world.path(route)
        usual = frozenset(ask(world.caller("superuser"), path, {}).watch.written)
        for name in names_of(world, route, path):
            for payload in FEW:
                said = ask(world.caller("superuser"), path, {name: payload})
                yield from (f"{route.name}?{name}={payload!r}: {fault}" for fault in said.faults(usual))
        transaction.set_rollback(True)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_in_the_query_of_a_page_is_sql(world: World, part: int) -> None:
    found = [fault for name in sorted(ROUTES)[part::PARTS] for fault in faults_of(world, ROUTES[name])]

    assert found == []
    assert VirtualKey.objects.filter(pk=world.company.keys["bob"].pk).exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/admin/gateway/virtualkey/?name__regex=a%00b", 400), ("/admin/costs/explorer/?lists=x&urlencode=y", 200),
     ("/admin/?q=a%2500b", 200)],
)  # fmt: skip
def test_what_once_met_a_fault(world: World, path: str, status: int, plain_static_files: None) -> None:
    """NUL in filters of model admin; names that are methods of a query in templates."""
    client = Client(raise_request_exception=False)
    with transaction.atomic():
        client.force_login(world.company.people["alice"], backend=BACKEND)
        response = client.get(path)
        transaction.set_rollback(True)

    assert response.status_code == status
    if "urlencode" in path:
        assert b'name="lists" value="x"' in response.content
        assert b"lists=x&amp;urlencode=y" in response.content


def test_every_changelist_is_a_route() -> None:
    assert set(changelists()) - set(ROUTES) == set()


@pytest.mark.slow
def test_what_pages_look_up_is_seen(world: World) -> None:
    route = ROUTES["requests"]
    with transaction.atomic():
        names = names_of(world, route, world.path(route))
        transaction.set_rollback(True)

    assert {"model", "before", "after", "from"} <= set(names)
