"""Costs, its Explorer and Efficiency: figures, queries, what each person sees, states without data."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from time_machine import TimeMachineFixture

from analytics.answers.questions import Questions
from analytics.console.periods import read_period
from analytics.console.usage.state import State
from analytics.rollups.marks import drain_marks
from costs.analysis import now
from costs.console import home
from costs.models import Budget, BudgetForecast, SavingsSearch, UnitMetric, UnitValue
from costs.outlook import forecast_budgets
from costs.services import units
from costs.services.budgets import create_budget
from costs.usage import usage_of
from tests.console.company import UNPRICED, Company, line, load, load_now
from tests.console.conftest import SignIn
from tests.factories import recommendation

HOME, EXPLORER, EFFICIENCY = "/admin/costs/", "/admin/costs/explorer/", "/admin/costs/efficiency/"
MONTH = "/admin/costs/month/"
PAGES = (HOME, EXPLORER, EFFICIENCY)


def page(client: Client, path: str, **query: Any) -> str:
    response = client.get(path, query)
    assert response.status_code == 200, response.content[:500]
    return response.content.decode()


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", ["alice", "adam", "carol", "dave", "bob", "root"])
def test_everybody_opens_the_pages(busy: Company, sign_in: SignIn, path: str, name: str) -> None:
    html = page(sign_in(name), path)

    assert "could not be read" not in html


@pytest.mark.parametrize("path", PAGES)
def test_without_any_request_the_pages_say_so(company: Company, sign_in: SignIn, path: str) -> None:
    html = page(sign_in("alice"), path)

    assert "could not be read" not in html
    assert "Nothing was spent this month or last" in html if path == HOME else "No requests in the last 30 days" in html


def test_the_home_says_where_the_month_leads(busy: Company, sign_in: SignIn) -> None:
    load_now(busy, **UNPRICED)

    words = text(page(sign_in("alice"), HOME))

    for expected in (
        "Month to date", "Projected month", "Last month", "Unallocated", "Savings found", "Saved by cache",
        "What changed most", "Why it changed", "Budgets at risk", "The month is expected to cost",
        "have no known price",
    ):  # fmt: skip
        assert expected in words


def test_the_home_says_that_every_request_has_a_price(company: Company, sign_in: SignIn) -> None:
    load(company, [line(company, datetime.now(UTC) - timedelta(minutes=1), Random(4))])
    drain_marks()

    html = page(sign_in("alice"), HOME)

    assert "every request of the month has a known price" in text(html)
    assert "status=unpriced" not in html


def test_the_home_page_asks_for_the_month_by_itself(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    card, costs = text(page(client, MONTH, organization="acme")), text(page(client, HOME, organization="acme"))

    assert f'hx-get="{MONTH}?organization=acme"' in page(client, "/admin/")
    for label in ("Month to date", "Projected month", "Last month", "Savings found"):
        assert card.split(label)[1].split()[0] == costs.split(label)[1].split()[0]
    assert "Savings found" not in text(page(sign_in("bob"), MONTH))
    assert sign_in("mallory").get(MONTH, {"organization": "acme"}).status_code == 404


def test_the_month_card_says_what_the_open_recommendations_save(busy: Company, sign_in: SignIn) -> None:
    """Half of the joint saving of 30 days is open: half of it, and of its interval."""
    SavingsSearch.objects.create(
        organization=busy.organization, searched_at=datetime.now(UTC), start=datetime.now(UTC) - timedelta(days=30),
        end=datetime.now(UTC), currency="USD", spend=Decimal(1000), joint_saving=Decimal(100),
        interval={"level": "0.9", "lower": "80", "upper": "130"},
    )  # fmt: skip
    recommendation(busy.organization, joint_saving=Decimal(50))

    words = text(page(sign_in("alice"), MONTH))

    assert "Savings found $50.00 90 % likely $40.00 to $65.00 a month" in words


def test_a_months_budget_expects_what_the_month_does(busy: Company) -> None:
    """The same part of today is still to come, and the same days after it."""
    at = datetime(2026, 3, 12, 9, 40, tzinfo=UTC)
    rng = Random(4)
    load(busy, [line(busy, at - timedelta(hours=hours), rng) for hours in range(1, 24 * 40, 5)])
    drain_marks()
    budget = Budget.objects.create(
        organization=busy.organization, name="Whole", scope="organization", amount=Decimal(100),
        currency=busy.organization.currency, period="month", timezone=busy.organization.reporting_timezone,
        tracked_from=at,
    )  # fmt: skip
    forecast_budgets(busy.organization, [budget], at)

    questions = Questions(busy.people["alice"], busy.organization)
    running = now.running_now(questions, at, busy.organization.reporting_timezone)
    month = now.projections(questions, running).month
    (usage,) = usage_of([budget], at)

    assert month is not None
    assert usage.first.outlook is not None
    assert usage.first.outlook.expected == month.mean - running.month_to_date + usage.first.spent


def test_home_costs_and_budgets_say_one_number_of_the_month(
    busy: Company, sign_in: SignIn, time_machine: TimeMachineFixture
) -> None:
    """The stored forecast of the company's budget is an hour old: what is forecast afresh differs from it."""
    time_machine.move_to(datetime.now(UTC), tick=False)
    budget = create_budget(
        organization=busy.organization, actor=None, name="Whole", scope="organization", amount=Decimal(100),
        timezone=busy.organization.reporting_timezone,
    )  # fmt: skip
    forecast_budgets(busy.organization, [budget], datetime.now(UTC))
    client = sign_in("alice")
    fresh = text(page(client, MONTH)).split("Projected month")[1].split()[0]

    row = BudgetForecast.objects.get()
    row.mean = [mean + 1 for mean in row.mean]
    row.save()

    told = text(page(client, "/admin/budgets/")).split(" of $100.00")[1]
    expected, lower, upper = re.findall(r"\$[\d.,]+\d", told)[:3]
    assert expected != fresh
    for path in (MONTH, HOME):
        words = text(page(client, path)).split("Projected month")[1]
        assert words.split()[0] == expected
        assert f"80 % likely {lower} to {upper}" in words
    assert f"The month is expected to cost {expected}" in text(page(client, HOME))
    assert text(page(sign_in("bob"), MONTH)).split("Projected month")[1].split()[0] != expected


def test_a_month_that_has_just_begun_still_shows_what_was_spent_before(busy: Company) -> None:
    """Nothing is spent yet, and nothing was by this time of the month before."""
    at = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=1)
    period = read_period({"range": "90d"}, at, busy.organization.reporting_timezone)
    state = State(period, busy.organization.slug, measure="cost", by="team")

    content = home._content(Questions(busy.people["alice"], busy.organization), state, at, is_reader=True)

    assert "is_empty" not in content
    assert content["why"].drivers


@pytest.mark.parametrize("by", ["team", "model", "project", "provider", "nonsense"])
def test_days_are_stacked_by_what_is_asked(busy: Company, sign_in: SignIn, by: str) -> None:
    html = page(sign_in("alice"), HOME, by=by)

    shown = "team" if by == "nonsense" else by
    assert f"Cost by day and {shown}" in html
    assert '"name": "Expected"' in html


@pytest.mark.parametrize(("path", "most"), [(HOME, 36), (EXPLORER, 22), (EFFICIENCY, 22)])
def test_how_many_queries(
    busy: Company, sign_in: SignIn, path: str, most: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in("alice")

    with django_assert_max_num_queries(most):
        page(client, path)


def test_the_explorer_crosses_two_dimensions(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    query = {"by": "team", "also": "model", "compare": "none"}

    html = page(client, EXPLORER, **query)
    rows = list(csv.reader(io.StringIO(client.get(f"{EXPLORER}csv/", query).content.decode())))

    assert "Team by model" in html
    assert rows[0][0] == "Team by model"
    assert rows[0][-1] == "Total"
    assert rows[-1][0] == "Total"
    for row in rows[1:]:
        assert sum(float(cell or 0) for cell in row[1:-1]) == pytest.approx(float(row[-1]))
    for column in range(1, len(rows[0])):
        assert sum(float(row[column] or 0) for row in rows[1:-1]) == pytest.approx(float(rows[-1][column]))


def test_the_explorer_shows_several_measures_in_rows(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    query = {"by": "team", "also": "model", "layout": "flat", "with": ["requests", "nonsense"], "compare": "previous"}

    rows = list(csv.reader(io.StringIO(client.get(f"{EXPLORER}csv/", query).content.decode())))

    assert rows[0] == ["Team", "Model", "Cost", "Cost before", "Change", "Requests", "Requests before", "Change"]
    assert rows[-1][:2] == ["Whole period", ""]
    assert sum(float(row[5] or 0) for row in rows[1:-1]) == pytest.approx(float(rows[-1][5]))


def test_the_explorer_shows_its_question_as_a_program(busy: Company, sign_in: SignIn) -> None:
    html = page(sign_in("alice"), EXPLORER, by="team", team="nobody", compare="week")

    assert "/api/v1/cost/report" in html
    assert "&quot;group_by&quot;: [" in html
    assert "urllib.request" in html


def test_a_filter_is_added_and_the_rest_stays(busy: Company, sign_in: SignIn) -> None:
    response = sign_in("alice").get(EXPLORER, {"by": "team", "also": "model", "with": "requests", "add": "model",
                                               "value": "gpt-4o"})  # fmt: skip

    assert response.status_code == 302
    assert "also=model" in response["Location"]
    assert "with=requests" in response["Location"]
    assert "model=gpt-4o" in response["Location"]


@pytest.fixture
def orders(busy: Company) -> UnitMetric:
    return units.create_unit_metric(organization=busy.organization, actor=None, name="Orders", unit="order")


def test_values_are_sent_as_a_file_or_typed(busy: Company, orders: UnitMetric, sign_in: SignIn) -> None:
    client = sign_in("alice")
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    url = f"{EFFICIENCY}units/{orders.pk}/"
    file = io.BytesIO(f"day,value\n{day},25\n".encode())
    file.name = "orders.csv"

    sent = client.post(url, {"file": file}, follow=True).content.decode()
    typed = client.post(url, {"lines": f"day,value\n{day},50\n"}, follow=True).content.decode()
    wrong = client.post(url, {"lines": "day,value\nyesterday,50\n"}, follow=True).content.decode()

    assert "Orders: 1 values, 1 of them new" in sent
    assert "Orders: 1 values, 1 of them new" in typed
    assert "Line 2: a day as 2026-11-28 and a number are wanted." in wrong
    assert [(value.day, value.value) for value in UnitValue.objects.all()] == [(day, 50)]
    assert "Cost per order by day" in typed


def test_a_metric_is_made_on_the_page(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    made = client.post(EFFICIENCY, {"name": "Tickets", "unit": "ticket", "dimension": "team"}, follow=True)
    again = client.post(EFFICIENCY, {"name": "Tickets", "unit": "ticket", "dimension": ""})

    assert "Tickets is there; send its values." in made.content.decode()
    assert "There is a unit metric" in again.content.decode()
    assert UnitMetric.objects.get().dimension == "team"


@pytest.mark.parametrize("name", ["carol", "dave", "bob"])
def test_others_send_no_values(busy: Company, orders: UnitMetric, sign_in: SignIn, name: str) -> None:
    client = sign_in(name)

    answered = client.post(f"{EFFICIENCY}units/{orders.pk}/", {"lines": "day,value\n2026-11-01,50\n"})
    client.post(EFFICIENCY, {"name": "Tickets", "unit": "ticket", "dimension": ""})

    assert answered.status_code == (302 if name == "carol" else 404)
    assert not UnitValue.objects.exists()
    assert UnitMetric.objects.count() == 1
