"""Fixtures of the page tests: a company with two weeks of traffic, and a client signed in as anyone of it."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from tests import caches
from tests.console.company import Company, beat, load_days, make_company, make_person
from tests.remember import remembered

SignIn = Callable[[str], Client]


@pytest.fixture(autouse=True)
def plain_static(settings: Settings) -> None:
    """Pages name static files without a manifest: nothing has to be collected first."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


@pytest.fixture(autouse=True)
def empty_caches() -> None:
    caches.clear()


@pytest.fixture
def company(db: None) -> Company:
    """People of every role, catalogue and keys; no traffic yet."""
    made = remembered("company", _make_company)
    beat()
    return made


def _make_company() -> Company:
    made = make_company()
    made.people["root"] = make_person("root", is_staff=True, is_superuser=True)
    made.people["mallory"] = make_person("mallory")
    return made


@pytest.fixture
def busy(company: Company) -> Company:
    """The company with ten days of traffic up to now."""
    load_days(company, days=10, per_day=30)
    return company


@pytest.fixture
def sign_in(company: Company) -> SignIn:
    """A client of the named person."""

    def client(name: str) -> Client:
        found = Client()
        found.force_login(company.people[name])
        return found

    return client
