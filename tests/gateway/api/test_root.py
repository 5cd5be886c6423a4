"""What `/api/v1/` lists, and that the browsable API names every filter."""

from typing import Any

import pytest
from django.test import Client

from gateway.api.filters import AuditFilter, UsageFilter
from gateway.api.root import paths
from tests import factories

BACKEND = "django.contrib.auth.backends.ModelBackend"


def test_every_path_without_parameters_is_listed() -> None:
    assert {"organizations", "usage-records", "rate-limits", "budgets", "me"} <= set(paths())
    assert not {"", "auth/token", "auth/password-reset"} & set(paths())
    assert len(paths()) == len(set(paths()))


@pytest.mark.django_db
def test_what_is_listed_opens() -> None:
    client = Client()
    client.force_login(factories.acme().people["alice"], backend=BACKEND)

    listed: dict[str, Any] = client.get("/api/v1/", HTTP_ACCEPT="application/json").json()

    assert list(listed) == paths()
    assert listed["budgets"] == "http://testserver/api/v1/budgets"
    assert client.get("/api/v1/budgets").status_code == 200


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "kind"), [("json", "application/vnd.oai.openapi+json"), ("yaml", "application/vnd.oai.openapi")]
)
def test_the_document_opens_in_either_format(form: str, kind: str) -> None:
    response = Client().get(f"/api/schema/?format={form}")

    assert (response.status_code, response["Content-Type"].split(";")[0]) == (200, kind)


@pytest.mark.parametrize("filters", [UsageFilter, AuditFilter])
def test_filters_are_named(filters: Any) -> None:
    assert [name for name, one in filters.base_filters.items() if one.label == "[invalid name]"] == []
