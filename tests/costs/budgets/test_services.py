"""Making, changing and ending budgets: what is counted at once, what is refused, what the audit trail says."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from costs.budgets.verify import verify_budgets
from costs.models import Budget, BudgetCounter, UnpricedPolicy
from costs.services.budgets import archive_budget, create_budget, set_unpriced_rule, update_budget
from gateway.ledger.connect import connect
from gateway.models import AuditEvent
from gateway.services import keys
from gateway.services.errors import Conflict, Invalid
from tests import factories

NOW = datetime.now(UTC)


@pytest.fixture
def acme(db: None) -> factories.Acme:
    return factories.acme()


def make(company: factories.Acme, **changes: Any) -> Budget:
    fields = {"name": "All", "scope": "organization", "amount": Decimal(100)} | changes
    return create_budget(organization=company.organization, actor=company.people["alice"], **fields)


def spent(budget: Budget) -> dict[str, Decimal]:
    return dict(BudgetCounter.objects.filter(budget_id=budget.pk).values_list("subject", "spent"))


def test_a_period_whose_end_has_moved_is_the_same_period(acme: factories.Acme) -> None:
    budget = make(acme)
    before = BudgetCounter.objects.get(budget_id=budget.pk)
    line = {
        "b": str(budget.pk), "o": str(acme.organization.pk), "k": "", "s": before.period_start.isoformat(),
        "e": (before.period_end + timedelta(hours=1)).isoformat(), "a": "1.5", "h": "0", "n": 0,
    }  # fmt: skip

    with connection.cursor() as cursor:
        marks = json.dumps({str(before.pk): "1.5"})
        cursor.execute("SELECT costs_book('owner', %s::jsonb, %s::jsonb)", [json.dumps([line]), marks])

    after = BudgetCounter.objects.get(budget_id=budget.pk)
    assert (after.spent, after.period_end) == (Decimal("1.5"), before.period_end)


def test_a_new_budget_counts_what_the_period_has_cost(acme: factories.Acme) -> None:
    factories.book_lines(
        factories.line(acme, cost="1.5"), factories.line(acme, project=acme.banner, cost="2"),
        factories.line(acme, cost="4", at=NOW - timedelta(days=40)),
    )  # fmt: skip

    whole = make(acme)
    team = make(acme, scope="team", scope_value=str(acme.search.pk))

    assert spent(whole) == {"": Decimal("3.5")}
    assert spent(team) == {"": Decimal("1.5")}
    assert (whole.currency, team.team) == ("USD", acme.search)
    event = AuditEvent.objects.filter(verb="budget.create").latest("id")
    assert (event.object_id, event.after["amount"]) == (str(team.pk), "100")


def test_lines_that_come_later_are_added_to_the_counters(acme: factories.Acme) -> None:
    budget = make(acme)
    each = make(acme, scope="end_user", scope_value="*")

    factories.book_lines(factories.line(acme, cost="1", end_user="ann"), factories.line(acme, cost="2", end_user="ben"))
    factories.book_lines(factories.line(acme, cost="0.25", end_user="ann"))

    assert spent(budget) == {"": Decimal("3.25")}
    assert spent(each) == {"ann": Decimal("1.25"), "ben": Decimal("2")}


def test_lines_in_another_currency_and_without_a_price_are_counted_apart(acme: factories.Acme) -> None:
    budget = make(acme)

    factories.book_lines(
        factories.line(acme, cost="1", currency="EUR"), factories.line(acme, cost=None, price_status="unpriced")
    )

    counter = BudgetCounter.objects.get(budget_id=budget.pk)
    assert (counter.spent, counter.uncounted_lines) == (0, 2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Decimal(-1)}, "amount_negative"), ({"scope": "galaxy"}, "scope_unknown"),
        ({"scope": "team", "scope_value": "x"}, "scope_value"),
        ({"scope": "tag", "scope_value": "blue"}, "scope_value"),
        ({"scope": "team", "scope_value": "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17"}, "scope_value"),
        ({"scope": "end_user", "scope_value": ""}, "scope_value"), ({"currency": "dollars"}, "currency"),
        ({"timezone_name": "Mars/Olympus"}, "timezone"), ({"period": "fiscal"}, "fiscal"),
        ({"fiscal_days": 28}, "fiscal"), ({"enforcement": "soft", "is_shadow": True}, "shadow_soft"),
        ({"alert_thresholds": [{"percent": 0, "basis": "actual"}]}, "threshold"),
        ({"alert_thresholds": [{"percent": 80}]}, "threshold"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_budget_is_refused(acme: factories.Acme, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(acme, **changes)
    assert refused.value.code == code


def test_a_foreign_team_is_no_scope(acme: factories.Acme) -> None:
    foreign = factories.OrganizationFactory()

    with pytest.raises(Invalid):
        create_budget(
            organization=foreign, actor=None, name="x", scope="team", scope_value=str(acme.search.pk), amount=Decimal(1)
        )


def test_changes_are_audited_and_an_archived_budget_stays(acme: factories.Acme) -> None:
    budget = make(acme)

    update_budget(budget=budget, actor=acme.people["alice"], amount=Decimal(50))
    archive_budget(budget=budget, actor=acme.people["alice"])

    event = AuditEvent.objects.filter(verb="budget.update").get()
    assert (event.before, event.after) == ({"amount": "100.0000000000"}, {"amount": "50"})
    with pytest.raises(Conflict):
        update_budget(budget=budget, actor=None, amount=Decimal(1))


def test_a_rotated_key_shares_the_budget_of_the_old_one(acme: factories.Acme) -> None:
    issued = keys.create_key(
        organization=acme.organization, project=acme.assistant, actor=None, name="k", budget_amount=Decimal(10)
    )
    factories.book_lines(factories.line(acme, api_key=str(issued.key.pk), cost="3"))

    fresh = keys.rotate_key(key=issued.key, actor=None, overlap_s=60).key
    factories.book_lines(factories.line(acme, api_key=str(fresh.pk), cost="2"))

    assert (fresh.lineage, fresh.budget_amount) == (issued.key.pk, Decimal(10))
    assert BudgetCounter.objects.get(budget_id=issued.key.pk).spent == Decimal(5)


def test_a_key_that_gets_a_budget_later_has_spent_before(acme: factories.Acme) -> None:
    issued = keys.create_key(organization=acme.organization, project=acme.assistant, actor=None, name="k")
    factories.book_lines(factories.line(acme, api_key=str(issued.key.pk), cost="3"))

    keys.update_limits(key=issued.key, actor=None, budget_amount=Decimal(4))

    assert BudgetCounter.objects.get(budget_id=issued.key.pk).spent == Decimal(3)


def test_the_rule_for_models_without_a_price(acme: factories.Acme) -> None:
    set_unpriced_rule(organization=acme.organization, actor=None, rule="hold", team=acme.search)
    set_unpriced_rule(organization=acme.organization, actor=None, rule="allow", team=acme.search)

    assert [row.rule for row in UnpricedPolicy.objects.all()] == ["allow"]
    with pytest.raises(Invalid):
        set_unpriced_rule(organization=acme.organization, actor=None, rule="maybe")


@pytest.mark.django_db(transaction=True)
def test_verification_finds_a_counter_that_is_not_the_ledgers() -> None:
    company = factories.acme()
    budget = make(company)
    make(company, name="By model", scope="model", scope_value="*")
    factories.book_lines(factories.line(company, cost="1.5"))

    with connect() as connection:
        assert [check.problems for check in verify_budgets(connection)] == [0, 0, 0]
        BudgetCounter.objects.filter(budget_id=budget.pk).update(spent=Decimal(1), leased=Decimal(7))
        found = verify_budgets(connection)
        BudgetCounter.objects.filter(budget_id=budget.pk).delete()
        lost = verify_budgets(connection)

    assert [check.problems for check in found] == [1, 0, 1]
    assert "its lines cost 1.5" in found[0].examples[0]
    assert "in a period without a counter" in lost[0].examples[0]
