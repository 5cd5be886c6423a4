"""The permission matrix against the router: no route without a row, nothing beside the rows, nothing foreign shown."""

import re

import pytest
from django.http import StreamingHttpResponse
from django.urls import URLPattern, resolve

from tests import factories
from tests.console.permissions import patterns
from tests.gateway.api.conftest import Caller
from tests.gateway.api.matrix import rows
from tests.gateway.api.places import Places

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROWS = rows()
API, FRONT = "api/v1/", "api/openai/v1/"
NAMELESS = {
    r"": "leads to the console",
    r"admin/\w+/\w+/<path:object_id>/": "Django's old address of a form: leads to the new one",
    r"admin/\(\?P<url>\.\*\)\$": "whatever is left below the console: sign in, then 404",
}
"""Routes that no row can name."""


def routes() -> dict[str, URLPattern]:
    """The management API's, of every include there is, by the whole path as `resolve` names it."""
    return {path.replace("/^", "/"): pattern for path, pattern in patterns() if path.startswith(API)}


def allowed(pattern: URLPattern) -> set[str]:
    """Methods that the view of a pattern answers."""
    actions = getattr(pattern.callback, "actions", None)
    view = pattern.callback.view_class if actions is None else None  # type: ignore[attr-defined]
    return {method for method in METHODS if (method.lower() in actions if actions else hasattr(view, method.lower()))}


def test_every_route_and_method_has_a_row() -> None:
    of_rows = _routes_of_rows()
    covered = {(row.method, of_rows[row.path]) for row in ROWS}

    missing = {(method, path) for path, pattern in routes().items() for method in allowed(pattern)} - covered

    assert missing == set()


def test_every_other_route_is_in_the_console_s_matrix_or_said_here() -> None:
    """`tests/console/permissions.py` walks what has a name; the paths in OpenAI's format have a test below."""
    nameless = {path for path, pattern in patterns() if not pattern.name and not path.startswith((API, FRONT))}

    assert {path for path in nameless if not any(re.fullmatch(one, path) for one in NAMELESS)} == set()


def _routes_of_rows() -> dict[str, str]:
    """The route of each row's path."""
    placeholders = {part[1:-1] for row in ROWS for part in row.path.split("/") if part.startswith("{")}
    sample = dict.fromkeys(placeholders, "0192f0c4-0000-7000-8000-000000000000")
    return {row.path: resolve(f"/{API}{row.path.format(**sample)}").route for row in ROWS}


@pytest.mark.slow
def test_what_has_no_row_is_not_allowed(company: factories.Acme, caller: Caller) -> None:
    bob, ads = factories.book_lines(factories.line(company), factories.line(company, project=company.banner))
    of_rows = _routes_of_rows()
    known = {(row.method, of_rows[row.path]) for row in ROWS}  # with whichever object
    owner, made = caller("owner"), Places(company, {"bob": bob, "ads": ads})

    for path, route in sorted(of_rows.items()):
        for method in METHODS:
            if (method, route) not in known:
                url = f"/api/v1/{path.format_map(made)}"
                assert owner.generic(method, url).status_code == 405, f"{method} {path}"


@pytest.mark.slow
def test_nothing_in_openai_s_format_answers_without_a_key_that_calls_models(
    company: factories.Acme, caller: Caller
) -> None:
    """A session is none, nor is a management key; what a virtual key may is in `tests/finetuning/front`."""
    paths = [path for path, _ in patterns() if path.startswith(FRONT)]
    assert len(paths) > 10

    for path in paths:
        url = f"/{path.replace('<str:name>', 'file-x').replace('<path:rest>', 'nothing')}"
        for method in (*METHODS, "HEAD", "OPTIONS"):
            for role, status in (("anonymous", 401), ("owner", 401), ("key_write", 403)):
                assert caller(role).generic(method, url).status_code == status, f"{role} {method} {url}"


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
