"""What a page weighs, that it stands still while charts load, and that the keyboard reaches all of it."""

import gzip
from typing import Any

import pytest

from tests.console.server import ConsoleServer
from tests.console.test_axe import violations
from tests.console.test_browser import Watched, browser, console, signed_in, watched

pytest.importorskip("playwright.sync_api")

__all__ = ["browser", "console", "signed_in", "watched"]  # fixtures
pytestmark = pytest.mark.browser

PAGES = (
    "/admin/?organization=acme&range=30d",
    "/admin/usage/?organization=acme&range=30d",
    "/admin/usage/?organization=acme&range=30d&measure=requests&view=heat",
    "/admin/performance/?organization=acme&range=30d",
    "/admin/requests/?organization=acme&range=30d",
    "/admin/realtime/?organization=acme",
    "/admin/keys/?organization=acme",
    "/admin/models/?organization=acme",
    "/admin/routes/?organization=acme",
    "/admin/rate-limits/?organization=acme",
    "/admin/settings/?organization=acme",
    "/admin/gateway/virtualkey/",
)
CHARTS = "plotly-basic"
MOST_BYTES = 250_000
SHIFTS = """
window.shifts = [];
document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  requestAnimationFrame(() => setTimeout(() => { window.parsedAt = performance.now(); }));
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const nodes = (entry.sources ?? []).map((source) => source.node?.className ?? source.node?.nodeName);
    window.shifts.push({ at: entry.startTime, what: [entry.value, ...nodes].join(' ') });
  }
}).observe({ type: 'layout-shift', buffered: true });
"""
# What moves while the document itself still arrives depends on how it is cut into packets; parsedAt is after the first
# frame that shows all of it.
AFTER_PARSING = "() => window.shifts.filter((shift) => shift.at >= window.parsedAt).map((shift) => shift.what)"
STEPS = """
() => {
  const at = document.activeElement;
  const box = at.getBoundingClientRect();
  const style = getComputedStyle(at);
  const rings = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  return {
    name: `${at.nodeName} ${at.className} ${at.id} ${at.textContent.trim().slice(0, 20)}`,
    isBody: at === document.body, isMain: !!at.closest('main'), isSeen: box.width > 0 && box.height > 0 && rings,
  };
}
"""


def test_pages_are_light_and_stand_still(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.add_init_script(SHIFTS)
    bodies: dict[str, Any] = {}
    page.on("response", lambda response: bodies.__setitem__(response.url, response))

    weights: dict[str, int] = {}
    shifts: dict[str, list[str]] = {}
    for path in PAGES:
        page.goto("about:blank")  # nothing of the page before comes late
        bodies.clear()
        page.goto(f"{console.url}{path}", wait_until="networkidle")
        loaded = [answer for url, answer in bodies.items() if CHARTS not in url and answer.ok]
        weights[path] = sum(len(gzip.compress(answer.body())) for answer in loaded)
        shifts[path] = page.evaluate(AFTER_PARSING)

    assert max(weights.values()) <= MOST_BYTES, weights
    assert {path: found for path, found in shifts.items() if found} == {}


@pytest.mark.parametrize("width", [1440, 375])
def test_the_keyboard_walks_through_every_page(signed_in: Watched, console: ConsoleServer, width: int) -> None:
    page = signed_in.page
    page.set_viewport_size({"width": width, "height": 900})

    for path in PAGES:
        page.goto(f"{console.url}{path}", wait_until="networkidle")
        page.evaluate("document.activeElement.blur()")
        walked = []
        for _ in range(80):
            page.keyboard.press("Tab")
            walked.append(page.evaluate(STEPS))
            if walked[-1]["isBody"]:
                break

        names = [step["name"] for step in walked]
        assert "Skip to main content" in names[0], path
        assert len(set(names)) > 5, (path, names)
        assert any(step["isMain"] for step in walked), (path, names)
        assert [step["name"] for step in walked if not step["isBody"] and not step["isSeen"]] == [], path


def test_the_heat_map_is_walked_by_arrows_and_opens_rows(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}{PAGES[2]}", wait_until="networkidle")

    page.locator("[data-heat] tbody a").first.focus()
    stops = page.evaluate("document.querySelectorAll('[data-heat] tbody a:not([tabindex=\"-1\"])').length")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/requests/**")

    assert stops == 1
    assert page.url.endswith("range=30d&weekday=2&hour=22")
    page.wait_for_selector(".chips-on >> text=22:00 to 23:00")
    signed_in.check(page.url)


def test_brackets_step_through_periods_and_x_selects_rows(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{console.url}/admin/requests/?organization=acme&range=7d", wait_until="networkidle")
    ids = page.eval_on_selector_all("a[data-peek]", "all => all.map(one => one.dataset.peek)")

    for key in ("j", "x", "j", "j", "x"):
        page.keyboard.press(key)
    bar = page.locator("#selection")
    said = bar.inner_text()
    bar.get_by_role("button", name="Copy their ids").click()
    page.wait_for_selector("#selection [data-done]")
    copied = page.evaluate("navigator.clipboard.readText()")
    bar.get_by_role("button", name="Clear").click()
    page.keyboard.press("[")
    page.wait_for_url("**range=custom**")
    before = page.url
    page.keyboard.press("]")
    page.wait_for_url(lambda url: url != before)

    assert "2 selected" in said
    assert copied == f"{ids[0]}\n{ids[2]}"
    assert page.locator("tr[data-selected]").count() == 0
    signed_in.check("/admin/requests/")


def test_any_key_figure_says_why(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    for path, tile in ((PAGES[0], "cost"), (PAGES[3], "latency_p95"), (PAGES[5], "error_rate")):
        page.goto(f"{console.url}{path}", wait_until="networkidle")

        page.click(f"[popovertarget=why-{tile}] >> nth=0")
        page.wait_for_selector(f"#why-{tile}:popover-open >> text=The requests behind it")
        page.keyboard.press("Escape")

        assert not page.locator(f"#why-{tile}").is_visible()
        signed_in.check(path)


def test_the_picker_leads_from_page_to_page(signed_in: Watched, console: ConsoleServer) -> None:
    page = signed_in.page
    page.goto(f"{console.url}/admin/?organization=acme&range=30d", wait_until="networkidle")

    page.click("[data-picker] summary")
    page.select_option("select[name=model]", "gpt-4o")
    page.click("[data-picker] button[type=submit]")
    page.wait_for_url("**model=gpt-4o**")
    page.wait_for_selector(".chips-bare .chip-on >> text=gpt-4o")
    page.click(".side-link >> text=Performance")
    page.wait_for_url("**/admin/performance/?organization=acme&range=30d&model=gpt-4o")
    page.wait_for_selector("[data-picker] summary >> text=1 filter")
    signed_in.check("/admin/performance/")


@pytest.mark.parametrize("width", [1440, 375])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_of_a_key_keep_the_rules(signed_in: Watched, console: ConsoleServer, theme: str, width: int) -> None:
    page = signed_in.page
    page.click(f"[data-theme-choice={theme}]")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{console.url}/admin/keys/add/?organization=acme", wait_until="networkidle")
    found = {"form": violations(page)}

    page.fill("#id_name", f"first {theme} {width}")
    page.select_option("#id_project", index=1)
    page.get_by_role("button", name="Create key").click()
    page.wait_for_selector("#secret")
    found["secret"] = violations(page)
    signed_in.check(page.url)
    page.get_by_role("link", name="I have stored it").click()
    page.wait_for_load_state("networkidle")
    found["key"] = violations(page)
    signed_in.check(page.url)

    assert found == {"form": [], "secret": [], "key": []}
