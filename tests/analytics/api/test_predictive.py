"""What lies ahead: growth, budgets and rate limits with intervals, risks; dates by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from analytics.answers.capacity import REACHED, WITHIN, busiest_minute, reached
from analytics.answers.predictive import BEYOND, LASTS, USED_UP, crossings
from analytics.forecasting import forecast
from analytics.outlook.history import History
from analytics.rollups.marks import drain_marks
from costs.services.budgets import create_budget
from gateway.models import RateLimit
from gateway.services.keys import update_limits
from gateway.services.rate_limits import create_rate_limit
from tests.analytics.api.conftest import URL, Fits
from tests.analytics.outlook.conftest import midnight, used  # noqa: F401
from tests.factories import Acme, book_lines, line
from tests.gateway.api.conftest import Caller

PREDICTIVE = f"{URL}/analytics/predictive"
START = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def ahead(caller: Caller, fits: Fits) -> Any:
    return lambda role: fits(caller(role).post(PREDICTIVE, {}))


def budget(company: Acme, name: str, amount: int, **fields: Any) -> None:
    create_budget(
        organization=company.organization, actor=None, name=name, amount=Decimal(amount),
        **{"scope": "organization", "scope_value": "", "period": "total", **fields},
    )  # fmt: skip


def limit(company: Acme, name: str, **fields: Any) -> RateLimit:
    return create_rate_limit(organization=company.organization, actor=None, name=name,
                             **{"scope": "organization", **fields})  # fmt: skip


def test_a_steady_cost_reaches_what_is_left_on_the_day() -> None:
    times = [START - timedelta(days=100 - i) for i in range(100)]
    history = History("cost", "day", "UTC", times, np.full(100, 2.0), START)
    found = forecast(history.values, horizon=30, period="day")

    at, earliest, latest = crossings(history, found, 11.0, START + timedelta(hours=12))

    assert at is not None
    assert abs(at - (START + timedelta(days=6))) < timedelta(minutes=5)  # half of 2 today, then 2 a day
    assert earliest is not None
    assert latest is not None
    assert earliest <= at <= latest
    assert crossings(history, found, 1e6, START)[0] is None


def test_growth_budgets_and_risks(ahead: Any, used: Acme) -> None:  # noqa: F811
    spent = 60 * 2.5 + 2 * sum(day.weekday() == 0 for day in days_of(60))
    budget(used, "Ample", 100_000)
    budget(used, "Month", 100_000, period="month")
    budget(used, "Tight", int(spent) + 20)

    body = ahead("owner")

    growth = {each["measure"]: each for each in body["growth"]}
    assert float(growth["cost"]["total"]["mean"]) == pytest.approx(83.6, rel=0.05)  # 30 × 19.5 ÷ 7
    assert growth["cost"]["change"] == pytest.approx(0, abs=0.1)
    assert [(each["name"], each["exhausts_at"], each["note"]) for each in body["budgets"][:2]] == [
        ("Ample", None, BEYOND), ("Month", None, LASTS),
    ]  # fmt: skip
    tight = body["budgets"][2]
    assert float(tight["limit"]) - float(tight["spent"]) == pytest.approx(20)
    assert tight["earliest"] <= tight["exhausts_at"] <= tight["latest"]
    expected = datetime.fromisoformat(tight["exhausts_at"]) - datetime.now(UTC)
    assert timedelta(days=5) < expected < timedelta(days=10)  # 20 at about 2.8 a day
    day = tight["exhausts_at"][:10]
    assert body["risks"] == [
        {"kind": "budget", "severity": "high", "subject": "Tight",
         "message": f"Tight is expected to be used up on {day}."}
    ]  # fmt: skip
    assert body["capacity"] == []


def days_of(count: int) -> list[datetime]:
    return [midnight() - timedelta(days=back) for back in range(1, count + 1)]


def test_an_empty_budget_is_used_up(ahead: Any, used: Acme) -> None:  # noqa: F811
    budget(used, "Nothing", 0)

    body = ahead("owner")

    assert body["budgets"][0]["note"] == USED_UP
    assert [risk["severity"] for risk in body["risks"]] == ["high"]


def test_who_sees_a_part_gets_no_date_of_the_whole(ahead: Any, used: Acme) -> None:  # noqa: F811
    budget(used, "Whole", 20_000)
    budget(used, "Search", 20_000, scope="team", scope_value=str(used.search.pk))
    budget(used, "Assistant", 20_000, scope="project", scope_value=str(used.assistant.pk))
    limit(used, "All", rpm=100)
    limit(used, "Team", rpm=100, scope="team", scope_value=str(used.search.pk))

    body = ahead("manager")

    assert [(each["name"], each["note"]) for each in body["budgets"]] == [("Assistant", BEYOND), ("Search", BEYOND)]
    assert [(each["name"], each["note"]) for each in body["capacity"]] == [("Team", WITHIN)]
    assert ahead("mallory")["budgets"] == ahead("mallory")["capacity"] == []


def test_a_developer_gets_their_own_keys_limits(ahead: Any, used: Acme) -> None:  # noqa: F811
    update_limits(key=used.keys["bob"], actor=None, rpm_limit=100, tpm_limit=None)
    limit(used, "All", rpm=100)

    (mine,) = ahead("developer")["capacity"]

    assert (mine["kind"], mine["name"], mine["limit"], mine["note"]) == ("key", used.keys["bob"].name, 100, WITHIN)


def test_limits_are_reached_when_the_peaks_grow_to_them(ahead: Any, company: Acme) -> None:
    growing(company, days=40)
    limit(company, "Close", rpm=7)
    limit(company, "Far", rpm=1_000, tpm=1_000_000)
    limit(company, "Passed", rpm=2)
    limit(company, "Trial", rpm=2, is_shadow=True)
    limit(company, "Each", scope="end_user", scope_value="*", rpm=1)

    body = ahead("owner")

    found = {(each["name"], each["unit"]): each for each in body["capacity"]}
    assert [name for name, _ in found] == ["Close", "Far", "Far", "Passed", "Trial"]
    newest = 60 / 15 + 1.736 * (60 / 15) ** 0.5  # 60 requests in the last day's busiest quarter-hour
    assert found["Passed", "requests_per_minute"]["peak"] == pytest.approx(newest)
    assert found["Passed", "requests_per_minute"]["note"] == REACHED
    assert found["Far", "requests_per_minute"]["note"] == WITHIN
    assert found["Far", "tokens_per_minute"]["peak"] == pytest.approx(newest * 150)  # tokens of one request
    assert found["Far", "requests_per_minute"]["utilization"] == pytest.approx(newest / 1_000)
    close = found["Close", "requests_per_minute"]
    assert close["note"] == REACHED
    assert [(risk["subject"], risk["severity"]) for risk in body["risks"] if risk["kind"] == "capacity"] == [
        ("Close", "high"), ("Passed", "high"), ("Trial", "medium"),
    ]  # fmt: skip


def growing(company: Acme, days: int) -> None:
    """One busy quarter-hour a day, with three requests more every second day, 60 on the last."""
    lines = []
    for back in range(days):
        count = 60 - 3 * (back // 2)
        at = midnight() - timedelta(days=back + 1) + timedelta(hours=9)
        lines += [line(company, at=at + timedelta(seconds=i), input_tokens=100, output_tokens=50) for i in range(count)]
    book_lines(*lines)
    drain_marks()


def test_peaks_are_crossed_on_the_day_by_hand() -> None:
    times = [START - timedelta(days=60 - i) for i in range(60)]
    history = History("requests", "day", "UTC", times, np.full(60, 10.0), START)
    bound = {0.8: np.array([10.0, 11.0, 12.0, 13.0])}
    found = replace(
        forecast(history.values, horizon=4, period="day", levels=(0.8,)),
        mean=np.array([9.0, 10.0, 11.0, 12.0]), upper=bound, lower={0.8: np.array([8.0, 9.0, 10.0, 11.0])},
    )  # fmt: skip

    days = [START + timedelta(days=i) for i in range(4)]
    assert reached(history, found, 12.0) == (days[3], days[2], None)
    assert reached(history, found, 20.0) == (None, None, None)


@pytest.mark.parametrize(("requests", "amount", "expected"), [(15, 15, 2.736), (60, 60, 7.472), (60, 9_000, 1120.8),
                                                            (0, 0, 0.0)])  # fmt: skip
def test_the_busiest_minute_of_a_quarter_hour(requests: float, amount: float, expected: float) -> None:
    assert busiest_minute(requests, amount) == pytest.approx(expected)


@pytest.mark.parametrize("body", ["{", "[1]", '{"horizon": 3}'])
def test_a_body_that_means_nothing_is_refused(caller: Caller, body: str) -> None:
    response = caller("owner").generic("POST", f"{URL}/analytics/predictive", body, content_type="application/json")

    assert response.status_code == 400
