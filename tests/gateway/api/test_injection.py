"""Text that would be code elsewhere: in every parameter of every question, in every name, in every file that leaves."""

import ast
import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.http import HttpResponse

from gateway.api.views.imports import rejected_csv
from gateway.cells import safe_text
from gateway.downloads import Download, document
from gateway.models import Organization, RejectedRecord, VirtualKey
from gateway.services import outbox
from tests import factories, sqlwatch
from tests.gateway.api.conftest import Caller
from tests.gateway.api.places import WINDOW, imported

ROOT = Path(__file__).resolve().parents[3]

# ---- SQL ---------------------------------------------------------------------------------------------------------
# Every parameter of every question and page: `test_sql`, `tests/console/test_sql`.
QUESTIONS: list[dict[str, Any]] = [
    {"dimensions": ["PAYLOAD"]}, {"measures": ["PAYLOAD"]}, {"order_by": "PAYLOAD"}, {"timezone": "PAYLOAD"},
    {"granularity": "PAYLOAD"}, {"filters": [{"dimension": "PAYLOAD", "op": "in", "values": ["x"]}]},
    {"filters": [{"dimension": "model", "op": "PAYLOAD", "values": ["x"]}]},
    {"filters": [{"dimension": "model", "op": "in", "values": ["PAYLOAD"]}]},
    {"dimensions": ["tag:PAYLOAD"]}, {"start": "PAYLOAD"}, {"limit": "PAYLOAD"}, {"PAYLOAD": 1},
]  # fmt: skip


@pytest.mark.parametrize("payload", sqlwatch.PAYLOADS)
def test_no_part_of_a_metrics_query_is_sql(payload: str, company: factories.Acme, caller: Caller) -> None:
    owner = caller("owner")
    for question in QUESTIONS:
        body, watch = {**WINDOW, "measures": ["requests"], **_with(question, payload)}, sqlwatch.Watch()

        with connection.execute_wrapper(watch):
            status = owner.post("/api/v1/admin/analytics/query", body, format="json").status_code

        assert status in (200, 400), question
        assert watch.pasted == []
    assert VirtualKey.objects.filter(pk=company.keys["bob"].pk).exists()


def _with(value: Any, payload: str) -> Any:
    if isinstance(value, dict):
        return {_with(name, payload): _with(inner, payload) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with(inner, payload) for inner in value]
    return value.replace("PAYLOAD", payload) if isinstance(value, str) else value


# ---- headers -----------------------------------------------------------------------------------------------------
LINES = [
    "a\r\nSet-Cookie: x=1",
    "a\nb",
    "a\rb",
    "a\x00b",
    'a"; filename=b.exe',
    "a\u2028b",
    "../../a",
    "ü\r\n\r\n<html>",
]


@pytest.mark.parametrize("name", LINES)
def test_a_file_name_stays_in_its_header(name: str) -> None:
    for make in (
        lambda: document(b"x", name=name, content_type="text/csv"),
        lambda: Download(iter([b"x"]), name=name, content_type="text/csv"),
    ):
        response: HttpResponse | Download = make()  # type: ignore[no-untyped-call]
        header = response["Content-Disposition"]
        assert not set(header) & set("\r\n\x00")
        assert header.startswith("attachment")
        assert "Set-Cookie" not in response.headers


@pytest.mark.django_db
@pytest.mark.parametrize("name", LINES)
def test_a_name_in_a_subject_is_no_header(name: str) -> None:
    outbox.enqueue_mail(to="eve@example.com", subject=f"Join {name}", text="x", dedupe_key="one")

    assert outbox.relay() == outbox.Relayed(delivered=1)

    (message,) = mail.outbox
    assert not [letter for letter in message.subject if not letter.isprintable()]
    assert message.message()["Set-Cookie"] is None
    assert message.recipients() == ["eve@example.com"]


# ---- spreadsheets ------------------------------------------------------------------------------------------------
FORMULAS = [
    "=1+1",
    "+1",
    "-1+1",
    "@SUM(1)",
    "|cmd",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_text(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.django_db
def test_rejected_records_are_text_too() -> None:
    company = factories.acme()
    run = imported(company)
    for number, text in enumerate(FORMULAS):
        RejectedRecord.objects.create(run=run, line=number, reason="x", raw=text)

    content = b"".join(rejected_csv(run)).decode()  # type: ignore[arg-type]

    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert [row[2] for row in rows[1:]] == [f"'{text}" for text in FORMULAS]


# Every place that writes CSV, and how its cells are made safe.
WRITERS = {
    "gateway/api/views/imports.py": "safe_text for each cell",
    "analytics/exports/formats/csvfile.py": "safe_text for text",
    "analytics/reports/render/documents.py": "safe_text for labels, csvfile for grids",
    "analytics/console/cards/export.py": "safe_text for what is no number",
}
OF_FIGURES = {"gateway/simulator/tuning.py"}
"""Writers whose cells are figures alone."""


@pytest.mark.slow
def test_every_writer_of_csv_is_known() -> None:
    found = set()
    for package in ("gateway", "analytics", "costs", "finetuning", "sdkgen", "config"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node) in ("csv.writer", "csv.DictWriter"):
                    found.add(str(path.relative_to(ROOT)))
    assert found == set(WRITERS) | OF_FIGURES
    assert all("safe_text" in (ROOT / path).read_text(encoding="utf-8") for path in WRITERS)


# ---- paths -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "/admin/playground/sdk/1.0.0/../../../../etc/passwd", "/admin/playground/sdk/1.0.0/..%2f..%2f..%2fetc%2fpasswd",
        "/static/../config/settings.py", "/static/%2e%2e/config/settings.py", "/static//etc/passwd",
        "/static/..%5c..%5cconfig%5csettings.py", "/admin/sdks/docs/..%2f..%2fetc/", "/api/v1/sdk/languages/..%2f..",
        "/admin/invoices/0192f0c4-0000-7000-8000-000000000000/..%2fpasswd/", "/metrics/..%2fledger",
    ],
)  # fmt: skip
def test_no_path_leads_out(path: str, caller: Caller, settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    client = caller("owner")
    response = client.get(path, follow=True)

    body = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    assert response.status_code in (400, 403, 404, 405)
    assert b"root:" not in body
    assert b"SECRET_KEY" not in body


def test_a_name_with_a_line_end_is_kept_as_text(company: factories.Acme, caller: Caller) -> None:
    name = "Acme\r\nX-Injected: 1"
    response = caller("owner").patch(f"/api/v1/organizations/{company.organization.pk}", {"name": name}, format="json")

    assert "X-Injected" not in response.headers
    assert response.status_code in (200, 400)
    assert Organization.objects.filter(pk=company.organization.pk).exists()
