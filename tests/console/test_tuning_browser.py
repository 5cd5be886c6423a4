"""Pages of fine-tuning in real Chromium, and what their rows lead to: no complaint, nothing wider than the window."""

import pytest

from tests.console.server import ConsoleServer
from tests.console.test_browser import Watched, browser, console, signed_in, watched

pytest.importorskip("playwright.sync_api")

__all__ = ("browser", "console", "signed_in", "watched")
pytestmark = pytest.mark.browser
LISTS = ("/admin/fine-tuning/jobs/", "/admin/fine-tuning/files/", "/admin/fine-tuning/compare/")
WIZARD = "/admin/fine-tuning/new/?organization=acme&template=classification"


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 375), ("dark", 375)])
def test_lists_and_what_they_lead_to(signed_in: Watched, console: ConsoleServer, theme: str, width: int) -> None:
    page = signed_in.page
    page.click(f"[data-theme-choice={theme}]")
    page.set_viewport_size({"width": width, "height": 900})

    paths = ["/admin/fine-tuning/sunsets/?organization=acme"]
    for path in (*(f"{one}?organization=acme" for one in LISTS), WIZARD):
        page.goto(f"{console.url}{path}", wait_until="networkidle")
        signed_in.check(path)
        links = page.eval_on_selector_all("a.row-link", "all => all.map(one => one.getAttribute('href'))")
        assert links
        paths += [link if link.startswith("/") else f"/admin/fine-tuning/new/{link}" for link in links]

    for path in paths:
        answer = page.goto(f"{console.url}{path}", wait_until="networkidle")
        assert answer is not None
        assert (path, answer.status) == (path, 200)
        assert page.locator("[data-pending]").count() == 0  # every chart is drawn
        signed_in.check(path)
