"""The playground in real Chromium, through a real gateway to the simulated provider: the generated SDKs run in its
worker. Chromium's own complaints about refused answers (429, 502) are expected; nothing else may be complained of."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import chromium
from tests.gateway.dataplane.stack import ROOT, Stack
from tests.sdkgen.playground.conftest import PASSWORD

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(event.violatedDirective + ' ' + event.blockedURI);
});
"""
WATCH_WORKER = """() => {
  self.violations = [];
  addEventListener('securitypolicyviolation', (event) => self.violations.push(event.blockedURI));
}"""
PANE = "[data-play-pane]"


@dataclass
class Playground:
    """A signed-in page on the playground, with all that it complained of."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)
    workers: list[Any] = field(default_factory=list)

    def open(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.on("console", self._noted)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("worker", self._joined)
        self.page.goto(f"{self.url}/admin/login/?next=/admin/playground/")
        self.page.fill("[name=username]", "pia@play.example")
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("[type=submit]")
        self.page.wait_for_selector("[data-play-models] select")

    def _noted(self, message: Any) -> None:
        if message.type == "error" and "the server responded with a status of" not in message.text:
            self.complaints.append(message.text)

    def _joined(self, worker: Any) -> None:
        worker.evaluate(WATCH_WORKER)
        self.workers.append(worker)

    def say(self, text: str, model: str = "sandbox", fault: str = "") -> None:
        self.page.fill("textarea[aria-label=Message]", text)
        self.page.select_option("[data-play-models] select >> nth=0", model)
        self.page.select_option("[name=fault]", fault)
        before = self.page.get_attribute("[data-play]", "data-runs")
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_selector(f'[data-play]:not([data-runs="{before}"])')

    def wait(self, timeout_s: float = 60) -> None:
        self.page.wait_for_selector("[data-play-stop]:disabled", timeout=timeout_s * 1000)

    def state(self) -> list[str]:
        return [text.strip() for text in self.page.locator(f"{PANE} .badge").all_inner_texts()]

    def shown(self, tab: str) -> str:
        self.page.click(f"{PANE} [role=tab]:has-text('{tab}')")
        text: str = self.page.inner_text(f"{PANE} [role=tabpanel]:not([hidden])")
        return text

    def check(self) -> None:
        violations = self.page.evaluate("window.violations")
        inside = [worker.evaluate("self.violations") for worker in self.workers]
        assert (self.complaints, violations, inside) == ([], [], [[]] * len(self.workers))


@pytest.fixture
def playground(gateway: Stack) -> Iterator[Playground]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        found = Playground(browser.new_page(), f"http://127.0.0.1:{gateway.port}")
        found.open()
        yield found
        browser.close()


def request_of(playground: Playground) -> str:
    playground.page.click(f"{PANE} [role=tab]:has-text('Gateway')")
    link = playground.page.locator(f"{PANE} .play-said a")
    found: str = link.inner_text()
    assert link.get_attribute("href") == f"/admin/requests/{found}/"
    return found


def test_the_typescript_package_streams_repeats_stops_and_is_shared(gateway: Stack, playground: Playground) -> None:
    page = playground.page
    assert page.locator(".error-text").count() == 0  # nobody has done anything yet
    page.click("[data-play-run]")
    assert page.locator(".error-text").inner_text() == "Say something."

    playground.say("Say hello.")
    playground.wait()
    assert playground.state() == ["Complete"]
    answer = page.inner_text(f"{PANE} .play-text")
    assert len(answer) > 20
    assert "0.0000000000" in page.inner_text(f"{PANE} .play-figures")
    raw = playground.shown("Raw events")
    assert raw.startswith('data: {"id":')
    assert "data: [DONE]" in raw
    (line,) = gateway.lines(request_of(playground))
    assert (line["sdk"], line["model_served"], line["is_stream"]) == ("typescript/1.0.0", "sandbox", True)
    with gateway.connect() as connection:
        key = connection.execute("SELECT * FROM gateway_virtualkey WHERE id = %s", [line["api_key"]]).fetchone()
    assert key is not None
    assert (key["name"], key["scopes"], key["prefix"]) == ("Playground", ["inference"], key["prefix"])

    # What went wrong twice is sent three times, and the page says when.
    playground.say("Fail twice.", fault="sandbox-500-twice")
    playground.wait()
    assert playground.state() == ["Complete"]
    timeline = playground.shown("Timeline")
    assert [timeline.count(words) for words in ("sent", "status 502\n", "The SDK waits", "status 200")] == [3, 2, 2, 1]
    playground.say("Unknown.", fault="sandbox-unknown-event")
    playground.wait()
    assert "does not know was handed over: sim.weather" in playground.shown("Timeline")

    # Two side by side; one is stopped while both run.
    page.click("[data-play-add-model]")
    page.select_option("[data-play-models] select >> nth=1", "paced")
    playground.say("Compare.", model="paced")
    page.wait_for_function("() => document.querySelectorAll('.play-text:not(:empty)').length === 2")
    page.keyboard.press("Escape")
    playground.wait()
    assert playground.state() == ["Stopped", "Stopped"]
    page.click("[data-play-remove] >> nth=1")

    # A number that is none is said beside its field, and nothing is sent.
    page.click("summary:has-text('Parameters')")
    page.fill("[name=temperature]", "hot")
    page.keyboard.press("Control+Enter")
    assert page.inner_text(".play-params .error-text") == "A number is wanted."
    page.fill("[name=temperature]", "0.5")

    # History and link have the request in them, and no key.
    assert page.locator("[data-play-history] li").count() == 4
    page.click("[data-play-share]")
    page.wait_for_function("() => location.hash.startsWith('#ask=')")
    link = page.url
    kept = page.evaluate("() => JSON.stringify([localStorage, sessionStorage])")
    html = page.content()
    for text in (link, kept, html.replace(key["prefix"], "")):
        assert "gw-" not in text
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector("[data-play-models] select")
    assert page.input_value("textarea[aria-label=Message]") == "Compare."
    assert page.input_value("[name=temperature]") == "0.5"
    playground.workers.clear()  # that of the page before has ended
    playground.check()


@pytest.mark.slow
def test_the_python_package_streams_repeats_and_stops_in_pyodide(gateway: Stack, playground: Playground) -> None:
    page = playground.page
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    playground.say("Say hello.")
    playground.wait()
    assert not [url for url in fetched if "pyodide" in url or url.endswith(".zip")]

    page.check("input[value=python]")
    playground.say("Say hello.")
    playground.wait(180)
    assert playground.state() == ["Complete"]
    assert len(page.inner_text(f"{PANE} .play-text")) > 20
    assert "0.0000000000" in page.inner_text(f"{PANE} .play-figures")
    (line,) = gateway.lines(request_of(playground))
    assert line["sdk"] == "python/1.0.0"

    playground.say("Fail twice.", fault="sandbox-500-twice")
    playground.wait()
    timeline = playground.shown("Timeline")
    assert [timeline.count(words) for words in ("sent", "The SDK waits", "status 200")] == [3, 2, 1]
    playground.say("Go on.", model="paced")
    page.wait_for_selector(f"{PANE} .play-text:not(:empty)")
    page.keyboard.press("Escape")
    playground.wait()
    assert playground.state() == ["Stopped"]
    playground.check()


def test_files_are_where_the_page_looks(tmp_path: Path) -> None:
    """Vendored Pyodide has all that it loads when it starts."""
    folder = ROOT / "static" / "vendor" / "pyodide"
    names = {path.name for path in folder.iterdir()}

    assert names == {
        "LICENSE.txt", "pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip",
    }  # fmt: skip
