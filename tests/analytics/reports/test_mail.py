"""Through a real mail server that fails half of the time, with three schedulers in processes of their own."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from analytics.reports import running, service
from analytics.reports.models import Report, ReportDelivery, ReportRun
from analytics.reports.service import Recipient
from gateway.models import Membership, OutboxMessage
from gateway.services import outbox
from tests.analytics.reports.conftest import MONDAY, fill, make_report
from tests.analytics.reports.mailserver import Server, listening
from tests.factories import Acme, UserFactory, acme

PEOPLE = 9
SCHEDULER = """
import sys, time
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", int(sys.argv[2]), 5
django.setup()
from datetime import UTC, datetime
from analytics.reports import running, service
from gateway.models import OutboxMessage
from gateway.services import outbox
outbox.FIRST_DELAY_S = 0
now = datetime.fromisoformat(sys.argv[3])
until = time.monotonic() + 90
while time.monotonic() < until:
    service.enqueue_due(now)
    running.run_waiting()
    outbox.relay()
    rows = OutboxMessage.objects.filter(topic="report")
    if rows.exists() and not rows.filter(delivered_at=None).exists():
        break
"""


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    with listening(Server(), settings) as box:
        yield box


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_and_a_failing_server_send_each_mail_once(server: Server, settings: Any) -> None:
    company = acme()
    fill(company)
    for number in range(PEOPLE):
        user = UserFactory(username=f"reader{number}@acme.example")
        Membership.objects.create(organization=company.organization, user=user, role="developer", team=company.search)
    report = make_report(company, Recipient("team", str(company.search.pk)), Recipient("role", "analyst"))
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)

    arguments = [connection.settings_dict["NAME"], str(settings.EMAIL_PORT), MONDAY.isoformat()]
    schedulers = [subprocess.Popen([sys.executable, "-c", SCHEDULER, *arguments]) for _ in range(3)]
    assert [process.wait(timeout=120) for process in schedulers] == [0, 0, 0]

    addresses = sorted(["dave@acme.example", "bob@acme.example", "carol@acme.example",
                        *(f"reader{number}@acme.example" for number in range(PEOPLE))])  # fmt: skip
    run = ReportRun.objects.get()
    assert sorted(row.address for row in run.deliveries.all()) == addresses
    assert {row.state for row in run.deliveries.select_related("message")} == {"sent"}
    mails = server.mails()
    assert sorted(mail["To"] for mail in mails) == addresses  # none missing, none twice
    assert len({mail["Message-ID"] for mail in mails}) == len(addresses)
    assert {mail["Message-ID"] for mail in mails} == {
        f"<{key}@localhost>"
        for key in OutboxMessage.objects.filter(topic="report").values_list("dedupe_key", flat=True)
    }
    assert set(server.faults) == {"refused", "cut", "good-bye"}


def test_what_is_tried_again_keeps_its_message_id(busy: Acme, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.count = 5  # the next one is refused
    monkeypatch.setattr(outbox, "FIRST_DELAY_S", 0)
    report = make_report(busy, Recipient("address", "dave@acme.example"))
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    service.enqueue_due(MONDAY)
    running.run_waiting()

    assert outbox.relay(limit=1).failed == 1
    assert outbox.relay(limit=1).delivered == 1

    (mail,) = server.mails()
    delivery = ReportDelivery.objects.select_related("message").get()
    assert mail["Message-ID"] == f"<{delivery.message.dedupe_key}@localhost>"
    assert delivery.message.attempts == 2


@pytest.mark.parametrize("name", ["Two\u2028lines", "Two\r\nlines", "Two\x85lines"])
def test_a_name_of_two_lines_is_a_subject_of_one(busy: Acme, server: Server, name: str) -> None:
    report = make_report(busy, Recipient("address", "dave@acme.example"), name=name)
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    service.enqueue_due(MONDAY)
    running.run_waiting()

    assert outbox.relay().failed == 0

    (mail,) = server.mails()
    assert mail["Subject"] == "Two lines, 9–15 March 2026 · Acme"


def test_the_mail_has_text_html_pictures_documents_and_a_way_out(busy: Acme, server: Server) -> None:
    report = make_report(busy, Recipient("address", "dave@acme.example"))
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    service.enqueue_due(MONDAY)
    running.run_waiting()
    outbox.relay()

    (mail,) = server.mails()

    assert mail["Subject"] == "Weekly, 9–15 March 2026 · Acme"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>")
    assert link.startswith("http://127.0.0.1:8000/reports/unsubscribe/")
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "image/png", "application/pdf", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ]  # fmt: skip
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    images = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [image["Content-ID"] for image in images] == ["<chart-0>", "<chart-1>"]
    assert all(f"cid:chart-{number}" in html for number in range(2))
    assert link in html
    assert link in text
    assert "<script" not in html
    assert "http://www" not in html
    assert [part.get_filename() for part in mail.iter_attachments()] == [
        "weekly-2026-03-09.pdf",
        "weekly-2026-03-09.xlsx",
    ]
