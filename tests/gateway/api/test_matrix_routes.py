"""The permission matrix against the router: no route without a row, nothing beside the rows, nothing foreign shown."""

from collections.abc import Iterator
from itertools import chain

import pytest
from django.http import StreamingHttpResponse
from django.urls import URLPattern, resolve

from analytics.api import annotations, declared_tags
from analytics.api import urls as analytics_urls
from costs.api import urls as costs_urls
from finetuning.api import urls as finetuning_urls
from gateway.api import urls
from sdkgen.api import urls as sdkgen_urls
from tests import factories
from tests.gateway.api.conftest import Caller
from tests.gateway.api.matrix import rows
from tests.gateway.api.places import Places

PARTS = (urls, costs_urls, finetuning_urls, declared_tags, annotations, analytics_urls, sdkgen_urls)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROWS = rows()


def patterns() -> Iterator[tuple[str, URLPattern]]:
    for pattern in chain.from_iterable(part.urlpatterns for part in PARTS):
        assert isinstance(pattern, URLPattern)
        yield str(pattern.name), pattern


def allowed(pattern: URLPattern) -> set[str]:
    """Methods that the view of a pattern answers."""
    actions = getattr(pattern.callback, "actions", None)
    view = pattern.callback.view_class if actions is None else None  # type: ignore[attr-defined]
    return {method for method in METHODS if (method.lower() in actions if actions else hasattr(view, method.lower()))}


def test_every_route_and_method_has_a_row() -> None:
    names = _route_names()
    covered = {(row.method, names[row.path]) for row in ROWS}

    missing = {(method, name) for name, pattern in patterns() for method in allowed(pattern)} - covered

    assert missing == set()


def _route_names() -> dict[str, str | None]:
    """The name of each row's route, by the row's path."""
    placeholders = {part[1:-1] for row in ROWS for part in row.path.split("/") if part.startswith("{")}
    sample = dict.fromkeys(placeholders, "0192f0c4-0000-7000-8000-000000000000")
    return {row.path: resolve(f"/api/v1/{row.path.format(**sample)}").url_name for row in ROWS}


def test_what_has_no_row_is_not_allowed(company: factories.Acme, caller: Caller) -> None:
    bob, ads = factories.book_lines(factories.line(company), factories.line(company, project=company.banner))
    names = _route_names()
    known = {(row.method, names[row.path]) for row in ROWS}  # with whichever object
    owner, made = caller("owner"), Places(company, {"bob": bob, "ads": ads})

    for path, name in sorted(names.items()):
        for method in METHODS:
            if (method, name) not in known:
                url = f"/api/v1/{path.format_map(made)}"
                assert owner.generic(method, url).status_code == 405, f"{method} {path}"


@pytest.mark.parametrize("path", sorted({row.path for row in ROWS if row.method == "GET" and "{" not in row.path}))
def test_mallory_cannot_name_a_foreign_organization(path: str, caller: Caller) -> None:
    mallory = caller("mallory")
    mallory.credentials(HTTP_X_ORGANIZATION="acme")

    response = mallory.get(f"/api/v1/{path}")

    if path.startswith("scim/"):  # for keys alone
        assert response.status_code == 403
    elif path.partition("/")[0] in ("", "me", "organizations"):  # not about one organization
        assert b"acme" not in response.content.lower().replace(b"globex", b"")
    else:
        assert response.status_code == 404
        assert response.json()["code"] == "organization_not_found"


@pytest.mark.parametrize("path", sorted({row.path for row in ROWS if row.method == "GET" and "{" not in row.path}))
def test_lists_show_mallory_nothing_of_acme(path: str, company: factories.Acme, caller: Caller) -> None:
    factories.book_lines(factories.line(company))

    response = caller("mallory").get(f"/api/v1/{path}")
    if isinstance(response, StreamingHttpResponse):
        return  # never ends; what it says is what `admin/dashboard/realtime` says
    text = response.content.decode()

    assert str(company.organization.pk) not in text
    assert "@acme.example" not in text
