"""Showback pages: a team's month for everybody of the team, and for nobody else but those who see all of them."""

import html
import random
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from costs.models import ExchangeRate
from costs.services import allocation, budgets, statements
from gateway.models import Membership, Organization
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn
from tests.factories import recommendation

pytestmark = pytest.mark.django_db
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def show(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def june(company: Company) -> Company:
    """Support spent 30 in June and 20 in May, 4 of June's by a model that no rule knows, and 5 euro; Product spent 50,
    half of which Support's cost centre carries."""
    rng = random.Random(1)

    def spend(project: str, at: datetime, cost: str, **more: Any) -> dict[str, Any]:
        amount = Decimal(cost)
        return line(company, at, rng, project_slug=project, **{"model_served": "gpt-4o", "charges": []} | more,
                    cost=amount, list_cost=amount)  # fmt: skip

    at = JUNE + timedelta(days=3)
    load(company, [
        spend("triage", at, "26"), spend("triage", at, "4", model_served="gpt-4o-mini"),
        spend("triage", at, "5", currency="EUR"), spend("triage", JUNE - timedelta(days=3), "20"),
        spend("search", at, "50"),
    ])  # fmt: skip
    team = company.teams["support"]
    center, other = (
        allocation.create_cost_center(organization=company.organization, actor=None, code=code, name=code, team=of)
        for code, of in (("4200", team), ("4300", company.teams["product"]))
    )
    fields: dict[str, Any] = {"organization": company.organization, "actor": None, "valid_from": JUNE}
    allocation.create_rule(
        **fields, name="Triage pays for itself", method="direct", targets={"cost_center": str(center.pk)}, position=1,
        conditions=[{"dimension": "model", "op": "in", "values": ["gpt-4o"]},
                    {"dimension": "team", "op": "in", "values": [str(team.pk)]}],
    )  # fmt: skip
    allocation.create_rule(
        **fields, name="Search for both", method="even", targets={"cost_centers": [str(center.pk), str(other.pk)]},
        conditions=[{"dimension": "team", "op": "in", "values": [str(company.teams["product"].pk)]}], position=2,
    )  # fmt: skip
    budgets.create_budget(
        organization=company.organization, actor=None, name="Support's month", scope="team",
        scope_value=str(team.pk), amount=Decimal(400),
    )  # fmt: skip
    recommendation(company.organization, team=team, title="Mark what Support's prompts share")
    recommendation(company.organization, team=company.teams["product"], title="Product's own")
    return company


def page(company: Company, team: str = "support", month: str = "2026-06") -> str:
    return f"/admin/showback/{company.teams[team].pk}/?month={month}"


def test_a_teams_month(june: Company, sign_in: SignIn) -> None:
    text = show(sign_in("carol"), page(june))

    # 30 against 20; charged 26 and half of 50; 4 of 30 are unallocated
    for words in (
        "Spent $30.00 50 % more than the month before", "Charged $51.00", "Unallocated $4.00", "13.3 %",
        "4200 4200 Triage pays for itself: $26.00 Search for both: $25.00 $51.00 $0.00 $51.00",
        "Ticket triage $30.00 $20.00 2", "gpt-4o $26.00 $20.00 1", "gpt-4o-mini $4.00 — 1", "Support's month",
        "$0.00 of $400.00", "Mark what Support's prompts share $90.00",
        "5.00 EUR were spent too; that is in no figure here.",
    ):  # fmt: skip
        assert words in unescaped(text)
    assert "Product's own" not in unescaped(text)


def unescaped(text: str) -> str:
    return html.unescape(text).replace("\u202f", " ")


def test_other_money_is_converted_by_the_days_rate_beside_the_sums(june: Company, sign_in: SignIn) -> None:
    ExchangeRate.objects.create(
        organization=None, base="EUR", quote="USD", source="Bank", rate=Decimal("1.2"), valid_from=JUNE.date()
    )

    text = show(sign_in("carol"), page(june))

    assert "5.00 EUR were spent too, 6.00 USD by the rates of the days; that is in no figure here." in text
    assert "Spent $30.00" in text


def test_a_locked_month_is_what_its_statement_says(june: Company, sign_in: SignIn) -> None:
    row = statements.compute_statement(organization=june.organization, month=JUNE.date(), actor=None)
    statements.lock_statement(statement=row, actor=None)
    load(june, [line(june, JUNE + timedelta(days=9), random.Random(2), project_slug="triage", model_served="gpt-4o",
                     charges=[], cost=Decimal(10), list_cost=Decimal(10))])  # fmt: skip

    text = show(sign_in("dave"), page(june))

    assert "Charged $51.00 by the locked statement" in text
    assert "Spent $40.00" in text


@pytest.mark.parametrize("name", ["alice", "adam", "carol", "root"])
def test_who_sees_the_organization_sees_every_team(june: Company, sign_in: SignIn, name: str) -> None:
    client = sign_in(name)

    assert "Engineering Product Support" in show(client, "/admin/showback/?organization=acme")
    assert "Spent $50.00" in show(client, f"{page(june, 'product')}&organization=acme")


@pytest.mark.parametrize("name", ["dave", "bob"])
def test_everybody_of_a_team_sees_that_team_alone(june: Company, sign_in: SignIn, name: str) -> None:
    Membership.objects.filter(user=june.people[name]).update(team=june.teams["support"])
    client = sign_in(name)

    home = client.get("/admin/showback/")
    assert home["Location"] == f"/admin/showback/{june.teams['support'].pk}/"
    assert "Spent $30.00" in show(client, page(june))
    assert client.get(page(june, "product")).status_code == 404


def test_who_is_in_no_team_sees_none_and_neither_do_others(june: Company, sign_in: SignIn) -> None:
    assert "You are in no team" in show(sign_in("bob"), "/admin/showback/")
    assert sign_in("bob").get(page(june)).status_code == 404
    other = Organization.objects.create(slug="globex", name="Globex")
    Membership.objects.create(organization=other, user=june.people["mallory"], role="owner")
    assert sign_in("mallory").get(page(june)).status_code == 404


def test_a_developer_sees_what_could_be_saved_without_a_way_in(june: Company, sign_in: SignIn) -> None:
    Membership.objects.filter(user=june.people["bob"]).update(team=june.teams["support"])

    assert "/admin/recommendations/" not in sign_in("bob").get(page(june)).content.decode()
    assert "/admin/recommendations/" in sign_in("dave").get(page(june)).content.decode()


def test_it_is_found_from_allocation_and_from_the_team(june: Company, sign_in: SignIn) -> None:
    client, team = sign_in("alice"), june.teams["support"]

    assert 'href="/admin/showback/"' in client.get("/admin/allocation/").content.decode()
    assert f'href="/admin/showback/{team.pk}/"' in client.get(f"/admin/gateway/team/{team.pk}/change/").content.decode()


def test_query_count(june: Company, sign_in: SignIn, django_assert_num_queries: Any) -> None:
    client = sign_in("carol")
    client.get(page(june))
    with django_assert_num_queries(24):
        client.get(page(june))
