"""The Forecasts page: figures, the chart with its ribbons, why, earlier runs; who may see what."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics.answers.capacity import WITHIN
from analytics.outlook import runs
from analytics.outlook.models import ForecastRun
from costs.services.budgets import create_budget
from gateway.services.rate_limits import create_rate_limit
from tests.console.company import Company, load_days
from tests.console.conftest import SignIn
from tests.console.test_usage import figure, text_of

PAGE = "/admin/forecasts/"


@pytest.fixture
def used(company: Company) -> Company:
    load_days(company, days=40, per_day=12)
    return company


@pytest.mark.slow
def test_the_page_says_what_is_expected_and_why(used: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), "", PAGE)

    assert "expected in the next 30 days" in page
    assert "80\u202f% likely" in page
    assert "Why this forecast" in page
    assert "chosen" in page
    drawn = figure(page, "forecast")["data"]
    assert [trace["name"] for trace in drawn] == [
        *(f"{level}\u202f% {end}" for level in (95, 80, 50) for end in ("from", "to")), "Measured", "Expected",
    ]  # fmt: skip
    measured, expected = drawn[6]["y"], drawn[7]["y"]
    assert [value is None for value in measured] == [value is not None for value in expected]
    assert sum(value is not None for value in expected) == 30


def test_an_earlier_run_is_laid_over(used: Company, sign_in: SignIn) -> None:
    now = datetime.now(UTC)
    for days in (10, 0):
        runs.store(runs.make(used.organization, now - timedelta(days=days)))
    earlier = ForecastRun.objects.filter(measure="cost", grain="day", level="organization").order_by("origin_at")[0]

    page = text_of(sign_in("alice"), f"run={earlier.pk}", PAGE)

    drawn = figure(page, "forecast")["data"][-1]
    assert drawn["name"] == "Expected then"
    assert sum(value is not None for value in drawn["y"]) == 30
    assert "10 of 30" in page
    assert "By team and project" in page


def test_the_csv_has_every_step(used: Company, sign_in: SignIn) -> None:
    response = sign_in("alice").get(f"{PAGE}data.csv?measure=requests&grain=hour&horizon=24")

    rows = list(csv.reader(io.StringIO(response.content.decode())))
    assert rows[0][:3] == ["Hour (UTC)", "Requests", "50 % from"]
    assert len(rows) == 25
    assert all(float(row[4]) <= float(row[1]) <= float(row[7]) for row in rows[1:])


@pytest.mark.parametrize("measure", ["total_tokens", "error_rate", "latency_p95"])
@pytest.mark.parametrize("grain", ["hour", "week", "month"])
def test_every_measure_and_grain_is_drawn(used: Company, sign_in: SignIn, measure: str, grain: str) -> None:
    page = text_of(sign_in("alice"), f"measure={measure}&grain={grain}", PAGE)

    assert 'id="fig-forecast"' in page


def test_nothing_to_forecast_says_what_to_do(company: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), "", PAGE)

    assert "Nothing to forecast from yet" in page


def test_senseless_addresses_show_the_usual(used: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), "measure=luck&grain=era&horizon=99999&team=x&run=y", PAGE)

    assert "Cost, the next 30 days" in page


def test_who_sees_nothing_gets_nothing(used: Company, sign_in: SignIn) -> None:
    runs.forecast_all()

    page = text_of(sign_in("mallory"), "organization=acme", PAGE)

    assert "expected in the next" not in page


def test_queries(used: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    runs.forecast_all()
    client = sign_in("alice")
    client.get(PAGE)

    with django_assert_max_num_queries(14):
        client.get(PAGE)


# ---- what lies ahead -------------------------------------------------------------------------------------------------
AHEAD = "/admin/forecasts/ahead/"


def test_what_lies_ahead_is_asked_for_after_the_page(used: Company, sign_in: SignIn) -> None:
    assert f'hx-get="{AHEAD}"' in text_of(sign_in("alice"), "", PAGE)


def test_growth_budgets_and_limits_are_told(used: Company, sign_in: SignIn) -> None:
    create_budget(organization=used.organization, actor=None, name="Spent", scope="organization", amount=Decimal(0))
    create_rate_limit(organization=used.organization, actor=None, name="Wide", scope="organization", rpm=10_000)

    page = text_of(sign_in("alice"), "", AHEAD)

    assert "Spent is used up." in page
    assert "Tokens" in page
    assert "Wide" in page
    assert "of 10\u202fk" in page
    assert WITHIN in page


def test_nothing_ahead_says_so(company: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), "", AHEAD)

    assert "Nothing that needs attention is expected." in page
    assert "No budget that you see" in page
    assert "No limit a minute that you see" in page


def test_nobody_else_sees_what_lies_ahead(used: Company, sign_in: SignIn) -> None:
    create_rate_limit(organization=used.organization, actor=None, name="Wide", scope="organization", rpm=10_000)

    assert "Wide" not in text_of(sign_in("bob"), "", AHEAD)
    assert "Wide" not in text_of(sign_in("mallory"), "", AHEAD)
