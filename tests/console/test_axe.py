"""Every page of the registry under axe-core's WCAG 2.2 A and AA rules, with the strict policy and a silent console."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from gateway.console import providers
from tests.console.server import ConsoleServer
from tests.console.test_browser import Watched, browser, console, signed_in, watched

pytest.importorskip("playwright.sync_api")

__all__ = ["browser", "console", "signed_in", "watched"]  # fixtures

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe-core-4.14.1.min.js"
MODEL_PAGES = (
    "/admin/usage/?organization=acme&range=30d&measure=requests&view=heat", "/admin/analytics/annotation/",
    "/admin/analytics/annotation/add/", "/admin/gateway/auditevent/", "/admin/gateway/virtualkey/",
)  # fmt: skip
RUN = """
async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
  const found = await axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] });
  const where = (rule) => rule.nodes.slice(0, 4).map((node) => node.target.join(' ')).join(' | ');
  return found.violations.map((rule) => rule.id + ': ' + where(rule));
}
"""
DETAILS = {  # list → its rows' links, for the pages that are about one thing
    "/admin/requests/": "a.row-link", "/admin/keys/": "a.row-link", "/admin/routes/": "a.row-link",
}  # fmt: skip


def paths() -> Iterator[str]:
    """Pages without an argument; fragments and answers to forms are told apart by what they answer."""
    yield "/admin/"
    for provider in providers():
        for page in provider.pages:
            if "<" not in page.path:
                yield reverse(f"admin:{page.name}")


def violations(page: Any) -> list[str]:
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(RUN)
    return found


def test_axe_is_the_file_that_was_vendored() -> None:
    stated = re.search(r"`([0-9a-f]{64})`", (AXE.parent / "README.md").read_text())
    assert stated
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == stated[1]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 375])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_keep_the_rules(signed_in: Watched, console: ConsoleServer, theme: str, width: int) -> None:
    page = signed_in.page
    page.set_default_timeout(90_000)
    page.click(f"[data-theme-choice={theme}]")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{console.url}/admin/requests/?organization=acme")
    found: dict[str, list[str]] = {}
    seen = list(dict.fromkeys(paths()))
    for path in seen:
        answer = page.request.get(f"{console.url}{path}")
        if answer.status != 200 or "<html" not in answer.text():
            continue
        page.goto(f"{console.url}{path}", wait_until="networkidle")
        found[path] = violations(page)
        signed_in.check(path)
        if path in DETAILS and page.locator(DETAILS[path]).count():
            detail = page.locator(DETAILS[path]).first.get_attribute("href") or ""
            page.goto(f"{console.url}{detail}", wait_until="networkidle")
            found[detail] = violations(page)
            signed_in.check(detail)

    for path in MODEL_PAGES:
        page.goto(f"{console.url}{path}", wait_until="networkidle")
        found[path] = violations(page)
        signed_in.check(path)

    assert len(found) >= 15
    assert {path: broken for path, broken in found.items() if broken} == {}


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_opens_keeps_the_rules(signed_in: Watched, console: ConsoleServer, theme: str) -> None:
    page = signed_in.page
    page.set_default_timeout(90_000)
    page.click(f"[data-theme-choice={theme}]")
    page.goto(f"{console.url}/admin/requests/?organization=acme&status!=ok", wait_until="networkidle")
    found = {}
    page.locator(".facets summary").first.click()
    page.wait_for_selector(".facet")
    found["a filter"] = violations(page)
    page.goto(f"{console.url}/admin/requests/?organization=acme", wait_until="networkidle")
    page.locator("a.row-link").first.click()
    page.wait_for_selector("#peek-body .facts")
    found["the drawer"] = violations(page)
    page.keyboard.press("Control+k")
    page.wait_for_selector(".palette-item")
    found["the palette"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("#keys-help[open]")
    found["the help"] = violations(page)

    assert {name: broken for name, broken in found.items() if broken} == {}
    signed_in.check("/admin/requests/")
