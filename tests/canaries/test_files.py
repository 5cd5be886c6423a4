"""What leaves as a file, a mail or a call: exports in every format, reports, statements, webhooks, packages."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from analytics.alerts.services import send_test
from analytics.exports import service
from analytics.exports.datasets import DATASETS
from analytics.exports.formats import FORMATS
from analytics.exports.service import Asked
from analytics.reports import running
from analytics.reports import service as reports
from analytics.reports.models import Report
from analytics.reports.service import Recipient
from analytics.retention import retire
from costs.allocation import documents as statement_documents
from costs.invoices import documents as invoice_documents
from costs.models import Statement
from costs.services import allocation, invoices, statementmail, statements
from finetuning.models import TuningJob
from finetuning.services.jobs import notifying
from gateway import auditfile
from gateway.ledger.archive.stores import Place
from gateway.models import Job, OutboxMessage
from gateway.services import archives, outbox
from sdkgen import builds
from sdkgen.custom.service import request_client
from sdkgen.documents.merged import merged
from sdkgen.languages.registry import IDS
from tests import leaks
from tests.analytics.alerts.receiver import Receiver
from tests.analytics.reports.conftest import MONDAY, make_report
from tests.analytics.reports.mailserver import Server, listening
from tests.analytics.test_retention import direct_url, drop_what_left
from tests.canaries.planting import LIGHT, WINDOW, Planted
from tests.gateway.api.places import invoice_of

pytestmark = pytest.mark.slow
BY_TEAM = {**WINDOW, "measures": ["requests", "cost"], "dimensions": ["team"]}
QUESTIONS = {"metrics": BY_TEAM, "answer": BY_TEAM}


def made(job: Job, user: Any, opening: Any = service.open_export) -> bytes:
    """The file of an export, or of a build."""
    job.refresh_from_db()
    assert job.status == "succeeded", job.error
    return b"".join(opening(job=job, user=user)[1])


def statement_of(planted: Planted) -> Statement:
    """March, which a cost centre of alice's is charged for."""
    own, alice = planted.company.organization, planted.company.people["alice"]
    center = allocation.create_cost_center(
        organization=own, actor=alice, code="4711", name=LIGHT, team=planted.company.search, owner=alice
    )
    allocation.create_rule(
        organization=own, actor=alice, name="All", method="direct", valid_from=datetime(2026, 3, 1, tzinfo=UTC),
        targets={"cost_center": str(center.pk)},
    )  # fmt: skip
    return statements.compute_statement(organization=own, month=date(2026, 3, 1), actor=alice)


def test_exports_in_every_format(planted: Planted, sweep: leaks.Sweep) -> None:
    alice, organization = planted.company.people["alice"], planted.company.organization
    asked = [
        Asked(name, form, QUESTIONS.get(name, WINDOW))
        for name, dataset in DATASETS.items()
        for form in dataset.formats or FORMATS
    ]

    wanted = [(one, service.request_export(organization=organization, user=alice, asked=one)) for one in asked]
    service.run_waiting()

    for one, job in wanted:
        is_narrow = (one.dataset, one.format) == ("usage_records", "pdf")  # its cells break every word
        sweep.look(f"export {one.dataset}.{one.format}", made(job, alice), "Ledger lines" if is_narrow else LIGHT)
    assert {(one.dataset, one.format) for one in asked} >= {
        *(("metrics", form) for form in FORMATS), *(("focus", form) for form in ("csv", "json", "ndjson", "parquet"))
    }  # fmt: skip


def test_statements_invoices_and_the_audit_trail(planted: Planted, sweep: leaks.Sweep) -> None:
    company = planted.company
    statement = statement_of(planted)
    invoices.reconcile_invoice(invoice=invoice_of(company))

    for form in statement_documents.FORMATS:
        answer = statement_documents.response(statement, form)
        sweep.look(f"statement.{form}", answer.content, LIGHT)
    for form in invoice_documents.FORMATS:
        answer = invoice_documents.response(invoice_of(company), form)
        sweep.look(f"invoice.{form}", answer.content, "gpt-4o")
    trail = b"".join(auditfile.audit_chain(company.organization, company.people["alice"]))
    sweep.look("audit trail", trail, LIGHT)
    assert trail.count(b"\n") > 20


@pytest.fixture
def box(settings: Any) -> Iterator[Server]:
    with listening(Server(is_failing=False), settings) as found:
        yield found


def test_mails_and_webhooks(
    planted: Planted, sweep: leaks.Sweep, box: Server, receiver: Receiver, settings: Any
) -> None:
    """At first the mail server takes no password: what it says is kept with the message."""
    company, alice = planted.company, planted.company.people["alice"]
    report = make_report(company, Recipient("address", alice.email), formats=["pdf", "xlsx", "csv"])
    Report.objects.exclude(pk=report.pk).update(next_at=None)
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    assert reports.enqueue_due(MONDAY) == 1
    running.run_waiting()
    locked = statements.lock_statement(statement=statement_of(planted), actor=alice)
    statementmail.mail_statement(statement=locked, actor=alice)
    send_test(rule=planted.rule, actor=alice)
    job = TuningJob.objects.get(name=LIGHT)
    assert notifying.tell(job, "succeeded") == 2

    assert outbox.relay().failed > 0
    kept = list(OutboxMessage.objects.exclude(last_error="").values_list("last_error", flat=True))
    sweep.look("why mails failed", "\n".join(kept).encode(), "AUTH")
    settings.EMAIL_HOST_USER = ""
    OutboxMessage.objects.update(due_at=timezone.now())
    assert outbox.relay().failed == 0

    mails = box.mails()
    for mail in mails:
        is_notice = "second factor" in mail["Subject"]
        links = {name for name in planted.secrets if " link of " in name}
        is_link = mail["Subject"].startswith(("Set a new password", "Join "))
        sweep.look_into(
            f"mail {mail['Subject']!r}", leaks.of_mail("mail", mail.as_bytes()),
            "ignore it" if is_link else "If this was not you" if is_notice else LIGHT, but=links if is_link else (),
        )  # fmt: skip
        for name, content in attached(mail):
            sweep.look(f"attachment {name}", content, LIGHT)
    kinds = {name.rpartition(".")[2] for mail in mails for name, _ in attached(mail)}
    assert kinds == {"pdf", "xlsx", "csv"}
    assert len(mails) >= 7
    for headers, body in receiver.got:
        sweep.look("webhook", json.dumps(headers).encode() + body, LIGHT)
    assert len(receiver.got) == 2


def attached(mail: EmailMessage) -> Iterator[tuple[str, bytes]]:
    for part in mail.walk():
        if part.get_content_disposition() == "attachment":
            yield part.get_filename() or "", part.get_payload(decode=True)  # type: ignore[misc]


def test_generated_packages(planted: Planted, sweep: leaks.Sweep) -> None:
    company, alice = planted.company, planted.company.people["alice"]
    whole = {"base_url": f"https://{LIGHT}.example/v1"}
    chosen = {"operations": ["chat", "models.list"]}
    asked = {
        f"package {language}": builds.request_build(
            organization=company.organization, user=alice, language=language, said=whole
        )
        for language in IDS
    } | {
        f"client of the company in {language}": request_client(
            organization=company.organization, user=alice, language=language, said=chosen, shape={"tenant": True}
        )
        for language in ("python", "typescript")
    }

    builds.run_waiting()

    for name, job in asked.items():
        sweep.look(name, made(job, alice, builds.open_build), LIGHT)
    sweep.look("OpenAPI document", json.dumps(merged()).encode(), "chat/completions")
    assert len(IDS) == 5


@pytest.fixture
def month(planted: Planted, settings: Any) -> Iterator[None]:
    """March has left the ledger."""
    settings.DATABASE_DIRECT_URL = direct_url()
    retire(now=datetime(2026, 6, 15, tzinfo=UTC), days=45)
    yield
    drop_what_left()


@pytest.mark.django_db(transaction=True)
def test_archived_months(planted: Planted, month: None, sweep: leaks.Sweep, settings: Any, tmp_path: Any) -> None:
    """At first the store is away: what is kept and logged of that has no key of it."""
    assert archives.archive_detached().failed
    settings.LEDGER_ARCHIVE = Place(f"file://{tmp_path}/archive")

    done = archives.archive_detached()

    assert [one.lines for one in done.written if one.month == date(2026, 3, 1)] == [1]
    files = {path: path.read_bytes() for path in (tmp_path / "archive").rglob("*") if path.is_file()}
    march = {path: content for path, content in files.items() if "2026-03" in str(path)}
    assert {path.suffix for path in march} == {".json", ".parquet"}
    for path, content in march.items():
        sweep.look(str(path.relative_to(tmp_path)), content, LIGHT if path.suffix == ".parquet" else "columns")
    kept = json.dumps(list(Job.objects.filter(kind=archives.KIND).values("error", "result")), default=str)
    sweep.look("jobs of archiving", kept.encode(), "error")
