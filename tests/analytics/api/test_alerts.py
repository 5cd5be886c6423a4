"""Alert rules over the API: made, changed, tested, told, acknowledged."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from analytics.alerts.evaluation import evaluate_due
from analytics.alerts.models import AlertRule
from gateway.services import outbox
from tests.analytics.api.conftest import URL, book
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

RULE = {
    "name": "Dear", "measure": "cost", "threshold": "1", "severity": "critical",
    "channels": [{"kind": "email", "target": "oncall@acme.example"}],
}  # fmt: skip


def spend(company: Acme) -> None:
    book(line(company, at=timezone.now() - timedelta(minutes=1), cost=Decimal(2)))


def test_made_told_and_acknowledged(caller: Caller, company: Acme) -> None:
    made = caller("owner").post(f"{URL}/alerts", RULE)
    assert (made.status_code, made.json()["state"], made.json()["channels"][0]["shown"]) == (
        201, "ok", "oncall@acme.example",
    )  # fmt: skip
    spend(company)
    evaluate_due()
    outbox.relay()

    (alert,) = caller("analyst").get(f"{URL}/admin/dashboard").json()["open_alerts"]
    assert (alert["rule"], alert["severity"], alert["state"]) == ("Dear", "critical", "firing")
    assert caller("developer").get(f"{URL}/admin/dashboard").json()["open_alerts"] == []
    (shown,) = caller("owner").get(f"{URL}/admin/dashboard/realtime").json()["alerts"]
    assert shown["id"] == alert["id"]
    acknowledged = caller("admin").post(f"{URL}/alerts/{alert['id']}/acknowledge").json()
    assert acknowledged["alerts"][0]["acknowledged_by"] == str(company.people["adam"].pk)
    events = caller("owner").get(f"{URL}/alerts/{made.json()['id']}/events").json()["results"]
    assert [event["kind"] for event in events] == ["acknowledged", "fired"]
    (delivery,) = events[1]["deliveries"]
    assert (delivery["status"], delivery["attempts"], delivery["next_at"]) == ("delivered", 1, None)


def test_a_secret_is_shown_once(caller: Caller, company: Acme) -> None:
    hook = {"kind": "webhook", "target": "https://93.184.216.34/hooks/abc?token=x"}
    made = caller("owner").post(f"{URL}/alerts", RULE | {"channels": [hook]}).json()
    again = caller("owner").get(f"{URL}/alerts/{made['id']}").json()

    assert made["channels"][0]["secret"].startswith("whsec_")
    assert (again["channels"][0]["secret"], again["channels"][0]["shown"]) == (None, "https://93.184.216.34/…")
    kept = {"channels": [{"id": made["channels"][0]["id"]}, RULE["channels"][0]]}
    changed = caller("owner").patch(f"{URL}/alerts/{made['id']}", kept).json()
    assert [channel["kind"] for channel in changed["channels"]] == ["webhook", "email"]
    assert changed["channels"][0]["secret"] is None


def test_managers_make_those_of_their_team(caller: Caller, company: Acme) -> None:
    mine = {**RULE, "scope": "team", "scope_value": str(company.search.pk)}

    assert caller("manager").post(f"{URL}/alerts", mine).status_code == 201
    assert caller("manager").post(f"{URL}/alerts", RULE).status_code == 403
    theirs = caller("manager").post(f"{URL}/alerts", mine | {"scope_value": str(company.ads.pk)})
    assert (theirs.status_code, theirs.json()["errors"][0]["field"]) == (400, "scope_value")


def test_what_it_is_about_stays_and_ending_keeps_history(caller: Caller, company: Acme) -> None:
    made = caller("owner").post(f"{URL}/alerts", RULE).json()
    spend(company)
    evaluate_due()

    moved = {"threshold": "3", "scope": "team", "scope_value": str(company.ads.pk)}
    refused = caller("owner").patch(f"{URL}/alerts/{made['id']}", moved)
    assert (refused.status_code, {fault["field"] for fault in refused.json()["errors"]}) == (400, {"scope"})
    changed = caller("owner").patch(f"{URL}/alerts/{made['id']}", {"threshold": "4"}).json()
    assert (changed["scope"], changed["threshold"]) == ("organization", "4.0000000000")
    assert caller("owner").delete(f"{URL}/alerts/{made['id']}").status_code == 204
    assert caller("owner").get(f"{URL}/alerts/{made['id']}").status_code == 404
    assert caller("owner").get(f"{URL}/admin/dashboard").json()["open_alerts"] == []
    assert AlertRule.objects.get().events.count() == 1


def test_faults_name_their_field(caller: Caller, company: Acme) -> None:
    def fault(**changes: object) -> tuple[int, str]:
        response = caller("owner").post(f"{URL}/alerts", RULE | changes)
        return response.status_code, response.json()["errors"][0]["field"]

    assert fault(measure="nonsense") == (400, "measure")
    assert fault(channels=[{"kind": "email", "target": "nobody"}]) == (400, "channels")
    assert fault(channels=[{"kind": "webhook", "target": "http://127.0.0.1:9/x"}]) == (400, "channels")
    assert fault(colour="red") == (400, "colour")
