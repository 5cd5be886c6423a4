"""A scheduled report from the clock through SMTP to what its reader opens: mail program, office suite, viewer."""

import base64
import io
import re
import shutil
import subprocess
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

from analytics.reports import running, service
from analytics.reports.models import Report
from analytics.reports.service import Recipient
from gateway.services import outbox
from tests.analytics.reports.conftest import MONDAY, fill, make_report
from tests.analytics.reports.mailserver import Server, listening
from tests.conftest import chromium
from tests.factories import Acme, acme

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SECTIONS: list[dict[str, Any]] = [
    {"kind": "metrics", "title": "Usage", "chart": "bar", "dimensions": ["team"], "limit": 10,
     "measures": ["cost", "requests", "total_tokens", "error_rate", "latency_p95", "cost_per_request"]},
    {"kind": "metrics", "title": "Projects", "chart": "ranking", "dimensions": ["project"], "limit": 10,
     "measures": ["cost", "requests"]},
    {"kind": "budgets", "title": "Budgets"},
    {"kind": "provider_health", "title": "Providers"},
    {"kind": "security", "title": "Security"},
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Received:
    """The mail and its files on disk."""

    mail: EmailMessage
    pdf: Path
    xlsx: Path
    csv: Path


@pytest.fixture
def received(settings: Any, tmp_path: Path) -> Received:
    """What the mail server took from a run of the schedule, for an owner."""
    company = acme()
    fill(company)
    with listening(Server(is_failing=False), settings) as server:
        send(company)
        (mail,) = server.mails()
    paths = {}
    for part in mail.iter_attachments():
        path = tmp_path / part.get_filename()
        path.write_bytes(part.get_payload(decode=True))
        paths[path.suffix[1:]] = path
    return Received(mail, paths["pdf"], paths["xlsx"], paths["csv"])


def send(company: Acme) -> None:
    report = make_report(
        company, Recipient("address", "alice@acme.example"), sections=SECTIONS, formats=["pdf", "xlsx", "csv"]
    )
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    assert service.enqueue_due(MONDAY) == 1
    running.run_waiting()
    assert outbox.relay().failed == 0


def as_a_mail_program(mail: EmailMessage) -> str:
    """The HTML with its pictures in place (RFC 2392)."""
    page = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    for part in mail.walk():
        if part.get_content_type() == "image/png":
            picture = base64.b64encode(part.get_payload(decode=True)).decode()  # type: ignore[arg-type]
            page = page.replace(f"cid:{part['Content-ID'].strip('<>')}", f"data:image/png;base64,{picture}")
    assert "cid:" not in page
    return page


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.browser
@pytest.mark.parametrize("width", [600, 375])
def test_the_mail_fits_its_window_and_fetches_nothing(received: Received, width: int, tmp_path: Path) -> None:
    asked: list[str] = []
    trouble: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.set_content(as_a_mail_program(received.mail), wait_until="load")
        wide = page.evaluate("document.documentElement.scrollWidth")
        pictures = page.evaluate("[...document.images].map(one => [one.naturalWidth, one.complete, one.alt !== ''])")
        shown = page.inner_text("body")
        page.screenshot(path=tmp_path / f"mail-{width}.png", full_page=True)
        browser.close()

    assert wide == width
    assert pictures == [[1280, True, True], [1280, True, True]]
    assert [url for url in asked if not url.startswith("data:")] == []
    assert trouble == []
    assert "$107.00" in shown
    assert "Figures of the whole organization, as owner." in shown


def test_the_pdf_has_its_pages_text_and_totals(received: Received) -> None:
    reader = PdfReader(io.BytesIO(received.pdf.read_bytes()))

    pages = [words(page.extract_text()) for page in reader.pages]

    assert len(pages) == 2
    assert pages[0].startswith("Weekly Acme · 9–15 March 2026 · UTC Figures of the whole organization, as owner.")
    assert "Money in USD." in pages[0]
    assert "Cost $107.00" in pages[0]
    assert "Most on 10 March: $101.00." in pages[0]
    assert [f"Page {number} of 2" in page for number, page in enumerate(pages, 1)] == [True, True]
    text = " ".join(pages)
    assert [title in text for title in ("Usage", "Projects", "Budgets", "Providers", "Security")] == [True] * 5
    assert "Ads $100.00 1" in text
    assert "Search $7.00 7" in text


@pytest.mark.needs_office
def test_the_pdf_is_drawn_by_poppler(received: Received, tmp_path: Path) -> None:
    drawn = subprocess.run(
        ["pdftoppm", "-png", "-r", "70", str(received.pdf), str(tmp_path / "page")], capture_output=True, check=True
    )
    text = subprocess.run(["pdftotext", "-layout", str(received.pdf), "-"], capture_output=True, check=True, text=True)

    assert drawn.stderr == b""
    assert sorted(path.name for path in tmp_path.glob("page-*.png")) == ["page-1.png", "page-2.png"]
    assert text.stderr == ""
    assert "$107.00" in text.stdout


@pytest.mark.needs_office
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_libreoffice_opens_the_tables(received: Received, kind: str, tmp_path: Path) -> None:
    source = received.xlsx if kind == "xlsx" else received.csv

    text, pages = converted(source, tmp_path)

    assert "107" in text
    assert "Search" in text
    assert [sign in text for sign in ("#NAME?", "#VALUE!", "#REF!", "Err:")] == [False] * 4
    if kind == "xlsx":
        assert pages >= 6  # a sheet each for what it is about and the five sections
        assert "Figures of the whole organization, as owner." in text


def converted(source: Path, folder: Path) -> tuple[str, int]:
    """Text and number of pages of the file as LibreOffice prints it, with a profile of its own."""
    target = folder / "office"
    ran = subprocess.run(
        ["soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to", "pdf",
         "--outdir", str(target), str(source)],
        capture_output=True, check=True, text=True, timeout=180, env={"HOME": str(folder), "PATH": _path()},
    )  # fmt: skip
    assert "Error" not in ran.stderr
    reader = PdfReader(target / f"{source.stem}.pdf")
    return words(" ".join(page.extract_text() for page in reader.pages)), len(reader.pages)


def _path() -> str:
    """Where the tools lie."""
    return str(Path(shutil.which("soffice") or "/usr/bin/soffice").parent) + ":/usr/bin:/bin"
