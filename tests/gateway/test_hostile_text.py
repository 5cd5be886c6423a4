"""Names that are templates, markup, headers, formulas or control characters elsewhere, in all that is mailed, drawn
or posted: they come out as the text they are."""

import csv
import email
import email.policy
import io
import socket
import threading
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pypdf
import pytest
from django.core import mail
from django.utils import timezone

from analytics.alerts.evaluation import evaluate_due
from analytics.alerts.services import create_rule
from analytics.reports import running, service
from analytics.reports.models import Report
from analytics.reports.service import Recipient
from gateway.choices import Role
from gateway.models import Organization, OutboxMessage, Project, Team, User, VirtualKey
from gateway.services import mailing, outbox, people
from tests import factories
from tests.analytics.alerts.receiver import Receiver, receiving
from tests.analytics.api.conftest import book
from tests.analytics.reports.conftest import MONDAY, fill, make_report

NAMES = {
    "template": "q{{7*7}}q{% raw %}{{ settings.SECRET_KEY }}${7*7}<%= 7*7 %>",
    "markup": "q<script>alert(1)</script>\"'><img src=x onerror=alert(1)><b>&amp;",
    "header": "q\r\nBcc: evil@example.com\r\nX-Evil: 1\r\n\r\n<b>hi</b>",
    "lines": "q\n\nYour account is locked\u2028Sign in at https://evil.example",
    "direction": "q\u202egpj.exe\u2066",
    "formula": "=cmd|' /C calc'!A0",
    "long": "q" + "ä\U0001f600" * 60,
}
THEIRS = ("Bcc:", "X-Evil", "Your account", "Sign in")
HEADERS = {
    "auto-submitted", "content-transfer-encoding", "content-type", "date", "from", "list-unsubscribe",
    "list-unsubscribe-post", "message-id", "mime-version", "subject", "to",
}  # fmt: skip


@pytest.fixture
def company(db: None) -> factories.Acme:
    made = factories.acme()
    OutboxMessage.objects.all().delete()  # its invitations
    return made


def call_everything(name: str) -> None:
    named: tuple[Any, ...] = (Organization, Team, Project, VirtualKey)
    for kind in named:
        kind.objects.update(name=name[:100])
    User.objects.update(first_name=name[:50], last_name=name[:50])


class Tags(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.sources: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.sources |= {value or "" for name, value in attrs if name in ("src", "href")}


def faults_of(content: bytes, to: str) -> list[str]:
    """What of a mail is not ours."""
    sent: Any = email.message_from_bytes(content, policy=email.policy.default)
    names = [name.lower() for name in list(sent)]
    wrong = [f"header {name}" for name in names if name not in HEADERS]
    wrong += [f"twice {name}" for name in set(names) if names.count(name) > 1]
    if str(sent["To"]) != to:
        wrong.append(f"to {sent['To']}")
    if odd := [letter for letter in str(sent["Subject"]) if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")]:
        wrong.append(f"subject with {odd!r}")
    text = sent.get_body(("plain",)).get_content()
    wrong += [f"a line of its own: {line}" for line in text.splitlines() if line.strip().startswith(THEIRS)]
    if (page := sent.get_body(("html",))) is not None:
        seen = Tags(page.get_content())
        wrong += [f"<{tag}>" for tag in seen.tags & {"script", "iframe", "object", "form", "base", "link"}]
        wrong += [name for name in seen.names if name.startswith("on")]
        wrong += [source for source in seen.sources if not source.startswith(("cid:", "http://", "https://"))]
        wrong += [source for source in seen.sources if "evil" in source]
        text += page.get_content()
    if "q49" in text or "$49" in text:
        wrong.append("a template was carried out")
    return wrong


def sent() -> list[Any]:
    """Every mail as it goes out."""
    assert outbox.relay().failed == 0
    return list(mail.outbox)


@pytest.mark.parametrize("kind", NAMES)
def test_mails_of_text(kind: str, company: factories.Acme) -> None:
    name = NAMES[kind]
    call_everything(name)
    company.organization.refresh_from_db()
    people.invite(organization=company.organization, actor=None, email="zoe@example.com", role=Role.ANALYST)
    people.send_password_link(user=company.people["bob"])
    create_rule(
        organization=company.organization, actor=None, name=name[:100], measure="cost", threshold=Decimal(1),
        window_minutes=60, channels=[{"kind": "email", "target": "oncall@acme.example"}],
    )  # fmt: skip
    book(factories.line(company, at=timezone.now() - timedelta(minutes=1), cost=Decimal(2)))
    evaluate_due()

    mails = sent()

    assert sorted(one.to[0] for one in mails) == ["bob@acme.example", "oncall@acme.example", "zoe@example.com"]
    assert [fault for one in mails for fault in faults_of(one.message().as_bytes(), one.to[0])] == []
    invitation = next(one for one in mails if one.to == ["zoe@example.com"])
    assert mailing.one_line(name[:100]) in invitation.body  # as text, on one line


@pytest.mark.parametrize("kind", NAMES)
def test_reports_and_what_is_attached(kind: str, company: factories.Acme) -> None:
    name = NAMES[kind]
    fill(company)
    call_everything(name)
    company.organization.refresh_from_db()
    sections: list[dict[str, Any]] = [
        {"kind": "metrics", "title": name[:100], "measures": ["cost"], "dimensions": [by], "chart": chart, "limit": 5}
        for by, chart in (("team", "bar"), ("project", "ranking"), ("api_key", "ranking"))
    ]
    report = make_report(
        company, Recipient("address", "alice@acme.example"), name=name[:100], sections=sections,
        formats=["pdf", "xlsx", "csv"],
    )  # fmt: skip
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    assert service.enqueue_due(MONDAY) == 1
    assert running.run_waiting() == 1

    (made,) = sent()

    content = made.message().as_bytes()
    assert faults_of(content, "alice@acme.example") == []
    parts: dict[str, bytes] = {}
    message: Any = email.message_from_bytes(content, policy=email.policy.default)
    for part in message.iter_attachments():
        file = part.get_filename()
        assert not set(file) & set('\r\n/\\\u202e\u2066<>"')
        parts[file.rpartition(".")[2]] = part.get_payload(decode=True)
    assert set(parts) == {"pdf", "xlsx", "csv"}
    rows = list(csv.reader(io.StringIO(parts["csv"].decode("utf-8-sig"), newline="")))
    assert [cell for row in rows for cell in row if cell.startswith(("=", "@", "+"))] == []
    drawn = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(parts["pdf"])).pages)
    assert "q49q" not in drawn
    expected = {"template": "q{{7*7}}q", "markup": "<script>", "formula": "=cmd"}.get(kind, "")
    assert expected in "".join(drawn.split())


@pytest.fixture
def knocks() -> Iterator[tuple[str, list[Any]]]:
    """An address, and who has connected to it."""
    seen: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    peer, address = listener.accept()
                except OSError:
                    return
                seen.append(address)
                peer.close()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x.png", seen


def test_a_picture_in_a_name_is_not_fetched(company: factories.Acme, knocks: tuple[str, list[Any]]) -> None:
    """ReportLab's paragraphs know `<img>`, which reads addresses and files."""
    address, seen = knocks
    fill(company)
    name = f'q<img src="{address}"/>'
    call_everything(name)
    company.organization.refresh_from_db()
    report = make_report(
        company, Recipient("address", "alice@acme.example"), name=name, formats=["pdf"],
        sections=[{"kind": "metrics", "title": name, "measures": ["cost"], "dimensions": ["team"], "chart": "ranking"}],
    )  # fmt: skip
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    service.enqueue_due(MONDAY)
    running.run_waiting()

    (made,) = sent()

    assert "<img" in made.rendered.text
    assert seen == []


# ---- webhooks --------------------------------------------------------------------------------------------------------
@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with receiving() as found:
        settings.GATEWAY_PRIVATE_UPSTREAMS = [f"127.0.0.1:{found.port}"]
        yield found


@pytest.mark.parametrize("kind", NAMES)
def test_webhooks_have_our_headers_alone(kind: str, company: factories.Acme, receiver: Receiver) -> None:
    name = NAMES[kind]
    call_everything(name)
    company.organization.refresh_from_db()
    create_rule(
        organization=company.organization, actor=None, name=name[:100], measure="cost", threshold=Decimal(1),
        window_minutes=60,
        channels=[{"kind": "webhook", "target": receiver.url}, {"kind": "slack", "target": receiver.url}],
    )  # fmt: skip
    book(factories.line(company, at=timezone.now() - timedelta(minutes=1), cost=Decimal(2)))
    evaluate_due()

    assert outbox.relay().failed == 0

    assert len(receiver.got) == 2
    ours = {"host", "content-type", "content-length", "user-agent", "connection", "accept", "accept-encoding"}
    signed = {"webhook-id", "webhook-timestamp", "webhook-signature"}
    for headers, _ in receiver.got:
        assert set(headers) - ours - signed == set()
        assert not any("evil" in value or value.startswith("q") for value in headers.values())
    (alert,) = [body for body in receiver.bodies if "data" in body]
    assert alert["data"]["name"] == name[:100]
    (slack,) = [body for body in receiver.bodies if "blocks" in body]
    assert "<script>" not in slack["text"]
    assert slack["blocks"][0]["text"]["text"].count("<") == 1  # our link
