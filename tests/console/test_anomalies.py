"""The anomalies feed, one anomaly, and its buttons."""

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics.anomalies.models import Anomaly
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.factories import anomaly

URL = "/admin/anomalies/"
START = datetime(2026, 11, 16, 22, tzinfo=UTC)
CHART = {
    "start": START.isoformat(), "values": [2.0, 20.0, None], "expected": [2.0, 2.0, 2.0], "lower": [0.5, 0.5, 0.5],
    "upper": [6.0, 6.0, 6.0],
}  # fmt: skip


@pytest.fixture
def cost(company: Company) -> Anomaly:
    peak = {"actual": 20.0, "expected": 2.0, "hours": 1}
    member = {"metric": "cost", "dimension": "organization", "value": "", **peak}
    return anomaly(company.organization, chart=CHART, members=[member])


def test_without_a_scan_the_page_says_how_to_make_one(company: Company, sign_in: SignIn) -> None:
    assert "python manage.py scan_anomalies" in sign_in("alice").get(URL).content.decode()


def test_the_feed_in_a_fixed_number_of_queries(
    company: Company, sign_in: SignIn, cost: Anomaly, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        anomaly(company.organization, dimension="api_key", value="0192f9a5-8f55-7c33-a3ab-9e4f5ad2d4cc")
    alice = sign_in("alice")

    with django_assert_max_num_queries(14):
        text = alice.get(URL).content.decode()

    assert text.count('class="row-link"') == 6
    assert "$20.00" in text
    assert "+$18.00" in text


def test_one_anomaly_shows_chart_causes_effects_and_buttons(company: Company, sign_in: SignIn, cost: Anomaly) -> None:
    text = sign_in("alice").get(f"{URL}{cost.pk}/").content.decode()

    assert "2 of 3 hours" not in text
    assert "1 of 3 hours lie within the expected range" in text
    assert "key lgw_k: $20.00 instead of $0.00" in text.replace("<wbr>", "")
    assert "Number of requests" in text
    assert [word for word in ("Acknowledge", "It was expected", "Not an anomaly") if f">{word}<" in text] == [
        "Acknowledge", "It was expected", "Not an anomaly",
    ]  # fmt: skip


def test_the_buttons(company: Company, sign_in: SignIn, cost: Anomaly) -> None:
    alice = sign_in("alice")

    said = alice.post(f"{URL}{cost.pk}/state/", {"state": "false", "feedback": "Invoice run"}, follow=True)

    text = said.content.decode()
    assert "Noted: not an anomaly." in text
    assert "Open again" in text
    assert "Nothing to look at" not in alice.get(URL).content.decode()
    assert alice.get(f"{URL}?view=false").content.decode().count('class="row-link"') == 1
    assert alice.get(f"{URL}{cost.pk}/state/").status_code == 405


def test_developers_see_no_others_and_change_nothing(company: Company, sign_in: SignIn, cost: Anomaly) -> None:
    bob, mallory = sign_in("bob"), sign_in("mallory")

    assert bob.get(f"{URL}{cost.pk}/").status_code == 404
    assert mallory.post(f"{URL}{cost.pk}/state/", {"state": "false"}).status_code == 404
    own = anomaly(company.organization, dimension="api_key", value="k", user=company.people["bob"].pk)
    assert "can say what it was" in bob.get(f"{URL}{own.pk}/").content.decode()
    assert bob.post(f"{URL}{own.pk}/state/", {"state": "false"}).status_code == 403


def test_home_names_the_open_ones(busy: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    assert "Open anomalies" not in alice.get("/admin/").content.decode()

    anomaly(busy.organization)
    assert "Open anomalies" in alice.get("/admin/").content.decode()
    header = alice.get("/admin/status/open/").content.decode()
    assert ">1</span>" in header
    assert "open anomaly</span>" in header
    assert sign_in("mallory").get("/admin/status/open/").content.strip() == b""
