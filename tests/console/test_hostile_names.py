"""Names that are markup, templates and headers elsewhere, on every page that an owner can open."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from gateway.models import Guardrail, Model, Organization, Project, Provider, Route, Team, User, VirtualKey
from tests import factories
from tests.console.permissions import CALLERS, expected, path_of, routes
from tests.console.permissions import Route as Url
from tests.gateway.api.places import Places

NAME = "q<script>alert(1)</script>\"'><img src=x>{{ 7|add:7 }}{% now 'Y' %}${7*7}"
RAW = re.compile(rb"<script>alert\(1\)|<img src=x|q14q|(?<!\\\\)\"'><img")
OWNER = list(CALLERS.values()).index("owner")

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def plain_static() -> Iterator[None]:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES=settings.STORAGES | {"staticfiles": plain}):
        yield


def shown() -> list[Url]:
    """The pages that show an owner something."""
    table = expected()
    return [url for url in routes() if table[url.name, "GET"][OWNER] == "200"]


def test_names_are_text_on_every_page() -> None:
    company = factories.acme()
    bob, ads = factories.book_lines(factories.line(company), factories.line(company, project=company.banner))
    places = Places(company, {"bob": bob, "ads": ads})
    paths = {url.name: path_of(url, company, places) for url in shown()}
    named: list[Any] = [Organization, Team, Project, VirtualKey, Provider, Guardrail]
    for kind in named:
        kind.objects.update(name=NAME)
    Model.objects.update(upstream_name=NAME)
    Route.objects.update(description=NAME)
    User.objects.update(first_name=NAME, last_name=NAME)
    client, wrong = Client(), []
    client.force_login(company.people["alice"], backend="django.contrib.auth.backends.ModelBackend")

    for name, path in paths.items():
        response = client.get(path)
        content = b"" if response.streaming else response.content
        if response.status_code >= 500 or RAW.search(content) or "\n" in str(response.headers.get("Location", "")):
            wrong.append(f"{name} ({path}): {response.status_code} {RAW.findall(content)[:2]}")

    assert len(paths) > 100
    assert wrong == []
