"""The browsable API and the documentation in Chromium: no policy violation, no console error."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, sync_playwright

from tests import factories
from tests.conftest import chromium

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tab(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Page, list[str], str]]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright runs a loop in the test's thread
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": backend}}
    company, client = factories.acme(), Client()
    client.force_login(company.people["alice"], backend="django.contrib.auth.backends.ModelBackend")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context()
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page, trouble = context.new_page(), []
        page.on("console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("requestfailed", lambda r: trouble.append(f"failed {r.url}"))
        yield page, trouble, live_server.url
        browser.close()


@pytest.mark.parametrize(
    "path", ["", "teams", "api-keys", "organizations", "routes", "usage-records", "audit-events", "me"]
)
def test_the_browsable_api_opens(path: str, tab: tuple[Page, list[str], str]) -> None:
    page, trouble, url = tab

    response = page.goto(f"{url}/api/v1/{path}", wait_until="networkidle")

    assert response is not None
    assert response.status == 200
    assert page.locator(".response-info").is_visible()
    assert trouble == []


def test_a_team_is_made_in_the_browser(tab: tuple[Page, list[str], str]) -> None:
    page, trouble, url = tab
    page.goto(f"{url}/api/v1/teams")

    page.fill('input[name="slug"]', "core")
    page.fill('input[name="name"]', "Core")
    page.locator('form[enctype="multipart/form-data"] button:has-text("POST")').first.click()

    page.wait_for_selector(".response-info")
    assert "HTTP 201 Created" in page.locator(".response-info").inner_text()
    assert trouble == []


@pytest.mark.parametrize(("path", "sign"), [("docs", ".swagger-ui .opblock"), ("redoc", "#redoc [data-section-id]")])
def test_the_documentation_opens(path: str, sign: str, tab: tuple[Page, list[str], str]) -> None:
    page, trouble, url = tab

    page.goto(f"{url}/api/{path}/", wait_until="networkidle")

    page.wait_for_selector(sign, timeout=120_000)  # ReDoc draws 300 operations at once
    assert trouble == []
