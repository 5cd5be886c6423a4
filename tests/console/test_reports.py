"""Pages of reports and exports: who may, what they show, how many queries, the builder and its preview."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.exports import service as exports
from analytics.reports import running, service
from analytics.reports.models import Report, ReportRun
from analytics.reports.service import Recipient, Writer
from gateway.models import Job
from tests.console.company import Company
from tests.console.conftest import SignIn

SECTION = {"kind": "metrics", "title": "Cost", "measures": ["cost"], "dimensions": ["model"], "chart": "bar"}
ROW = {
    "section_kind": "metrics", "section_title": "Models", "section_key": "a1", "section_main": "cost",
    "section_more_a1": ["requests"], "section_whose": "",
    "section_dimension": "model", "section_chart": "ranking", "section_filters": "", "section_limit": "5",
}  # fmt: skip
POSTED = {
    **ROW, "name": "Mondays", "description": "", "period": "previous_week", "usual": "0 7 * * 1", "cron": "",
    "timezone": "Europe/Vienna", "formats": ["pdf"], "team": "", "to_roles": ["analyst"], "to_addresses": "",
    "is_enabled": "on",
}  # fmt: skip


def make(company: Company, name: str = "Weekly", **fields: Any) -> Report:
    wanted: dict[str, Any] = {"sections": [SECTION], "recipients": [Recipient("role", "owner")], "formats": ["pdf"]}
    return service.create_report(
        organization=company.organization, owner=company.people["alice"],
        writer=Writer(company.people["alice"], is_admin=True), name=name, **{**wanted, **fields},
    )  # fmt: skip


def queries(client: Any, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200
    return len(found)


def test_who_may_open_what(company: Company, sign_in: SignIn) -> None:
    report = make(company)
    places = {"list": reverse("admin:reports"), "one": reverse("admin:report", args=[report.pk]),
              "edit": reverse("admin:report_edit", args=[report.pk]), "exports": reverse("admin:exports")}  # fmt: skip

    found = {who: [sign_in(who).get(url).status_code for url in places.values()] for who in ("alice", "carol", "bob")}

    assert found == {"alice": [200, 200, 200, 200], "carol": [200, 200, 403, 200], "bob": [403, 403, 403, 200]}
    assert sign_in("mallory").get(places["one"]).status_code in (403, 404)


def test_the_list_takes_the_same_queries_for_many(company: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    make(company)
    few = queries(client, reverse("admin:reports"))
    for number in range(4):
        make(company, f"Report {number}")

    assert queries(client, reverse("admin:reports")) == few


def test_the_builder_makes_a_report_and_says_what_is_wrong(company: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    wrong = client.post(reverse("admin:report_add"), {**POSTED, "section_more_a1": ["price"], "timezone": "Mars"})
    assert "There is no measure &#x27;price&#x27;." in wrong.content.decode()
    assert not Report.objects.exists()

    made = client.post(reverse("admin:report_add") + "?template=weekly_team", POSTED)

    report = Report.objects.get()
    assert made["Location"] == reverse("admin:report", args=[report.pk])
    assert (report.cron, report.template, report.owner) == ("0 7 * * 1", "weekly_team", company.people["alice"])
    assert report.sections == [
        {"kind": "metrics", "title": "Models", "measures": ["cost", "requests"], "dimensions": ["model"],
         "chart": "ranking", "limit": 5, "compare": True, "filters": []}
    ]  # fmt: skip
    assert [(one.kind, one.role) for one in report.recipients.all()] == [("role", "analyst")]


@pytest.mark.slow
def test_every_ready_made_report_can_be_saved_as_it_opens(company: Company, sign_in: SignIn) -> None:
    from analytics.reports.catalog import TEMPLATES

    for slug in TEMPLATES:
        page = sign_in("alice").get(reverse("admin:report_add"), {"template": slug})
        editor = page.context["editor"]
        rows = {f"section_{name}": [getattr(row, name) for row in editor.rows] for name in
                ("key", "kind", "title", "main", "whose", "dimension", "chart", "filters", "limit")}  # fmt: skip
        rows |= {f"section_more_{row.key}": row.more for row in editor.rows}
        saved = sign_in("alice").post(
            f"{reverse('admin:report_add')}?template={slug}", {**POSTED, **rows, "name": slug}
        )
        assert saved.status_code == 302, saved.content.decode()

    assert Report.objects.count() == 7
    weekly = Report.objects.get(name="weekly_team")
    assert weekly.sections[0]["measures"] == ["cost", "requests", "total_tokens", "error_rate"]
    assert [section["own_team"] for section in weekly.sections] == [True] * 5


def test_filters_are_read_and_written(company: Company, sign_in: SignIn) -> None:
    sign_in("alice").post(reverse("admin:report_add"), {**POSTED, "section_filters": "status=ok, model!=a|b"})

    report = Report.objects.get()
    assert report.sections[0]["filters"] == [
        {"dimension": "status", "op": "in", "values": ["ok"]},
        {"dimension": "model", "op": "not_in", "values": ["a", "b"]},
    ]
    page = sign_in("alice").get(reverse("admin:report_edit", args=[report.pk])).content.decode()
    assert 'value="status=ok, model!=a|b"' in page


def test_the_preview_is_drawn_and_kept_nowhere(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    shown = client.post(reverse("admin:report_preview"), POSTED).content.decode()
    refused = client.post(reverse("admin:report_preview"), {**POSTED, "section_main": "price"}).content.decode()

    assert "Figures of the whole organization, as owner." in shown
    assert "data:image/png;base64," in shown
    assert "There is no measure" in refused
    assert not Report.objects.exists()


def test_a_run_is_shown_with_its_mails(busy: Company, sign_in: SignIn) -> None:
    report = make(busy)
    client = sign_in("alice")
    client.post(reverse("admin:report_run_now", args=[report.pk]), {"sends": "1"})
    running.run_waiting()

    run = ReportRun.objects.get()
    shown = client.get(reverse("admin:report_run", args=[run.pk]))
    page = shown.content.decode()
    document = client.get(reverse("admin:report_run_file", args=[run.pk, "pdf"]))

    assert [mail.address for mail, _ in shown.context["mails"]] == [busy.people["alice"].email]
    assert "Figures of the whole organization, as owner." in page
    assert document.content[:5] == b"%PDF-"


def test_a_file_that_is_not_there_says_why(busy: Company, sign_in: SignIn) -> None:
    report = make(busy)
    client = sign_in("alice")
    client.post(reverse("admin:report_run_now", args=[report.pk]))
    run = ReportRun.objects.get()

    early = client.get(reverse("admin:report_run_file", args=[run.pk, "pdf"]))
    running.run_waiting()
    unknown = client.get(reverse("admin:report_run_file", args=[run.pk, "csv"]))

    assert (early.status_code, unknown.status_code) == (409, 404)
    assert "It is not done yet." in early.content.decode()
    assert "This report is not made in &#x27;csv&#x27;." in unknown.content.decode()


@pytest.mark.parametrize("days", [{"end": "9999-12-31"}, {"start": "0001-01-01"}])
def test_days_at_the_ends_of_the_calendar_are_refused(company: Company, sign_in: SignIn, days: dict[str, str]) -> None:
    form = {"dataset": "usage_records", "start": "2026-01-01", "end": "2026-01-31", "format": "csv", **days}

    answer = sign_in("alice").post(reverse("admin:exports"), form)

    assert answer.status_code == 200
    assert "Days lie between 1971 and 2200." in answer.content.decode()
    assert not Job.objects.filter(kind=exports.KIND).exists()


def test_an_export_is_listed_by_its_days_in_the_zone(company: Company, sign_in: SignIn) -> None:
    company.organization.reporting_timezone = "Europe/Vienna"
    company.organization.save()
    client = sign_in("alice")
    form = {"dataset": "metrics", "measures": ["cost"], "dimension": "", "granularity": "", "format": "csv"}
    client.post(reverse("admin:exports"), {**form, "start": "2026-03-02", "end": "2026-03-04"})
    client.post(reverse("admin:exports"), {**form, "start": "2026-03-02", "end": "2026-03-02"})

    rows = client.get(reverse("admin:exports")).context["rows"]

    assert [row.what for row in rows] == ["Figures: Cost, 2026-03-02", "Figures: Cost, 2026-03-02 – 2026-03-04"]


def test_an_export_is_cancelled(company: Company, sign_in: SignIn) -> None:
    form = {"dataset": "metrics", "start": "2026-01-01", "end": "2026-12-31", "measures": ["requests"],
            "dimension": "", "granularity": "", "format": "csv"}  # fmt: skip
    client = sign_in("alice")
    client.post(reverse("admin:exports"), form)
    path = reverse("admin:export_cancel", args=[Job.objects.get(kind=exports.KIND).pk])
    assert path in client.get(reverse("admin:exports")).content.decode()
    assert sign_in("bob").post(path).status_code == 404

    pages = [sign_in("alice").post(path, follow=True) for _ in range(2)]

    said = [[str(message) for message in page.context["messages"]] for page in pages]
    assert said == [["The export is cancelled; there is no file of it."], ["It is over already."]]
    assert [row.job.status for row in pages[1].context["rows"]] == ["cancelled"]
    assert path not in pages[1].content.decode()


def test_a_run_too_many_is_said(company: Company, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_OPEN_RUNS", 1)
    report = make(company)
    client = sign_in("alice")

    pages = [client.post(reverse("admin:report_run_now", args=[report.pk]), follow=True) for _ in range(2)]

    said = [[str(message) for message in page.context["messages"]] for page in pages]
    assert said[1] == ["1 runs of yours are not done yet; wait for one of them."]
    assert ReportRun.objects.count() == 1


def test_an_export_is_asked_for_watched_and_downloaded(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    form = {"dataset": "metrics", "start": "2026-01-01", "end": "2026-12-31", "measures": ["requests"],
            "dimension": "model", "granularity": "", "format": "csv"}  # fmt: skip
    wrong = client.post(reverse("admin:exports"), {**form, "end": "2025-01-01"}).content.decode()
    assert "The end lies before the start." in wrong

    client.post(reverse("admin:exports"), form)
    assert 'hx-trigger="every 2s"' in client.get(reverse("admin:exports"), {"part": "list"}).content.decode()
    exports.run_waiting()

    listed = client.get(reverse("admin:exports"), {"part": "list"}).content.decode()
    job = Job.objects.get(kind=exports.KIND)
    file = client.get(reverse("admin:export_file", args=[job.pk]))
    assert "hx-trigger" not in listed
    assert b"".join(file.streaming_content).decode("utf-8-sig").startswith("model,requests\r\n")  # type: ignore[attr-defined]
    assert sign_in("bob").get(reverse("admin:export_file", args=[job.pk])).status_code == 404


@pytest.mark.slow
def test_charges_are_exported_as_focus(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    form = {"dataset": "focus", "start": "2026-01-01", "end": "2026-12-31", "format": "csv"}
    page = client.get(reverse("admin:exports")).content.decode()
    refused = client.post(reverse("admin:exports"), {**form, "format": "xlsx"}).content.decode()

    client.post(reverse("admin:exports"), form)
    exports.run_waiting()

    job = Job.objects.get(kind=exports.KIND)
    file = client.get(reverse("admin:export_file", args=[job.pk]))
    listed = client.get(reverse("admin:exports"), {"part": "list"}).content.decode()
    assert '<option value="focus">FOCUS 1.4 cost and usage</option>' in page
    assert "Formats of focus are csv, ndjson, json, parquet." in refused
    assert "FOCUS 1.4 cost and usage, 2026-01-01" in listed
    assert b"".join(file.streaming_content).decode("utf-8-sig").startswith("BilledCost,BillingAccountId,")  # type: ignore[attr-defined]
