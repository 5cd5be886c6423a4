"""Signing in with a second factor in Chromium: no policy violation, no console error, in light and dark."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Page, sync_playwright

from gateway.models import Organization
from gateway.oidc.configuration import Oidc
from tests import factories
from tests.conftest import chromium
from tests.gateway.signin.conftest import with_password

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
REFUSED = "Failed to load resource: the server responded with a status of "
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
"""


@dataclass
class Tab:
    """A page, its server, and what the browser complained about."""

    page: Page
    url: str
    trouble: list[str] = field(default_factory=list)

    def check(self, name: str) -> None:
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (name, self.page.evaluate("window.violations"), self.trouble, wide) == (name, [], [], 0)


@pytest.fixture(params=["light", "dark"])
def tab(live_server: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Tab]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright runs a loop in the test's thread
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=request.param)
        context.add_init_script(WATCH)
        found = Tab(context.new_page(), live_server.url)
        found.page.on("console", lambda m: found.trouble.append(m.text) if m.type == "error" else None)
        found.page.on("pageerror", lambda error: found.trouble.append(str(error)))
        yield found
        browser.close()


def test_from_the_password_to_the_account(tab: Tab, settings: Any) -> None:
    company = factories.acme()
    bob = with_password(company.people["bob"])
    Organization.objects.filter(pk=company.organization.pk).update(requires_second_factor=True)
    settings.OIDC = Oidc(
        issuer="https://login.example.com", client_id="gw", name="Example SSO", domains={"a.b": "acme"}
    )
    page = tab.page

    page.goto(f"{tab.url}/admin/login/?next=/admin/account/")
    assert page.locator("text=Sign in with Example SSO").is_visible()
    tab.check("sign in")
    page.fill("#id_username", bob.username)
    page.fill("#id_password", factories.PASSWORD)
    shown = [page.get_attribute("#id_password", "type")]
    for words in ("Show what I type", "Hide what I type", "Show what I type"):
        page.click(f"button:has-text('{words}')")
        shown.append(page.get_attribute("#id_password", "type"))
    assert shown == ["password", "text", "password", "text"]
    tab.check("a password that is shown")
    page.click("#login-form button[type=submit]")
    page.wait_for_url("**/sign-in/set-up/")
    assert page.locator(".qr svg").is_visible()
    page.click("text=Cannot read it?")
    tab.check("set up")
    secret = page.locator("#secret").inner_text().strip()
    page.fill("#id_code", pyotp.TOTP(secret).now())
    page.click("text=Switch it on and sign in")
    page.wait_for_selector("#codes")
    assert len(page.locator("#codes").inner_text().split()) == 10
    tab.check("codes")
    page.click("text=I have stored them")
    page.wait_for_url("**/admin/account/")
    page.wait_for_selector("text=This one")
    tab.check("account")
    page.goto(f"{tab.url}/sudo/?next=/admin/keys/add/&unsent=1")
    page.fill("#id_password", "not it")
    page.click("button:has-text('Confirm')")
    page.wait_for_selector("text=This is not your password.")
    assert [text.partition("422")[0] for text in tab.trouble] == [REFUSED]
    tab.trouble.clear()
    tab.check("sudo")
