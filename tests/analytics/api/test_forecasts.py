"""The endpoint of forecasts, and the forecast in the answer about cost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics.outlook import runs
from costs.services.prices import set_price_override
from tests.analytics.api.conftest import URL, Fits
from tests.analytics.outlook.conftest import midnight, used  # noqa: F401
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

FORECAST = f"{URL}/analytics/forecast"


@pytest.fixture
def expect(caller: Caller, fits: Fits) -> Any:
    """`expect("owner", metric=…)` → JSON that fits the document."""
    return lambda role, path=FORECAST, **fields: fits(caller(role).post(path, fields))


def test_days_of_cost_by_default(expect: Any, used: Acme) -> None:  # noqa: F811
    body = expect("owner")

    assert (body["metric"], body["granularity"], body["horizon"], len(body["points"])) == ("cost", "day", 30, 30)
    assert body["points"][0]["time"] == midnight().isoformat().replace("+00:00", "Z")
    assert [each["level"] for each in body["points"][0]["intervals"]] == [0.5, 0.8, 0.95]
    for i, point in enumerate(body["points"][:14]):
        usual = 4.5 if (midnight() + timedelta(days=i)).weekday() == 0 else 2.5
        assert float(point["mean"]) == pytest.approx(usual, abs=0.4)
        lower, upper = (float(point["intervals"][2][name]) for name in ("lower", "upper"))
        assert 0 <= lower <= float(point["mean"]) <= upper
    assert body["candidates"][0]["method"] == body["method"]
    assert body["history"]["points"] == 60
    assert body["backtest"]["origins"] == 5
    assert body["seasonality"][0]["strength"] > 0.9
    assert (body["past_runs"], body["parts"]) == ([], [])


def test_levels_horizon_and_measure_are_asked_for(expect: Any, used: Acme) -> None:  # noqa: F811
    body = expect("owner", metric="requests", granularity="hour", horizon=5, confidence_level=90)

    assert len(body["points"]) == 5
    assert [each["level"] for each in body["total"]["intervals"]] == [0.9]
    assert isinstance(body["points"][0]["mean"], float)


def test_a_measure_that_does_not_add_up_has_no_total(expect: Any, used: Acme) -> None:  # noqa: F811
    body = expect("owner", metric="latency_p95", horizon=3)

    assert body["total"] is None
    assert float(body["points"][0]["mean"]) == pytest.approx(800, rel=0.02)
    assert "no_total" in {note["code"] for note in body["notes"]}


def test_people_get_the_future_of_what_they_see(expect: Any, used: Acme) -> None:  # noqa: F811
    first = {role: float(expect(role, horizon=7)["total"]["mean"]) for role in ("owner", "manager", "developer")}

    assert first["owner"] == pytest.approx(19.5, abs=0.8)  # 6 × 2.5 + 4.5
    assert first["manager"] == pytest.approx(16, abs=0.8)
    assert first["developer"] == pytest.approx(16, abs=0.8)
    nothing = expect("mallory")
    assert (nothing["method"], nothing["points"], nothing["total"]) == (None, [], None)
    assert [note["code"] for note in nothing["notes"]] == ["no_history"]


def test_stored_runs_and_parts_are_told(expect: Any, used: Acme) -> None:  # noqa: F811
    runs.forecast_all()

    body = expect("owner")
    manager = expect("manager")

    assert [run["scored_steps"] for run in body["past_runs"]] == [0]
    teams = {part["name"]: float(part["total"]["mean"]) for part in body["parts"] if part["level"] == "team"}
    assert set(teams) == {"search", "ads"}
    projects = [float(part["total"]["mean"]) for part in body["parts"] if part["level"] == "project"]
    assert sum(projects) == pytest.approx(sum(teams.values()), abs=1e-8)
    assert manager["past_runs"] == []
    assert {part["name"] for part in manager["parts"]} == {"search", "assistant"}
    assert expect("owner", filters=[{"dimension": "model", "value": "gpt-4o"}])["parts"] == []


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"metric": "luck"}, "unknown_measure", "measures"),
        ({"horizon": 1000}, "horizon_out_of_range", "horizon"),
        ({"timezone": "Mars/Base"}, "unknown_timezone", "timezone"),
    ],
)
def test_senseless_questions(caller: Caller, used: Acme, fields: dict[str, Any], code: str, field: str) -> None:  # noqa: F811
    response = caller("owner").post(FORECAST, fields)

    assert (response.status_code, response.json()["code"]) == (400, code)


@pytest.mark.parametrize("fields", [{"confidence_levels": [0.0]}, {"granularity": "minute"}, {"horizon": 0}, {"x": 1}])
def test_malformed_questions(caller: Caller, used: Acme, fields: dict[str, Any]) -> None:  # noqa: F811
    assert caller("owner").post(FORECAST, fields).status_code == 400


def test_queries(caller: Caller, used: Acme, django_assert_num_queries: DjangoAssertNumQueries) -> None:  # noqa: F811
    runs.forecast_all()
    client = caller("owner")
    client.post(FORECAST, {})

    with django_assert_num_queries(9):  # session and member: 3; scope, prices, stored runs, parts, names of two levels
        client.post(FORECAST, {})


def test_the_answer_about_cost_has_the_next_thirty_days(caller: Caller, fits: Fits, used: Acme) -> None:  # noqa: F811
    window = {"start": (midnight() - timedelta(days=7)).isoformat(), "end": midnight().isoformat()}

    body = fits(caller("owner").post(f"{URL}/admin/analytics/cost", {**window, "include_forecast": True}))
    without = fits(caller("owner").post(f"{URL}/admin/analytics/cost", window))

    assert len(body["forecast"]) == 30
    assert body["forecast"][0]["time"] == midnight().isoformat().replace("+00:00", "Z")
    assert {each["level"] for each in body["forecast"][0]["intervals"]} == {0.5, 0.8, 0.95}
    assert without["forecast"] is None


# ---- the headline and its parts --------------------------------------------------------------------------------------
def summed(body: Any, level: str) -> Decimal:
    return sum((Decimal(part["total"]["mean"]) for part in body["parts"] if part["level"] == level), Decimal(0))


@pytest.mark.slow
@pytest.mark.parametrize("changes", [False, True])
def test_parts_add_up_to_the_headline_to_the_last_digit(expect: Any, used: Acme, changes: bool) -> None:  # noqa: F811
    if changes:
        set_price_override(
            organization=used.organization, provider="openai", model="gpt-4o", actor=None,
            discount_percent=Decimal("33.3"), valid_from=midnight() + timedelta(days=10, hours=7),
        )  # fmt: skip
    runs.forecast_all()

    body, manager = expect("owner"), expect("manager")

    assert Decimal(body["total"]["mean"]) == summed(body, "team") == summed(body, "project")
    assert len([part for part in body["parts"] if part["level"] == "team"]) == 2
    assert sum(float(point["mean"]) for point in body["points"]) == pytest.approx(float(body["total"]["mean"]))
    lower, upper = (Decimal(body["total"]["intervals"][1][name]) for name in ("lower", "upper"))
    assert lower <= Decimal(body["total"]["mean"]) <= upper
    assert any("known to change" in note["message"] for note in body["notes"]) == changes
    ahead = expect_growth(expect, "owner")
    assert ahead == body["total"]["mean"]
    assert summed(manager, "team") == summed(manager, "project")


def expect_growth(expect: Any, role: str) -> str:
    body = expect(role, path=f"{URL}/analytics/predictive")
    return next(each["total"]["mean"] for each in body["growth"] if each["measure"] == "cost")


def test_another_horizon_has_no_parts(expect: Any, used: Acme) -> None:  # noqa: F811
    runs.forecast_all()

    assert expect("owner", horizon=7)["parts"] == []
