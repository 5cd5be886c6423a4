"""Budgets in the console and its model admin: what the page says, to whom, at what cost; writing through services."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from time_machine import TimeMachineFixture

from analytics.alerts.defaults import create_defaults
from costs.budgets.loading import read_index
from costs.budgets.verify import verify_budgets
from costs.models import Budget, BudgetCounter, BudgetForecast
from costs.outlook import forecast_budgets
from costs.services.budgets import create_budget
from gateway.ledger.connect import connect
from gateway.models import AuditEvent
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn

URL = "/admin/budgets/"


def make(company: Company, **changes: Any) -> Budget:
    fields = {"name": "All", "scope": "organization", "amount": Decimal(10)} | changes
    return create_budget(organization=company.organization, actor=None, **fields)


def test_a_page_without_budgets_says_how_to_add_one(company: Company, sign_in: SignIn) -> None:
    assert reverse("admin:costs_budget_add") in sign_in("alice").get(URL).content.decode()
    assert "An administrator can add one." in sign_in("bob").get(URL).content.decode()


def test_the_page_shows_what_is_spent_held_and_left(company: Company, sign_in: SignIn) -> None:
    budget = make(company, name="Whole company")
    BudgetCounter.objects.filter(budget_id=budget.pk).update(spent=Decimal("8.5"), leased=Decimal("0.75"))
    make(company, name="Trial", is_shadow=True)
    make(company, name="Advice", enforcement="soft", scope="end_user", scope_value="*")

    text = sign_in("alice").get(URL).content.decode()

    assert "$8.50 of $10.00" in text
    assert (text.count("$0.75"), text.count("bar-warn")) == (4, 1)  # held, what remains, and binds the two others
    assert "Nothing has been spent in this period." in text
    assert [word for word in ("Hard", "Shadow", "Soft") if f">{word}</span>" in text] == ["Hard", "Shadow", "Soft"]
    assert "Each end user" in text


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scope", "value"), [("", ""), ("", "x"), ("nobody", "1"), ("team", ""), ("key", "x")])
def test_a_budget_about_nothing_breaks_no_page(company: Company, sign_in: SignIn, scope: str, value: str) -> None:
    """Only SQL writes one."""
    make(company, name="Whole company")
    odd = make(company, name="Odd", scope="model", scope_value="gpt-4o")
    Budget.objects.filter(pk=odd.pk).update(scope=scope, scope_value=value)
    load(company, [line(company, datetime.now(UTC) - timedelta(minutes=1), Random(4))])
    forecast_budgets(company.organization, list(Budget.objects.all()), datetime.now(UTC))
    client = sign_in("alice")

    text = client.get(URL).content.decode()

    assert "Odd" in text
    assert ("its scope is unknown" in text) == (scope in ("", "nobody"))
    assert client.get("/admin/costs/").status_code == 200
    assert client.get(reverse("admin:costs_budget_changelist")).status_code == 200
    with connect() as connection:
        assert read_index(connection) is not None
        assert {check.name for check in verify_budgets(connection) if check.problems} == set()


def test_marks_are_the_thresholds_that_are_told_of(company: Company, sign_in: SignIn) -> None:
    make(company, name="Own", alert_thresholds=[{"percent": 50, "basis": "actual"}])
    make(company, name="Default", scope="team", scope_value=str(company.teams["support"].pk))

    text = sign_in("alice").get(URL).content.decode()

    marks = re.findall(r'class="meter-mark" style="left:([\d.]+)%"', text)
    assert sorted(float(mark) for mark in marks) == [50.0, 80.0, 100.0]


def test_a_used_up_budget_is_marked(company: Company, sign_in: SignIn) -> None:
    budget = make(company)
    BudgetCounter.objects.filter(budget_id=budget.pk).update(spent=Decimal("12"))

    text = sign_in("alice").get(URL).content.decode()

    assert ("bar-bad" in text, "It is used up." in text, "-$2.00" in text or "−$2.00" in text) == (True, True, True)


def test_people_see_the_budgets_that_are_theirs(company: Company, sign_in: SignIn) -> None:
    make(company, name="Whole company")
    make(company, name="Support only", scope="team", scope_value=str(company.teams["support"].pk))
    make(company, name="Of Bob", scope="user", scope_value=str(company.people["bob"].pk))
    names = ("Whole company", "Support only", "Of Bob")

    seen = {
        person: [name for name in names if name in sign_in(person).get(URL).content.decode()]
        for person in ("alice", "carol", "dave", "bob")
    }

    assert seen == {"alice": [*names], "carol": [*names], "dave": ["Support only"], "bob": ["Of Bob"]}


def test_the_page_costs_the_same_for_many(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        team = list(company.teams.values())[number % 3]
        make(company, name=str(number), scope="team", scope_value=str(team.pk), rolls_over=number % 2 == 0)
    alice = sign_in("alice")

    with django_assert_max_num_queries(20):
        assert "Team Support" in alice.get(URL).content.decode()


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Monthly", "amount": "50", "scope": "organization", "scope_value": "", "currency": "", "timezone": "",
        "period": "month", "enforcement": "hard", "alert_thresholds": "[]", **changes,
    }  # fmt: skip


def test_model_admin_makes_changes_and_ends_through_services(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    own = {"organization": str(company.organization.pk)}

    alice.post(reverse("admin:costs_budget_add"), form(**own))
    budget = Budget.objects.get()
    change = reverse("admin:costs_budget_change", args=[budget.pk])
    alice.post(change, form(amount="75"))
    alice.post(reverse("admin:costs_budget_changelist"), {"action": "archive", "_selected_action": [str(budget.pk)]})

    budget.refresh_from_db()
    assert (budget.amount, budget.currency, budget.archived_at is None) == (75, "USD", False)
    verbs = AuditEvent.objects.filter(verb__startswith="budget.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["budget.create", "budget.update", "budget.archive"]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("80, 100 forecast", [{"percent": 80.0, "basis": "actual"}, {"percent": 100.0, "basis": "forecast"}]),
        ("50 %; 99.5 % actual", [{"percent": 50.0, "basis": "actual"}, {"percent": 99.5, "basis": "actual"}]),
        ("", []),
    ],
)
def test_thresholds_are_written_as_people_do(
    company: Company, sign_in: SignIn, text: str, stored: list[dict[str, Any]]
) -> None:
    own = {"organization": str(company.organization.pk)}

    sign_in("alice").post(reverse("admin:costs_budget_add"), form(**own, alert_thresholds=text))

    budget = Budget.objects.get()
    assert budget.alert_thresholds == stored
    page = sign_in("alice").get(reverse("admin:costs_budget_change", args=[budget.pk])).content.decode()
    written = {"80, 100 forecast": "80, 100 forecast", "50 %; 99.5 % actual": "50, 99.5", "": ""}[text]
    assert (f'value="{written}"' in page) == bool(written)


@pytest.mark.parametrize("text", ["eighty", "0", "1001", "80 maybe"])
def test_thresholds_that_make_no_sense_are_refused(company: Company, sign_in: SignIn, text: str) -> None:
    own = {"organization": str(company.organization.pk)}

    answer = sign_in("alice").post(reverse("admin:costs_budget_add"), form(**own, alert_thresholds=text))

    assert "is no threshold; write 80, or 100 forecast." in answer.content.decode()
    assert Budget.objects.count() == 0


def test_the_page_shows_forecast_interval_thresholds_and_what_binds(
    company: Company, sign_in: SignIn, time_machine: TimeMachineFixture
) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    time_machine.move_to(now, tick=False)
    whole = make(company, name="Whole company", amount=Decimal(90), timezone_name="UTC")
    team = make(
        company, name="Support", scope="team", scope_value=str(company.teams["support"].pk), amount=Decimal(100),
        alert_thresholds=[{"percent": 80, "basis": "actual"}, {"percent": 120, "basis": "forecast"}],
        timezone_name="UTC",
    )  # fmt: skip
    BudgetForecast.objects.create(
        budget=team, grain="day", origin_at=now.replace(hour=0), mean=[4.0] * 16, half_width=8.0, made_at=now
    )
    BudgetCounter.objects.filter(budget_id=team.pk).update(spent=Decimal(80))
    BudgetCounter.objects.filter(budget_id=whole.pk).update(spent=Decimal(85))

    text = sign_in("alice").get(URL).content.decode()

    assert "$122.00 expected ($115.52 to $128.48)" in text
    assert "2026-11-24 to 2026-11-26" in text
    assert (text.count('class="meter-mark" style="left:80.00%"'), text.count("meter-mark")) == (2, 3)
    assert "under Whole company" in text
    assert "Whole company binds: $5.00 left" in text
    assert "The team budget under Whole company is 100.00 USD, more than its 90.00." in text
    assert "No alert rule watches the thresholds of budgets." in text
    create_defaults(organization=company.organization, actor=None)
    assert "No alert rule watches" not in sign_in("alice").get(URL).content.decode()


def test_of_many_budgets_above_the_nearest_are_named(company: Company, sign_in: SignIn) -> None:
    for number in range(6):
        make(company, name=f"Company {number}", amount=Decimal(100 + number))
    make(company, name="Support", scope="team", scope_value=str(company.teams["support"].pk))

    text = sign_in("alice").get(URL).content.decode()

    assert "under Company 0 › Company 1 › Company 2 and 3 more" in text


def test_model_admin_names_what_a_budget_is_about(company: Company, sign_in: SignIn) -> None:
    budgets = {
        "Support": make(company, scope="team", scope_value=str(company.teams["support"].pk), amount=Decimal("1040")),
        "each end user": make(company, scope="end_user", scope_value="*"),
        "Acme Robotics": make(company),
    }

    for name, budget in budgets.items():
        page = sign_in("alice").get(reverse("admin:costs_budget_change", args=[budget.pk])).content.decode()
        assert f'<div class="readonly">{name}</div>' in page
        assert budget.scope == "organization" or budget.scope_value not in page or budget.scope_value == "*"
    assert 'value="1040"' in sign_in("alice").get(
        reverse("admin:costs_budget_change", args=[budgets["Support"].pk])
    ).content.decode()  # fmt: skip
    assert "$1,040.00" in sign_in("alice").get(reverse("admin:costs_budget_changelist")).content.decode()


def test_model_admin_says_why_a_budget_cannot_be(company: Company, sign_in: SignIn) -> None:
    fields = form(organization=str(company.organization.pk), scope="team", scope_value="nonsense")

    answer = sign_in("alice").post(reverse("admin:costs_budget_add"), fields, follow=True)

    assert "Give the id of a team, or *." in answer.content.decode()
    assert Budget.objects.count() == 0


def test_only_administrators_write_in_model_admin(company: Company, sign_in: SignIn) -> None:
    budget = make(company, scope="team", scope_value=str(company.teams["support"].pk))

    assert sign_in("dave").get(reverse("admin:costs_budget_add")).status_code == 403
    assert sign_in("dave").post(
        reverse("admin:costs_budget_change", args=[budget.pk]), form(amount="1")
    ).status_code == 403  # fmt: skip
    assert sign_in("dave").get(reverse("admin:costs_budget_changelist")).status_code == 200
