"""Mails of statements and showbacks: to whom the cost centres belong, once, over a real mail server."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from analytics.reports import running, service
from analytics.reports.catalog import TEMPLATES
from analytics.reports.models import Report, ReportDelivery
from analytics.reports.service import Recipient
from costs.models import CostCenter, Statement
from costs.services import allocation, statementmail, statements
from gateway.models import AuditEvent, Membership, Organization, OutboxMessage
from gateway.services import outbox
from gateway.services.errors import Conflict
from tests.analytics.reports.conftest import make_report
from tests.analytics.reports.mailserver import Server, listening
from tests.analytics.reports.test_mail import SCHEDULER
from tests.factories import Acme, acme, book_lines, line

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
DUE = datetime(2026, 7, 2, 7, tzinfo=UTC)


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    with listening(Server(is_failing=False), settings) as box:
        yield box


def spend(company: Acme) -> tuple[CostCenter, CostCenter]:
    """Search, whose manager is dave, spends 30 in June; Ads, whose cost centre bob owns, 12."""
    at = JUNE + timedelta(days=3)
    book_lines(line(company, at=at, cost=Decimal(30)), line(company, at=at, cost=Decimal(12), project=company.banner))
    search, ads = (
        allocation.create_cost_center(
            organization=company.organization, actor=None, code=code, name=name, team=team, owner=owner
        )
        for code, name, team, owner in (
            ("4711", "Search", company.search, None), ("0815", "Ads", company.ads, company.people["bob"])
        )
    )  # fmt: skip
    values = [{"value": str(center.team_id), "cost_center": str(center.pk)} for center in (search, ads)]
    allocation.create_rule(
        organization=company.organization, actor=None, name="Teams", method="direct", valid_from=JUNE,
        targets={"by": "team", "values": values},
    )  # fmt: skip
    OutboxMessage.objects.all().delete()  # the invitation of the company
    return search, ads


def june(company: Acme) -> Statement:
    return statements.compute_statement(organization=company.organization, month=JUNE.date(), actor=None)


@pytest.fixture
def locked(company: Acme) -> Statement:
    spend(company)
    return statements.lock_statement(statement=june(company), actor=None)


def mail(row: Statement) -> int:
    return statementmail.mail_statement(statement=row, actor=None)


def test_owners_and_managers_get_their_own_cost_centres(company: Acme, locked: Statement, server: Server) -> None:
    assert mail(locked) == 2

    assert outbox.relay().delivered == 2

    mails = {one["To"]: one for one in server.mails()}
    assert sorted(mails) == ["bob@acme.example", "dave@acme.example"]
    assert mails["dave@acme.example"]["Subject"] == "Statement June 2026 · Acme"
    texts = {to: one.get_body(("plain",)).get_content() for to, one in mails.items()}
    assert "4711 Search: 30.00 USD" in texts["dave@acme.example"]
    assert "0815" not in texts["dave@acme.example"]
    assert "0815 Ads: 12.00 USD" in texts["bob@acme.example"]
    files = [(part.get_filename(), part.get_content()[:4]) for part in mails["bob@acme.example"].iter_attachments()]
    assert files == [("statement-2026-06-usd.pdf", b"%PDF"), ("statement-2026-06-usd.xlsx", b"PK\x03\x04")]
    event = AuditEvent.objects.get(verb="statement.mail")
    assert event.after == {"people": 2}


def test_the_files_have_nothing_of_other_cost_centres(company: Acme, locked: Statement) -> None:
    center = CostCenter.objects.get(code="0815")

    (made,) = statementmail.documents.files(locked, ["csv"], {center.pk})

    assert b"0815" in made.content
    assert b"4711" not in made.content


def test_asked_for_twice_it_is_mailed_once_and_then_to_new_owners_alone(
    company: Acme, locked: Statement, server: Server
) -> None:
    mail(locked)
    outbox.relay()
    CostCenter.objects.filter(code="4711").update(owner=company.people["carol"])

    assert mail(locked) == 3
    outbox.relay()

    assert sorted(one["To"] for one in server.mails()) == [
        "bob@acme.example", "carol@acme.example", "dave@acme.example"
    ]  # fmt: skip


def test_who_has_left_meanwhile_gets_nothing(company: Acme, locked: Statement, server: Server) -> None:
    mail(locked)
    Membership.objects.filter(user=company.people["dave"]).update(archived_at=JUNE)

    assert outbox.relay().delivered == 2

    assert [one["To"] for one in server.mails()] == ["bob@acme.example"]


def test_what_is_not_mailed(company: Acme) -> None:
    spend(company)
    row = june(company)
    with pytest.raises(Conflict, match="Only a locked statement is mailed"):
        mail(row)
    statements.lock_statement(statement=row, actor=None)
    Membership.objects.filter(role="manager").update(archived_at=JUNE)
    CostCenter.objects.update(owner=None)
    with pytest.raises(Conflict, match="have no owner"):
        mail(row)
    Organization.objects.update(is_demo=True)
    with pytest.raises(Conflict, match="demo company"):
        mail(row)
    assert not OutboxMessage.objects.exists()


def scheduled(company: Acme, slug: str, *recipients: Recipient) -> Report:
    """The ready-made report, due on 2 July for June."""
    template = TEMPLATES[slug]
    report = make_report(
        company, *recipients, sections=list(template.sections), period=template.period, cron="0 7 2 * *",
        name=template.name,
    )  # fmt: skip
    Report.objects.filter(pk=report.pk).update(next_at=DUE)
    return report


def run(server: Server) -> dict[str, str]:
    """What each address was told, in plain text."""
    service.enqueue_due(DUE)
    running.run_waiting()
    outbox.relay()
    return {one["To"]: one.get_body(("plain",)).get_content() for one in server.mails()}


def test_a_showback_each_month_is_of_the_readers_own_team(company: Acme, server: Server) -> None:
    spend(company)
    Membership.objects.filter(user=company.people["carol"]).update(team=company.ads)
    scheduled(company, "monthly_showback", Recipient("team", str(company.search.pk)), Recipient("role", "analyst"))

    told = run(server)

    assert sorted(told) == ["bob@acme.example", "carol@acme.example", "dave@acme.example"]
    assert "Spent: 30.00 USD" in told["bob@acme.example"]
    assert "Cost centre 4711 Search | Rule Teams | Amount" in told["dave@acme.example"]
    assert "0815" not in told["dave@acme.example"]
    assert "Spent: 12.00 USD" in told["carol@acme.example"]


def test_a_chargeback_each_month_is_the_locked_statement(company: Acme, locked: Statement, server: Server) -> None:
    scheduled(company, "monthly_chargeback", Recipient("role", "owner"), Recipient("role", "manager"))

    told = run(server)

    assert "Charged: 42.00 USD" in told["alice@acme.example"]
    assert "Charged: 30.00 USD" in told["dave@acme.example"]
    assert "0815" not in told["dave@acme.example"]


def test_an_open_month_is_not_told(company: Acme, server: Server) -> None:
    spend(company)
    june(company)
    scheduled(company, "monthly_chargeback", Recipient("role", "owner"))

    assert "The statement of June 2026 is not locked yet." in run(server)["alice@acme.example"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_send_one_showback_of_a_month(settings: Any) -> None:
    company = acme()
    spend(company)
    with listening(Server(), settings) as server:  # every second mail meets a fault
        scheduled(company, "monthly_showback", Recipient("team", str(company.search.pk)))
        arguments = [connection.settings_dict["NAME"], str(settings.EMAIL_PORT), DUE.isoformat()]
        schedulers = [subprocess.Popen([sys.executable, "-c", SCHEDULER, *arguments]) for _ in range(3)]
        assert [process.wait(timeout=120) for process in schedulers] == [0, 0, 0]

        assert sorted(one["To"] for one in server.mails()) == ["bob@acme.example", "dave@acme.example"]
    assert {row.state for row in ReportDelivery.objects.select_related("message")} == {"sent"}
