"""Every page in real Chromium: no violation of the policy, no console error, no sideways scroll, both themes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import chromium
from tests.console.company import PASSWORD
from tests.console.server import ConsoleServer

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser
PAGES = (
    "/admin/",
    "/admin/?range=24h",
    "/admin/?organization=newcomer",
    "/admin/?organization=acme&range=30d",
    "/admin/requests/",
    "/admin/requests/?status=failed&range=30d",
    "/admin/requests/?q=unknown",
    "/admin/usage/?organization=acme&range=30d",
    "/admin/usage/?organization=acme&measure=latency_p95&view=lines&compare=week",
    "/admin/usage/?organization=acme&range=30d&view=table&by=project",
    "/admin/usage/?organization=acme&range=30d&measure=requests&view=heat",
    "/admin/usage/?organization=acme&team=nowhere",
    "/admin/?organization=acme&model=gpt-4o&compare=none",
    "/admin/requests/?organization=acme&range=30d&weekday=2&hour=14",
    "/admin/reconciliation/",
    "/admin/ledger-archive/",
    "/admin/analytics/annotation/",
    "/admin/analytics/annotation/add/",
    "/admin/usage/?organization=newcomer",
    "/admin/performance/?organization=acme&range=30d",
    "/admin/performance/?organization=acme&status=ok",
    "/admin/forecasts/?organization=acme",
    "/admin/forecasts/?organization=acme&grain=hour&measure=requests",
    "/admin/forecasts/?organization=newcomer",
    "/admin/requests/?live=1&columns=provider,cost,status,end_user,route,sdk",
    "/admin/keys/",
    "/admin/keys/?state=all&q=nothing",
    "/admin/keys/add/",
    "/admin/anomalies/",
    "/admin/anomalies/?organization=newcomer",
    "/admin/realtime/",
    "/admin/realtime/?organization=newcomer",
    "/admin/alerts/?organization=acme",
    "/admin/alerts/?organization=newcomer",
    "/admin/alerts/add/?organization=acme",
    "/admin/compare/?organization=acme",
    "/admin/compare/?organization=acme&of=provider&range=90d",
    "/admin/compare/?organization=newcomer",
    "/admin/security/?organization=acme",
    "/admin/security/?organization=newcomer",
    "/admin/compliance/?organization=acme",
    "/admin/compliance/?organization=acme&of=owasp_llm",
    "/admin/reports/?organization=acme",
    "/admin/reports/add/?template=weekly_team",
    "/admin/reports/?organization=newcomer",
    "/admin/exports/?organization=acme",
    "/admin/exports/?organization=newcomer",
    "/admin/settings/?organization=acme",
    "/admin/providers/",
    "/admin/models/",
    "/admin/routes/",
    "/admin/routes/add/",
    "/admin/routes/?organization=newcomer",
    "/admin/models/?organization=newcomer",
    "/admin/guardrails/?organization=acme",
    "/admin/budgets/",
    "/admin/prices/?organization=acme",
    "/admin/prices/history/?provider=openai&model=gpt-4o",
    "/admin/costs/priceoverride/add/?provider=openai&model=gpt-4o&price_input=2",
    "/admin/prices/reviews/?organization=acme",
    "/admin/prices/repricing/?organization=acme",
    "/admin/allocation/?organization=acme",
    "/admin/allocation/?organization=newcomer",
    "/admin/showback/?organization=acme",
    "/admin/showback/?organization=newcomer",
    "/admin/invoices/?organization=acme",
    "/admin/invoices/?organization=newcomer",
    "/admin/fine-tuning/jobs/?organization=acme",
    "/admin/fine-tuning/files/?organization=acme",
    "/admin/fine-tuning/compare/?organization=acme",
    "/admin/sdks/versions/?organization=acme",
    "/admin/sdks/usage/?organization=acme&range=30d",
    "/admin/fine-tuning/sunsets/?organization=acme",
    "/admin/fine-tuning/new/?organization=acme",
    "/admin/fine-tuning/new/?organization=acme&template=classification",
    "/admin/sdks/custom/?organization=acme",
    "/admin/fine-tuning/jobs/?organization=newcomer",
    "/admin/playground/?organization=acme",
    "/admin/rate-limits/",
    "/admin/gateway/ratelimit/",
    "/admin/gateway/ratelimit/add/",
    "/admin/costs/budget/",
    "/admin/costs/budget/add/",
    "/admin/imports/",
    "/admin/body-access/",
    "/admin/privacy/",
    "/admin/components/",
    "/admin/components/?wrong=1",
    "/admin/gateway/virtualkey/",
    "/admin/gateway/virtualkey/add/",
    "/admin/gateway/provider/",
    "/admin/gateway/model/",
    "/admin/gateway/route/add/",
    "/admin/gateway/auditevent/",
    "/admin/gateway/",
    "/admin/django_celery_beat/periodictask/add/",
    "/admin/password_change/",
    "/admin/account/",
    "/admin/account/second-factor/",
    "/sudo/?next=/admin/keys/add/&unsent=1",
    "/api/docs/",
    "/api/redoc/",
    "/admin/sdks/?organization=acme",
    "/admin/sdks/docs/python/?organization=acme",
    "/admin/sdks/docs/csharp/reference/?q=budgets",
    "/admin/sdks/docs/java/reference/chat.completions.create/",
    "/admin/sdks/docs/go/examples/?use_case=cost",
    "/admin/sdks/docs/java/types/?q=budget",
    "/admin/sdks/docs/python/types/ChatCompletionRequest/",
    "/admin/sdks/docs/python/changelog/",
    "/admin/sdks/docs/typescript/tutorial/stream/",
)
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(event.violatedDirective + ' ' + event.blockedURI);
});
"""
CUT = """
[...document.querySelectorAll('main .code pre')].filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.textContent.slice(0, 60))
"""
"""Code that goes on beyond the edge of its box."""


@dataclass
class Watched:
    """A page together with everything it complained about."""

    page: "playwright.Page"
    complaints: list[str] = field(default_factory=list)

    def check(self, path: str) -> None:
        violations = self.page.evaluate("window.violations")
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (path, self.complaints, violations, wide) == (path, [], [], 0)
        assert (path, self.page.evaluate(CUT)) == (path, [])


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    server = ConsoleServer(tmp_path_factory.mktemp("console"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def watched(browser: "playwright.Browser") -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(WATCH)
    watched = Watched(context.new_page())
    watched.page.on("console", lambda message: message.type == "error" and watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    yield watched
    context.close()


@pytest.fixture
def signed_in(watched: Watched, console: ConsoleServer) -> Watched:
    page = watched.page
    page.goto(f"{console.url}/admin/login/?next=/admin/settings/")
    watched.check("/admin/login/")
    page.fill("#id_username", "root@example.com")
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/settings/")
    return watched


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 375), ("dark", 375)])
def test_every_page_is_clean(signed_in: Watched, console: ConsoleServer, theme: str, width: int) -> None:
    """No complaint of the browser, nothing wider than the window, and nothing loaded from elsewhere."""
    page = signed_in.page
    ours = (console.url, "data:", "blob:")
    page.on("request", lambda request: request.url.startswith(ours) or signed_in.complaints.append(request.url))
    page.click(f"[data-theme-choice={theme}]")
    page.set_viewport_size({"width": width, "height": 900})
    details = []
    for path in ("/admin/requests/?organization=acme", "/admin/showback/?organization=acme"):
        page.goto(f"{console.url}{path}")
        details.append(page.locator("a.row-link").first.get_attribute("href"))

    for path in (*PAGES, *details):
        answer = page.goto(f"{console.url}{path}", wait_until="networkidle")
        assert answer is not None
        assert (path, answer.status) == (path, 200)
        if path.startswith("/admin"):
            assert page.locator("html").get_attribute("data-theme") == theme
            signed_in.check(path)
        else:
            assert (path, signed_in.complaints, page.evaluate("window.violations")) == (path, [], [])


def test_chart_is_drawn_and_follows_the_theme(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/?organization=acme", wait_until="networkidle")

    bars = page.locator("#cost-by-model .bars .point path")
    assert bars.count() > 7
    colour = "getComputedStyle(document.querySelector('.bars .point path')).fill"
    page.click("[data-theme-choice=light]")
    light = page.evaluate(colour)
    page.click("[data-theme-choice=dark]")
    assert page.evaluate(colour) != light
    assert page.evaluate("document.querySelector('[data-chart]').hasAttribute('data-pending')") is False
    signed_in.check("/admin/")


def test_a_click_on_a_bar_opens_its_requests(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/usage/?organization=acme&range=30d&model=gpt-4o", wait_until="networkidle")
    bars = page.locator("#usage .bars .point path")
    bar = bars.nth(bars.count() - 3)

    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**/admin/requests/**")

    found = parse_qs(urlsplit(page.url).query)
    assert (found["organization"], found["model"]) == (["acme"], ["gpt-4o"])
    start, end = (datetime.fromisoformat(found[name][0]) for name in ("start", "end"))
    assert end - start == timedelta(days=1)


def test_theme_is_kept_without_a_flash(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    with page.expect_response("**/admin/theme/") as stored:
        page.click("[data-theme-choice=dark]")

    assert stored.value.status == 204
    html = page.request.get(f"{console.url}/admin/").text()
    assert 'data-theme="dark"' in html  # from the server: nothing to correct after the first paint
    page.click("[data-menu]:has(.avatar) summary")
    page.click("#logout-form button")
    page.goto(f"{console.url}/admin/login/")
    assert page.locator("html").get_attribute("data-theme") == "dark"  # from the browser's own memory


def test_recent_requests_refresh_and_pause(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/?organization=acme", wait_until="networkidle")

    with page.expect_response("**/admin/requests/recent/", timeout=15_000) as answered:
        pass
    assert answered.value.status == 304
    page.click("[data-pause=recent]")
    assert page.locator("#recent[data-paused]").count() == 1
    assert page.locator("[data-pause=recent]").get_attribute("aria-pressed") == "true"
    signed_in.check("/admin/")


def test_filters_are_counted_chosen_and_stay_in_the_url(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/requests/?organization=acme")

    page.click(".facets summary >> text=Model")
    page.click(".facet-keep:has-text('gpt-4o'):not(:has-text('mini'))")
    page.wait_for_url("**/admin/requests/?organization=acme&range=7d&model=gpt-4o")

    assert set(page.locator("tbody tr td:nth-child(3)").all_inner_texts()) == {"gpt-4o"}
    page.reload()
    page.click(".chips-on .chip-on")
    page.wait_for_url("**/admin/requests/?organization=acme&range=7d")
    page.click(".facets summary >> text=Provider")
    page.click(".facet-drop[aria-label='Without openai']")
    page.wait_for_selector(".chips-on .chip-off:has-text('Provider not openai')")
    signed_in.check("/admin/requests/")


def test_rows_by_keyboard_with_the_open_one_in_the_url(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/requests/?organization=acme", wait_until="networkidle")
    ids = page.eval_on_selector_all("a[data-peek]", "all => all.map(one => one.dataset.peek)")
    shown = "#peek-body .mono-title"

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_selector(f"{shown} >> text={ids[1]}")
    page.keyboard.press("j")
    page.wait_for_selector(f"{shown} >> text={ids[2]}")
    page.keyboard.press("k")
    page.wait_for_selector(f"{shown} >> text={ids[1]}")
    assert page.url.endswith(f"peek={ids[1]}")
    page.reload()
    page.wait_for_selector(f"{shown} >> text={ids[1]}")
    page.keyboard.press("Escape")
    page.wait_for_url("**/admin/requests/?organization=acme")
    assert page.evaluate("document.activeElement.dataset.peek") == ids[1]
    signed_in.check("/admin/requests/")


def test_palette_help_and_shortcuts(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/requests/?organization=acme", wait_until="networkidle")

    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.press("?")  # typed, not a shortcut
    assert page.input_value("#q") == "?"
    assert not page.locator("#keys-help").is_visible()
    page.keyboard.press("Control+k")
    page.wait_for_selector(".palette-item >> text=Real time")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#palette')")
    page.fill("#palette-q", "semantic")
    page.wait_for_selector(".palette-item[aria-selected=true] >> text=Semantic search")
    page.press("#palette-q", "Enter")
    page.wait_for_url("**/admin/requests/?project=*")
    page.keyboard.press("?")
    page.wait_for_selector("#keys-list >> text=Next row")
    with page.expect_response("**/admin/shortcuts/") as stored:
        page.uncheck("[data-shortcuts-switch]")
    assert stored.value.status == 204
    page.keyboard.press("Escape")
    page.reload(wait_until="networkidle")
    page.keyboard.press("?")
    assert not page.locator("#keys-help").is_visible()
    page.click("[data-menu]:has(.avatar) summary")
    page.click("[data-keys-help]")
    with page.expect_response("**/admin/shortcuts/"):
        page.check("[data-shortcuts-switch]")
    signed_in.check("/admin/requests/")


def test_live_pages_refresh(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/requests/?organization=acme&live=1", wait_until="networkidle")
    with page.expect_response("**/admin/requests/live/**", timeout=30_000) as rows:
        pass
    assert rows.value.status == 304
    page.goto(f"{console.url}/admin/realtime/", wait_until="networkidle")
    with page.expect_response("**/admin/realtime/now/**", timeout=30_000) as now:
        pass
    assert now.value.status in (200, 304)
    signed_in.check("/admin/realtime/")


def test_navigation_opens_on_a_phone(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.set_viewport_size({"width": 375, "height": 812})
    page.goto(f"{console.url}/admin/")

    assert not page.locator("#side").is_visible()
    page.click("[popovertarget=side].head-menu")
    assert page.locator("#side").is_visible()
    page.click("#side >> text=Requests")
    page.wait_for_url("**/admin/requests/")
    signed_in.check("/admin/requests/")


INVITE = """
import re
from gateway.models import Organization, OutboxMessage, User
from gateway.services import outbox, people
organization = Organization.objects.get(slug="acme")
people.invite(
    organization=organization, actor=User.objects.get(email="root@example.com"),
    email="eve@example.com", role="analyst",
)
print(re.search("/invitations/[^/]+/", outbox._opened(OutboxMessage.objects.latest("created_at"))["text"])[0])
"""


def test_an_invitation_is_accepted(watched: Watched, console: ConsoleServer) -> None:
    page = watched.page
    page.goto(console.url + console.shell(INVITE))

    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("#id_username")
    page.fill("#id_username", "eve@example.com")
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{console.url}/admin/")

    assert page.locator("h1").inner_text() == "Acme Robotics"
    watched.check("/invitations/")


def test_copy_buttons_copy(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{console.url}/admin/requests/?organization=acme")
    page.goto(console.url + (page.locator("a.row-link").first.get_attribute("href") or ""))

    page.locator("h1 + .copy").click()

    page.wait_for_selector(".copy[data-done]")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("h1").inner_text()


LISTS = ("virtualkey", "provider", "model", "route", "project", "team", "membership", "auditevent", "user", "job")
HIDDEN = """
(() => {
  const frame = document.querySelector('.results');
  return [frame.getBoundingClientRect().right > innerWidth, getComputedStyle(frame).overflowX];
})()
"""


@pytest.mark.parametrize("width", [1440, 1024, 375])
def test_lists_stay_within_the_page_and_scroll_inside(signed_in: Watched, console: ConsoleServer, width: int) -> None:
    page = signed_in.page
    page.set_viewport_size({"width": width, "height": 900})
    for name in LISTS:
        path = f"/admin/gateway/{name}/?organizations=all"
        page.goto(f"{console.url}{path}")
        if page.locator(".results").count():
            assert (name, page.evaluate(HIDDEN)) == (name, [False, "auto"])
        signed_in.check(path)
        if width == 1440 and page.locator(".results").count() and name not in ("auditevent", "user"):
            hidden = page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.results'))")
            assert (name, hidden) == (name, 0)  # a wide screen shows every column


@pytest.mark.parametrize("width", [1440, 375])
def test_filters_open_and_a_selection_brings_its_actions(
    signed_in: Watched, console: ConsoleServer, width: int
) -> None:
    page = signed_in.page
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{console.url}/admin/gateway/virtualkey/")

    assert not page.locator(".actions").is_visible()
    page.locator(".action-select").first.check()
    assert page.locator(".actions select").is_visible()
    page.locator(".action-select").first.uncheck()
    page.click(".filter:has-text('State') summary")
    page.click(".filter[open] >> text=Revoked")
    page.wait_for_url("**/admin/gateway/virtualkey/?state=revoked")
    assert page.locator("text=Nothing matches").is_visible()
    page.click("text=Clear all filters")
    page.wait_for_selector(".action-select >> nth=2")
    signed_in.check("/admin/gateway/virtualkey/")


def test_tabs_and_drawer_of_the_gallery(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/components/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.click("[role=tab] >> text=Python")
    assert (page.locator("#call-1").is_visible(), page.locator("#call-2").is_visible()) == (False, True)
    page.keyboard.press("ArrowRight")
    assert page.locator("#call-1").is_visible()
    page.locator("#call-1 .copy").click()
    page.wait_for_selector("#call-1 .copy[data-done]")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#call-1 pre").inner_text()
    page.locator("a.row-link").first.click()
    assert page.locator("#peek").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#peek").is_visible()
    page.click("text=Open the drawer")
    page.mouse.click(20, 400)  # beside it
    assert not page.locator("#peek").is_visible()
    signed_in.check("/admin/components/")


def test_forms_show_what_is_used_and_measures_are_searched(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/alerts/add/?organization=acme")
    before = page.is_visible("#id_threshold")
    page.select_option("#id_source", "budget")
    after = page.is_visible("#id_threshold"), page.is_visible("#id_after")

    page.goto(f"{console.url}/admin/reports/add/?template=provider_health&organization=acme")
    shown = [row.is_visible() for row in page.locator("select[name=section_main]").all()]
    page.goto(f"{console.url}/admin/exports/?organization=acme")
    page.fill("[data-filter-input]", "laTENCY p9")
    page.press("[data-filter-input]", "Enter")
    found = [one for one in page.locator(".pick-groups label").all() if one.is_visible()]
    labels = [one.inner_text() for one in found]
    asks_measures = []
    for dataset in ("usage_records", "focus", "metrics"):
        page.select_option("#id_dataset", dataset)
        asks_measures.append(page.is_visible("[data-filter-input]"))

    assert (before, after) == (True, (False, True))
    assert shown == [False, True, True]
    assert labels == ["Latency p90", "Latency p95", "Latency p99", "Latency p99.9"]
    assert asks_measures == [False, False, True]
    signed_in.check("/admin/exports/")


def test_a_route_is_edited_row_by_row_and_simulated(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/routes/add/?organization=acme")
    page.fill("#id_alias", "smart")
    targets = page.locator("select[name=target_model]")
    for count, model in enumerate(("gpt-4o · OpenAI", "claude-haiku-4-5 · Anthropic", "gpt-4o-mini · OpenAI"), start=1):
        targets.last.select_option(label=model)
        page.get_by_role("button", name="Add target").click()
        playwright.expect(targets).to_have_count(count + 1)
    page.get_by_role("button", name="Remove this target").nth(1).click()
    page.fill("#id_config", '{"rules": [')
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector("text=This is not valid JSON: line 1, column 12")
    chosen = page.eval_on_selector_all(
        "select[name=target_model]", "all => all.map(one => one.selectedOptions[0].text)"
    )
    page.fill("#id_config", "{}")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector("text=The route smart is saved")

    assert chosen == ["gpt-4o · OpenAI", "gpt-4o-mini · OpenAI", "–"]
    signed_in.check("/admin/routes/add/")
    page.get_by_role("link", name="Simulate").click()
    page.fill("#id_tags", "nonsense")
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_selector("text=Each tag is name=value.")
    page.fill("#id_tags", "tier=gold")
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_selector("text=2 of 2 targets can be tried.")
    assert page.url.endswith("/simulate/")
    signed_in.check(page.url)


def test_home_prints_without_the_frame(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/?organization=acme", wait_until="networkidle")

    page.emulate_media(media="print")

    assert not page.locator(".side").is_visible()
    assert page.locator(".kpis").first.is_visible()
    assert len(page.pdf()) > 10_000
