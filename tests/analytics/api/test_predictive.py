"""What lies ahead: growth, budgets with an interval, risks; dates by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from analytics.answers.predictive import LASTS, PARTIAL, USED_UP, crossings
from analytics.forecasting import forecast
from analytics.outlook.history import History
from costs.services.budgets import create_budget
from tests.analytics.api.conftest import URL, Fits
from tests.analytics.outlook.conftest import used  # noqa: F401
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

PREDICTIVE = f"{URL}/analytics/predictive"
START = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def ahead(caller: Caller, fits: Fits) -> Any:
    return lambda role: fits(caller(role).post(PREDICTIVE, {}))


def budget(company: Acme, name: str, amount: int, **fields: Any) -> None:
    create_budget(
        organization=company.organization, actor=None, name=name, amount=Decimal(amount),
        **{"scope": "organization", "scope_value": "", "period": "year", **fields},
    )  # fmt: skip


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
    budget(used, "Tight", 20)
    budget(used, "Ample", 100_000)

    body = ahead("owner")

    growth = {each["measure"]: each for each in body["growth"]}
    assert float(growth["cost"]["total"]["mean"]) == pytest.approx(83.6, rel=0.05)  # 30 × 19.5 ÷ 7
    assert growth["cost"]["change"] == pytest.approx(0, abs=0.1)
    found = {each["name"]: each for each in body["budgets"]}
    assert (found["Ample"]["exhausts_at"], found["Ample"]["note"]) == (None, LASTS)
    tight = found["Tight"]
    year_ends = datetime.fromisoformat(tight["resets_at"])
    if year_ends - datetime.now(UTC) > timedelta(days=12):
        assert tight["earliest"] <= tight["exhausts_at"]
        expected = datetime.fromisoformat(tight["exhausts_at"]) - datetime.now(UTC)
        assert timedelta(days=5) < expected < timedelta(days=10)  # 20 at about 2.8 a day
        assert body["risks"][0]["subject"] == "Tight"
    assert body["capacity"] is None
    assert "capacity_not_available" in {note["code"] for note in body["notes"]}


def test_an_empty_budget_is_used_up(ahead: Any, used: Acme) -> None:  # noqa: F811
    budget(used, "Nothing", 0)

    body = ahead("owner")

    assert body["budgets"][0]["note"] == USED_UP
    assert [risk["severity"] for risk in body["risks"]] == ["high"]


def test_who_sees_a_part_gets_no_date_of_the_whole(ahead: Any, used: Acme) -> None:  # noqa: F811
    budget(used, "Whole", 20)
    budget(used, "Search", 20, scope="team", scope_value=str(used.search.pk))

    found = {each["name"]: each["note"] for each in ahead("manager")["budgets"]}

    assert found.get("Whole", PARTIAL) == PARTIAL
    assert found["Search"] != PARTIAL
    assert ahead("mallory")["budgets"] == []
