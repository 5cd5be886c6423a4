"""Pages of the console in Chromium on the demo organization: bytes, first paint, what moves while a page comes in.

Every page is opened with an empty cache in a window of 1440 and one of 375 pixels. Bytes are those on the wire, all
files of the page but plotly's. First paint is `first-contentful-paint` (W3C Paint Timing), counted from the beginning
of the navigation, server included; movement is the sum of `layout-shift` entries (Layout Instability API) from the
first frame of the whole document on: what moves before depends on how it is cut into packets.
"""

import argparse
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bench import common
from bench.common import ROOT, Report
from bench.stack import answers, end, free_port, scratch
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.processes import spawn

CHROMIUM = "/usr/bin/chromium"
DEMO = "?organization=demo"
PAGES = {
    "Home": f"/admin/{DEMO}&range=30d",
    "Requests": f"/admin/requests/{DEMO}&range=7d",
    "Usage": f"/admin/usage/{DEMO}&range=30d&by=team",
    "Heat map": f"/admin/usage/{DEMO}&range=90d&measure=requests&view=heat",
    "Performance": f"/admin/performance/{DEMO}&range=30d",
    "Real time": f"/admin/realtime/{DEMO}",
    "Keys": f"/admin/keys/{DEMO}",
    "Providers": f"/admin/providers/{DEMO}",
    "Virtual keys, model admin": "/admin/gateway/virtualkey/",
}
WIDTHS = (1440, 375)
CHARTS = "plotly"
SETTLED_MS = 1_000
SEEDING_S = 600.0
WATCH = """
window.shifts = [];
document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  requestAnimationFrame(() => setTimeout(() => { window.parsedAt = performance.now(); }));
});
new PerformanceObserver((list) => window.shifts.push(...list.getEntries())).observe({
  type: "layout-shift", buffered: true,
});
"""
MOVED = """
() => {
  const counted = window.shifts.filter((entry) => !entry.hadRecentInput && entry.startTime >= window.parsedAt);
  return counted.reduce((sum, entry) => sum + entry.value, 0);
}
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One opening of a page: bytes without and of the charts' library, first paint in ms, movement."""

    bytes: int
    charts_bytes: int
    paint_ms: float
    moved: float


def run(options: argparse.Namespace) -> Report:
    report = Report(
        "pages", f"demo organization, Chromium, empty cache, {options.times} openings of each page and width"
    )
    if options.url:
        found = _measured(options.url, options.data_dir, options.times)
    else:
        with _gateway() as (url, directory):
            found = _measured(url, directory, options.times)
    for name, seen in found.items():
        paints = [one.paint_ms for one in seen]
        report.add(f"{name}: transferred without charts", max(one.bytes for one in seen) / 1000, "KB", at_most=250)
        report.add(f"{name}: first paint, median", statistics.median(paints), "ms", at_most=1000)
        report.add(f"{name}: largest layout shift", max(one.moved for one in seen), "", at_most=0)
    report.add("charts' library, once", max(one.charts_bytes for seen in found.values() for one in seen) / 1000, "KB")
    return report


@contextmanager
def _gateway() -> Iterator[tuple[str, Path]]:
    """A gateway of its own with all 90 days of the demo organization."""
    directory, port = scratch(), free_port()
    env = os.environ | {"DATA_DIR": str(directory), "DATABASE_URL": "", "DATABASE_DIRECT_URL": ""}
    command = [sys.executable, "manage.py", "up", "--port", str(port), "--data-dir", str(directory)]
    with (directory / "up.log").open("wb") as output:
        process = spawn(
            [*command, "--simulator-port", str(free_port())],
            death_signal=signal.SIGTERM,
            output=output,
            env=env,
            cwd=ROOT,
        )
    url, began = f"http://127.0.0.1:{port}", time.monotonic()
    try:
        while not answers(f"{url}/admin/login/"):
            if process.poll() is not None or time.monotonic() - began > SEEDING_S:
                raise RuntimeError(f"manage.py up is not ready:\n{(directory / 'up.log').read_text()}")
            time.sleep(0.2)
        yield url, directory
    finally:
        end(process)
        EmbeddedPostgres(directory).remove()
        shutil.rmtree(directory, ignore_errors=True)


def _measured(url: str, directory: Path, times: int) -> dict[str, list[Seen]]:
    password = (directory / "admin-password").read_text().strip()
    found: dict[str, list[Seen]] = {name: [] for name in PAGES}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in WIDTHS:
            page = _signed_in(browser, url, password, width)
            for name, path in PAGES.items():
                page.goto(url + path)  # the processes have the page's code by now
                found[name] += [_open(page, url + path) for _ in range(times)]
            page.context.close()
        browser.close()
    return found


def _signed_in(browser: Browser, url: str, password: str, width: int) -> Page:
    """A page of a new context; returns when the demo organization is whole."""
    context = browser.new_context(viewport=ViewportSize(width=width, height=1000))
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(f"{url}/admin/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", password)
    page.click("button[type=submit]")
    page.wait_for_load_state("load")
    began = time.monotonic()
    while page.goto(f"{url}/admin/{DEMO}") and page.locator("#seed-banner").count():
        if time.monotonic() - began > SEEDING_S:
            raise RuntimeError("the demo organization is not complete")
        time.sleep(2)
    return page


def _open(page: Page, address: str) -> Seen:
    wire = page.context.new_cdp_session(page)
    urls: dict[str, str] = {}
    sizes: dict[str, int] = {}
    wire.on("Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]}))
    wire.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(address, wait_until="load")
    page.wait_for_selector("[data-pending]", state="detached")
    page.wait_for_timeout(SETTLED_MS)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    moved = page.evaluate(MOVED)
    wire.detach()
    charts = sum(size for request, size in sizes.items() if CHARTS in urls.get(request, ""))
    return Seen(sum(sizes.values()) - charts, charts, float(paint), float(moved))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="openings of each page and width (default %(default)s)")
    parser.add_argument("--url", help="a gateway that runs; one is started by default")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "var", help="its data, for the password of `admin`")
    common.main("pages", run, parser)
