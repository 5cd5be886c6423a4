"""Reports over HTTP: written, run, read; what a caller sees is theirs."""

from typing import Any

import pytest

from analytics.reports import running
from analytics.reports.models import Report
from tests.analytics.api.conftest import URL, Fits
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

SECTION = {"kind": "metrics", "title": "Cost", "measures": ["cost"], "dimensions": ["team"], "chart": "bar"}


def wanted(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Weekly", "sections": [SECTION], "cron": "0 7 * * 1", "timezone": "Europe/Vienna", "formats": ["pdf"],
        "recipients": [{"kind": "role", "value": "analyst"}], **fields,
    }  # fmt: skip


def make(caller: Caller, **fields: Any) -> dict[str, Any]:
    made = caller("owner").post(f"{URL}/reports", wanted(**fields))
    assert made.status_code == 201, made.json()
    return made.json()


def test_made_read_changed_put_away(caller: Caller, fits: Fits, company: Acme) -> None:
    made = make(caller)
    assert (made["owner"], made["next_at"][11:16] in ("05:00", "06:00")) == (str(company.people["alice"].pk), True)
    place = f"{URL}/reports/{made['id']}"
    read = fits(caller("analyst").get(place))
    assert [{name: one[name] for name in SECTION} for one in read["sections"]] == [SECTION]
    assert read["recipients"] == [{"kind": "role", "value": "analyst"}]

    changed = fits(caller("admin").patch(place, {"name": "Mondays", "is_enabled": False}))
    assert (changed["name"], changed["next_at"], changed["sections"]) == ("Mondays", None, read["sections"])

    assert caller("admin").delete(place).status_code == 204
    assert caller("owner").get(place).status_code == 404
    assert Report.objects.get().archived_at is not None


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"cron": "* * * * *"}, "cron", "schedule_invalid"),
        ({"timezone": "Mars"}, "timezone", "schedule_invalid"),
        ({"sections": [{"kind": "metrics", "measures": ["price"]}]}, "sections.0", "unknown_measure"),
        ({"sections": [{"kind": "metrics"}]}, "sections.0.measures", "required"),
        ({"recipients": [{"kind": "role", "value": "king"}]}, "recipients.0.value", "role_unknown"),
        ({"formats": ["doc"]}, "formats.0", "invalid_choice"),
    ],
)
def test_refusals_name_the_field(caller: Caller, company: Acme, fields: dict[str, Any], field: str, code: str) -> None:
    refused = caller("owner").post(f"{URL}/reports", wanted(**fields))

    assert refused.status_code == 400
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [(field, code)]


@pytest.mark.slow
def test_a_run_is_a_job_and_its_files_are_the_callers_own(caller: Caller, fits: Fits, company: Acme) -> None:
    made = make(caller, team=str(company.search.pk))
    asked = caller("manager").post(f"{URL}/reports/{made['id']}/run", {})
    assert (asked.status_code, fits(asked)["status"]) == (202, "queued")

    running.run_waiting()

    run = fits(caller("manager").get(asked["Location"]))
    assert (run["status"], run["trigger"], run["deliveries"]) == ("succeeded", "manual", [])
    page = caller("manager").get(run["result_url"])
    assert "Figures that Dave sees as manager: the team Search." in page.content.decode()
    document = caller("analyst").get(run["result_url"], {"file": "pdf"})
    assert (document["Content-Type"], document.content[:5]) == ("application/pdf", b"%PDF-")
    assert caller("manager").get(run["result_url"], {"file": "xlsx"}).status_code == 404


def test_an_analyst_mails_nobody(caller: Caller, company: Acme) -> None:
    made = make(caller)

    refused = caller("analyst").post(f"{URL}/reports/{made['id']}/run", {"sends": True})

    assert (refused.status_code, refused.json()["code"]) == (403, "role_required")


@pytest.mark.slow
def test_ready_made_reports_can_be_sent_as_they_are(caller: Caller, fits: Fits, company: Acme) -> None:
    templates = fits(caller("owner").get(f"{URL}/reports/templates"))
    assert [one["slug"] for one in templates] == [
        "weekly_team", "monthly_executive", "monthly_showback", "monthly_chargeback", "provider_health",
        "budget_status", "security_digest",
    ]  # fmt: skip

    for one in templates:
        fields = {name: one[name] for name in ("name", "sections", "period", "cron", "formats")}
        made = make(caller, **fields)
        caller("owner").post(f"{URL}/reports/{made['id']}/run", {})
    assert running.run_waiting() == 7

    runs = caller("owner").get(f"{URL}/reports/runs").json()["results"]
    assert {run["status"] for run in runs} == {"succeeded"}
    for run in runs:
        assert "not available" not in caller("owner").get(run["result_url"]).content.decode()


def test_queries_do_not_grow_with_the_list(caller: Caller, company: Acme, django_assert_num_queries: Any) -> None:
    for _ in range(3):
        make(caller)
    client = caller("owner")
    client.get(f"{URL}/reports")

    with django_assert_num_queries(6):  # session, person, organization, count, reports, recipients
        assert client.get(f"{URL}/reports").json()["count"] == 3
