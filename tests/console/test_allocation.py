"""The pages of cost allocation, as each role meets them."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from costs.models import AllocationRule, CostCenter, Statement
from costs.services import allocation, statements
from tests.console.company import Company, load_now
from tests.console.conftest import SignIn

pytestmark = pytest.mark.django_db
PAGE = "/admin/allocation/"


def show(client: Client, path: str = PAGE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def center(company: Company) -> CostCenter:
    """Of the team Product, with what it spends."""
    team = company.teams["product"]
    made = allocation.create_cost_center(
        organization=company.organization, actor=None, code="4711", name="Product", team=team,
        owner=company.people["bob"], monthly_budget=Decimal(1000),
    )  # fmt: skip
    allocation.create_rule(
        organization=company.organization, actor=None, name="Product’s own", method="direct",
        conditions=[{"dimension": "team", "op": "in", "values": [str(team.pk)]}], targets={"cost_center": str(made.pk)},
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return made


def test_an_empty_month(company: Company, sign_in: SignIn) -> None:
    text = show(sign_in("alice"))

    assert "Nothing is allocated" in text
    assert "Without rules all costs are unallocated." in text


def test_who_carries_what(busy: Company, center: CostCenter, sign_in: SignIn) -> None:
    load_now(busy, project_slug="assistant")

    text = show(sign_in("carol"))

    assert "4711 Product" in text
    assert "Product’s own" in text
    assert "Add the rule" not in text


def test_making_a_center_and_a_rule(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    month = {"center-month": f"{datetime.now(UTC):%Y-%m}"}
    client.post(PAGE, {**month, "center-code": "0815", "center-name": "Research"})
    said = {
        "rule-month": f"{datetime.now(UTC):%Y-%m}", "rule-name": "All", "rule-position": "10", "rule-method": "fixed",
        "rule-centers": "0815 99",
    }  # fmt: skip

    refused = client.post(PAGE, said)
    assert "The percentages sum to 99, not to exactly 100." in refused.content.decode()
    assert client.post(PAGE, said | {"rule-centers": "nowhere 100"}).status_code == 200
    assert client.post(PAGE, said | {"rule-centers": "0815 100%"}).status_code == 302

    rule = AllocationRule.objects.get()
    assert (rule.name, rule.position, rule.method) == ("All", 10, "fixed")
    assert client.post(f"{PAGE}rules/{rule.pk}/end/").status_code == 302
    rule.refresh_from_db()
    assert rule.valid_to is not None


def test_a_statement_is_made_locked_and_downloaded(company: Company, center: CostCenter, sign_in: SignIn) -> None:
    client = sign_in("adam")
    made = client.post(f"{PAGE}statements/", {"month": "2026-06"})
    row = Statement.objects.get()
    assert made["Location"] == f"{PAGE}statements/{row.pk}/"
    assert "Lock the month" in show(client, made["Location"])

    client.post(made["Location"])

    assert "Locked" in show(client, made["Location"])
    assert client.get(f"{made['Location']}pdf/").content[:5] == b"%PDF-"


def test_owners_see_their_centers_and_nothing_else(busy: Company, center: CostCenter, sign_in: SignIn) -> None:
    assert "No month is locked yet" in show(sign_in("bob"))
    assert "No cost centre is yours" in show(sign_in("dave"))
    load_now(busy, project_slug="assistant")
    now = datetime.now(UTC)
    row = statements.compute_statement(organization=busy.organization, month=now.date().replace(day=1), actor=None)
    Statement.objects.update(status="locked")

    text = show(sign_in("bob"))

    assert "4711 Product" in text
    assert sign_in("bob").get(f"{PAGE}statements/{row.pk}/").status_code == 404


@pytest.mark.parametrize("name", ["carol", "bob", "dave"])
def test_only_administrators_write(company: Company, center: CostCenter, sign_in: SignIn, name: str) -> None:
    rule = AllocationRule.objects.get()
    client = sign_in(name)

    answers = [
        client.post(f"{PAGE}statements/", {"month": "2026-06"}).status_code,
        client.post(f"{PAGE}rules/{rule.pk}/end/").status_code,
    ]

    assert answers == [404, 404]
    assert not Statement.objects.exists()


def test_query_count(busy: Company, center: CostCenter, sign_in: SignIn, django_assert_max_num_queries: Any) -> None:
    client = sign_in("alice")
    client.get(PAGE)
    with django_assert_max_num_queries(20):
        client.get(PAGE)
