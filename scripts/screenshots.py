"""Take the pictures of the documentation from a running gateway with the demo company.

    make run                                  # in another terminal; wait until the banner about its 90 days is gone
    python scripts/screenshots.py             # writes docs/img/*.png

The demo company is the same for the same seed, so a picture changes when the console or the day does. Pictures are
stored with a palette of 256 colours, a third of the size. One larger than 200 KB is an error: it is downloaded with the
repository.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from playwright.sync_api import Error as BrowserError

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
MOST_BYTES = 200_000
DEMO = "?organization=demo"
FIRST_ROW = "a.row-link"


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of docs/img: what to open, in which theme and height, and what to do before the picture is taken."""

    name: str
    path: str
    theme: str = "light"
    height: int = 900
    before: Callable[[Page], None] | None = None


def open_first(page: Page) -> None:
    """From a list to the page of its first row."""
    page.goto(urljoin(page.url, page.locator(FIRST_ROW).first.get_attribute("href") or ""), wait_until="networkidle")


def simulate(page: Page) -> None:
    """From the list of routes to where a call to the first goes."""
    open_first(page)
    page.get_by_role("link", name="Simulate").click()
    page.wait_for_load_state("networkidle")


def open_run(page: Page) -> None:
    """From the list of reports to the newest run of the first."""
    open_first(page)
    open_first(page)


def ask_what_if(page: Page) -> None:
    """What the calls of one model would cost on a smaller one."""
    page.get_by_label("Answered by").select_option(label="gpt-5.4")
    page.get_by_label("On the model").select_option(value="openai/gpt-5.4-mini")
    page.get_by_role("button", name="Price them").click()
    page.wait_for_load_state("networkidle")


def open_picker(page: Page) -> None:
    page.click("[data-picker] summary")
    page.wait_for_selector("[data-picker] form")


def open_help(page: Page) -> None:
    page.keyboard.press("?")
    page.wait_for_selector("#keys-help[open]")


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.fill("#palette-q", "sup")
    page.wait_for_selector(".palette-note")


def open_job(page: Page) -> None:
    """From the list of jobs to the one that was trained for too long."""
    page.get_by_role("link", name="Triage, ten epochs", exact=True).click()
    page.wait_for_load_state("networkidle")


def estimate_job(page: Page) -> None:
    """From the templates to what the first costs everywhere, on the newest file."""
    page.locator("a[href*='template=classification']").first.click()
    page.wait_for_load_state("networkidle")
    page.locator("a[href*='file=']").first.click()
    page.wait_for_load_state("networkidle")


PICTURES = (
    Picture("home-light", f"/admin/{DEMO}&range=30d", height=1000),
    Picture("home-dark", f"/admin/{DEMO}&range=30d", "dark", 1000),
    Picture("usage", f"/admin/usage/{DEMO}&range=30d&by=team", height=1100),
    Picture("usage-heat", f"/admin/usage/{DEMO}&range=90d&measure=requests&view=heat", "dark", 680),
    Picture("performance", f"/admin/performance/{DEMO}&range=30d", height=1000),
    Picture("requests", f"/admin/requests/{DEMO}&range=90d"),
    Picture(
        "request-detail",
        f"/admin/requests/{DEMO}&range=90d&model_requested=support-chat",
        height=1250,
        before=open_first,
    ),
    Picture("budgets", f"/admin/budgets/{DEMO}", height=620),
    Picture("costs", f"/admin/costs/{DEMO}", height=1100),
    Picture("costs-dark", f"/admin/costs/{DEMO}", "dark", 1100),
    Picture("explorer", f"/admin/costs/explorer/{DEMO}&range=30d&by=team&also=model", height=1100),
    Picture("efficiency", f"/admin/costs/efficiency/{DEMO}&range=30d", "dark", 1000),
    Picture("allocation", f"/admin/allocation/{DEMO}", height=940),
    Picture("prices", f"/admin/prices/{DEMO}&q=gpt-5", height=760),
    Picture("recommendations", f"/admin/recommendations/{DEMO}", height=640),
    Picture("recommendation", f"/admin/recommendations/{DEMO}", "dark", 1000, open_first),
    Picture("what-if", f"/admin/what-if/{DEMO}", height=1000, before=ask_what_if),
    Picture("invoices", f"/admin/invoices/{DEMO}", height=1140, before=open_first),
    Picture("forecasts", f"/admin/forecasts/{DEMO}", height=1000),
    Picture("anomalies", f"/admin/anomalies/{DEMO}", height=1100, before=open_first),
    Picture("reports", f"/admin/reports/{DEMO}", height=1000, before=open_run),
    Picture("models", f"/admin/models/{DEMO}"),
    Picture("routes", f"/admin/routes/{DEMO}", "dark", 700),
    Picture("route-editor", f"/admin/routes/{DEMO}", height=1100, before=open_first),
    Picture("route-simulate", f"/admin/routes/{DEMO}", before=simulate),
    Picture("providers", f"/admin/providers/{DEMO}", height=620),
    Picture("keys", f"/admin/keys/{DEMO}"),
    Picture("key", f"/admin/keys/{DEMO}", height=1100, before=open_first),
    Picture("tuning-jobs", f"/admin/fine-tuning/jobs/{DEMO}", height=760),
    Picture("tuning-job", f"/admin/fine-tuning/jobs/{DEMO}", height=1250, before=open_job),
    Picture("tuning-new", f"/admin/fine-tuning/new/{DEMO}", height=1250, before=estimate_job),
    Picture("tuning-file", f"/admin/fine-tuning/files/{DEMO}", height=1100, before=open_first),
    Picture("tuning-sunsets", f"/admin/fine-tuning/sunsets/{DEMO}", "dark", 900),
    Picture("realtime", f"/admin/realtime/{DEMO}", height=1060),
    Picture("home-narrowed", f"/admin/{DEMO}&range=30d&model=gpt-4o-mini", "dark", 760, open_picker),
    Picture("rate-limits", f"/admin/rate-limits/{DEMO}", height=620),
    Picture("annotations", "/admin/analytics/annotation/", height=620),
    Picture("reconciliation", "/admin/reconciliation/", height=520),
    Picture("keyboard", f"/admin/requests/{DEMO}", "dark", before=open_help),
    Picture("palette", f"/admin/requests/{DEMO}", before=open_palette),
)


def sign_in(browser: Browser, url: str, password: str) -> Page:
    """A signed-in page; says what is wrong in one line and exits when it does not come to that."""
    page = browser.new_page(viewport=ViewportSize(width=1440, height=1000), reduced_motion="reduce")
    try:
        page.goto(urljoin(url, "/admin/login/"))
    except BrowserError:
        sys.exit(f"No gateway answers at {url}; start one with `make run`, or name another with --url.")
    page.fill("#id_username", "admin")
    page.fill("#id_password", password)
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    if page.locator("#id_password").count():
        sys.exit("The password of `admin` is not the one in the data directory; name the right one with --data-dir.")
    page.goto(urljoin(url, f"/admin/{DEMO}"))
    if page.locator("#seed-banner").count():
        sys.exit("The demo company's history is still being built; try again when the banner on the home page is gone.")
    return page


def take(page: Page, url: str, picture: Picture, folder: Path) -> Path:
    """Open, wait until charts are drawn, and write one picture."""
    page.set_viewport_size(ViewportSize(width=1440, height=picture.height))
    page.goto(urljoin(url, f"/admin/settings/{DEMO}"), wait_until="networkidle")
    choice = page.locator(f"[data-theme-choice={picture.theme}]")
    if choice.get_attribute("aria-pressed") != "true":
        with page.expect_response("**/admin/theme/"):
            choice.click()
    page.goto(urljoin(url, picture.path), wait_until="networkidle")
    if picture.before is not None:
        picture.before(page)
    for unfinished in ("[hx-trigger=load]", "[data-pending]"):
        page.wait_for_selector(unfinished, state="detached")
    file = folder / f"{picture.name}.png"
    page.screenshot(path=file)
    with Image.open(file) as image:
        palette = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette.save(file, optimize=True)
    if file.stat().st_size > MOST_BYTES:
        sys.exit(f"{file} has {file.stat().st_size:,} bytes, more than {MOST_BYTES:,}: take it of a smaller window.")
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the gateway (default %(default)s)")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "var", help="its data, for the password of `admin`")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "img", help="folder (default docs/img)")
    parser.add_argument("--chromium", default=CHROMIUM, help="browser (default %(default)s)")
    parser.add_argument("--only", action="append", metavar="NAME", help="this picture; may be repeated (default: all)")
    options = parser.parse_args()
    if unknown := set(options.only or ()) - {picture.name for picture in PICTURES}:
        parser.error(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(one.name for one in PICTURES)}")
    try:
        password = (options.data_dir / "admin-password").read_text().strip()
    except OSError as error:
        sys.exit(f"The password of `admin` cannot be read: {error}. Name the data directory with --data-dir.")
    options.output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        page = sign_in(browser, options.url, password)
        for picture in PICTURES:
            if not options.only or picture.name in options.only:
                file = take(page, options.url, picture, options.output)
                print(f"{file}  {file.stat().st_size / 1000:.0f} KB", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
