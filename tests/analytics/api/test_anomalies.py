"""The endpoint of anomalies: what is found, for whom, and what people say."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from analytics.anomalies.models import Anomaly, AnomalyScan
from gateway.models import AuditEvent
from tests.factories import Acme, anomaly

URL = "/api/v1/admin/analytics/anomalies"
pytestmark = pytest.mark.django_db


def client(company: Acme, name: str) -> Client:
    found = Client()
    found.force_login(company.people[name])
    return found


def ask(company: Acme, name: str = "alice", **question: Any) -> dict[str, Any]:
    response = client(company, name).post(URL, question, content_type="application/json")
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def found(company: Acme) -> dict[str, Anomaly]:
    team = {"dimension": "team", "value": str(company.search.pk), "team": company.search.pk}
    return {
        "whole": anomaly(company.organization),
        "team": anomaly(company.organization, metric="error_rate", severity="medium", score=0.55, **team),
        "false": anomaly(company.organization, state="false"),
    }


def test_the_answer_has_everything(company: Acme, found: dict[str, Anomaly]) -> None:
    body = ask(company)

    assert [row["metric"] for row in body["anomalies"]] == ["error_rate", "cost"]
    cost = body["anomalies"][1]
    assert cost["scope"] == {"dimension": "organization", "value": "", "name": company.organization.name}
    assert (cost["actual"], cost["expected"], cost["lower"], cost["upper"]) == (20.0, 2.0, 0.5, 6.0)
    assert (cost["impact_amount"], cost["state"], cost["causes"][0]["name"]) == ("18.0000000000", "open", "lgw_k")
    assert cost["effects"]["volume"] == cost["effects"]["change"] == "18.0000000000"
    assert body["summary"] == {
        "total": 2,
        "by_severity": {"low": 0, "medium": 1, "high": 1, "critical": 0},
        "total_excess": "36.0000000000",
        "most_affected": [{"dimension": "api_key", "value": "k", "name": "lgw_k", "anomalies": 2}],
    }
    assert body["recommendations"][0].startswith("Look at key lgw_k: it carries most of a change of cost since 16 Nov")


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ({"metrics": ["cost"]}, ["cost"]),
        ({"min_score": 0.6}, ["cost"]),
        ({"dimensions": ["team"]}, ["error_rate"]),
        ({"dimensions": ["api_key"]}, ["error_rate", "cost"]),
        ({"sensitivity": 3}, ["cost"]),
        ({"states": ["false"]}, ["cost"]),
        ({"start": "2026-11-17T00:00:00Z"}, []),
        ({"end": "2026-11-16T22:00:00Z"}, []),
    ],
)
def test_questions(company: Acme, found: dict[str, Anomaly], question: dict[str, Any], wanted: list[str]) -> None:
    assert [row["metric"] for row in ask(company, **question)["anomalies"]] == wanted


def test_a_higher_sensitivity_than_the_scans_is_noted(company: Acme) -> None:
    assert [note["code"] for note in ask(company, sensitivity=8)["notes"]] == ["less_sensitive"]


def test_people_see_what_lies_within_what_they_see(company: Acme, found: dict[str, Anomaly]) -> None:
    own = anomaly(company.organization, dimension="api_key", value="k", user=company.people["bob"].pk)

    seen = {name: {row["id"] for row in ask(company, name)["anomalies"]} for name in ("alice", "carol", "dave", "bob")}

    everything = {str(found["whole"].pk), str(found["team"].pk), str(own.pk)}
    assert seen == {
        "alice": everything, "carol": everything, "dave": {str(found["team"].pk)}, "bob": {str(own.pk)},
    }  # fmt: skip


def test_saying_what_it_was_is_audited_once(company: Acme, found: dict[str, Anomaly]) -> None:
    path = f"{URL}/{found['whole'].pk}/state"
    said = {"state": "expected", "feedback": "Load test."}

    for _ in range(2):
        response = client(company, "alice").post(path, said, content_type="application/json")
        assert (response.status_code, response.json()["state"]) == (200, "expected")

    row = Anomaly.objects.get(pk=found["whole"].pk)
    assert (row.feedback, row.state_by) == ("Load test.", company.people["alice"])
    (event,) = AuditEvent.objects.filter(verb="anomaly.state")
    assert event.after == {"state": "expected", "feedback": "Load test."}


@pytest.mark.parametrize("body", [{"state": "gone"}, {}, {"state": "open", "score": 1}])
def test_what_cannot_be_said(company: Acme, found: dict[str, Anomaly], body: dict[str, Any]) -> None:
    response = client(company, "alice").post(f"{URL}/{found['whole'].pk}/state", body, content_type="application/json")

    assert response.status_code == 400


def test_settings(company: Acme) -> None:
    alice = client(company, "alice")

    changed = alice.patch(f"{URL}/settings", {"sensitivity": 7, "min_impact": "2.5"}, content_type="application/json")

    assert changed.json() == {
        "is_enabled": True, "sensitivity": 7, "min_impact": "2.5000000000", "scanned_until": None,
    }  # fmt: skip
    assert AnomalyScan.objects.get().min_impact == Decimal("2.5")
    refused = alice.patch(f"{URL}/settings", {"sensitivity": 11}, content_type="application/json")
    assert refused.status_code == 400
