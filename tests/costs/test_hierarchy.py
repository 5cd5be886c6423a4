"""Budgets over budgets: what counts towards which, which one binds, and amounts that do not add up."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from costs.hierarchy import Standing, standings, warnings_of
from costs.models import Budget, BudgetCounter
from costs.services.budgets import create_budget
from costs.usage import usage_of
from tests.factories import Acme, acme, book_lines, line
from tests.gateway.api.conftest import Caller, caller  # noqa: F401

URL = "/api/v1/budgets"


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


def make(company: Acme, name: str, amount: str, scope: str = "organization", value: object = "", **more: Any) -> Budget:
    return create_budget(
        organization=company.organization, actor=None, name=name, scope=scope, scope_value=str(value),
        amount=Decimal(amount), **more,
    )  # fmt: skip


def spend(budget: Budget, amount: str) -> None:
    BudgetCounter.objects.filter(budget_id=budget.pk).update(spent=Decimal(amount))


def standing(company: Acme, budget: Budget, subject: str = "") -> Standing:
    now = timezone.now()
    found = standings(company.organization.pk, Budget.objects.filter(archived_at=None), usage_of([budget], now), now)
    return found[budget.pk, subject]


def names(found: Standing) -> list[str]:
    return [one.budget.name for one in found.parents]


def test_a_keys_calls_count_towards_everything_above_it(company: Acme) -> None:
    bob = company.keys["bob"]
    whole, team = make(company, "Whole", "100"), make(company, "Team", "50", "team", company.search.pk)
    make(company, "Ads", "1", "team", company.ads.pk)
    project = make(company, "Assistant", "20", "project", company.assistant.pk)
    person = make(company, "Bob", "30", "user", company.people["bob"].pk)
    make(company, "Each key", "9", "key", "*")
    make(company, "Euro", "1", currency="EUR")
    make(company, "Model", "1", "model", "gpt-4o")
    key = make(company, "Key", "10", "key", bob.pk)

    assert names(standing(company, key)) == ["Each key", "Bob", "Assistant", "Team", "Whole"]
    assert names(standing(company, project)) == ["Team", "Whole"]
    assert names(standing(company, team)) == ["Whole"]
    assert names(standing(company, person)) == ["Whole"]
    assert names(standing(company, whole)) == []
    assert [child.name for child in standing(company, team).children] == ["Assistant", "Key"]


def test_the_tightest_that_refuses_binds(company: Acme) -> None:
    whole, team = make(company, "Whole", "100"), make(company, "Team", "50", "team", company.search.pk)
    key = make(company, "Key", "10", "key", company.keys["bob"].pk)
    soft = make(company, "Soft", "1", "project", company.assistant.pk, enforcement="soft")

    first = standing(company, key).binding
    spend(team, "45")
    second = standing(company, key).binding
    spend(whole, "99")
    third = standing(company, key).binding

    assert (first, second, third) == (key, team, whole)
    assert standing(company, soft).binding == whole
    assert (
        standing(company, make(company, "Advice", "5", "model", "x", enforcement="soft", currency="EUR")).binding
        is None
    )


def test_each_has_the_budgets_over_its_own_subject(company: Acme) -> None:
    make(company, "Whole", "100")
    make(company, "Each project", "40", "project", "*")
    make(company, "Team", "50", "team", company.search.pk)
    each = make(company, "Each key", "9", "key", "*")
    book_lines(line(company, cost=Decimal(3)))
    subject = str(company.keys["bob"].pk)

    found = standing(company, each, subject)

    assert names(found) == ["Each project", "Team", "Whole"]
    project = found.parents[0]
    assert (project.usage.subject, project.usage.spent) == (str(company.assistant.pk), Decimal(3))


def test_parts_that_add_up_to_more_are_warned_of_and_not_refused(company: Acme, caller: Caller) -> None:  # noqa: F811
    whole = make(company, "Whole", "100")
    make(company, "Daily", "90", "team", company.ads.pk, period="day")  # of another period
    make(company, "Search", "60", "team", company.search.pk)
    body = {"name": "Ads", "scope": "team", "scope_value": str(company.ads.pk), "amount": "50"}
    text = "The 2 team budgets under Whole add up to 110.00 USD, more than its 100.00."

    made = caller("admin").post(URL, body)
    changed = caller("admin").patch(f"{URL}/{made.json()['id']}", {"amount": "40"})

    assert (made.status_code, made.json()["warnings"]) == (201, [text])
    assert (changed.status_code, changed.json()["warnings"]) == (200, [])
    Budget.objects.filter(name="Ads").update(amount=Decimal(50))
    usage = caller("admin").get(f"{URL}/{whole.pk}/usage").json()
    assert (usage["warnings"], [child["name"] for child in usage["children"]]) == ([text], ["Ads", "Daily", "Search"])
    assert warnings_of(company.organization.pk, Budget.objects.filter(name="Search"), whole) == []


def test_usage_names_the_parents_and_the_one_that_binds(company: Acme, caller: Caller) -> None:  # noqa: F811
    whole = make(company, "Whole", "100")
    team = make(company, "Team", "50", "team", company.search.pk)
    spend(whole, "90")

    seen = caller("admin").get(f"{URL}/{team.pk}/usage").json()["subjects"][0]
    managers = caller("manager").get(f"{URL}/{team.pk}/usage").json()["subjects"][0]

    (parent,) = seen["parents"]
    assert (parent["budget"], parent["name"], parent["remaining"]) == (str(whole.pk), "Whole", "10.0000000000")
    assert seen["binding"] == str(whole.pk)
    assert (managers["parents"], managers["binding"]) == ([], str(team.pk))  # what is out of sight stays so


def test_many_cost_no_more(company: Acme, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    make(company, "Whole", "100")
    for number in range(20):
        make(company, f"Key {number}", "1", "key", company.keys["bob"].pk)
        make(company, f"Project {number}", "1", "project", company.assistant.pk)
    shown = usage_of(Budget.objects.all(), now := timezone.now())

    with django_assert_max_num_queries(5):
        found = standings(company.organization.pk, Budget.objects.all(), shown, now)

    assert len(found) == 41
