"""Budgets under real load: many clients, several processes, one database."""

from decimal import Decimal

import pytest

from tests.costs.budgets.cluster import Cluster, statuses

pytestmark = pytest.mark.slow


def test_exactly_the_calls_that_a_budget_pays_for_are_admitted(cluster: Cluster) -> None:
    organization = cluster.organization("exact")
    project = cluster.project(organization)
    cluster.model(cluster.provider("exact"), "sim-exact")
    cluster.price("sim-exact", request="0.01", input="0", output="0")
    budget = cluster.budget(organization, "0.50")
    secret, _ = cluster.key(organization, project)
    cluster.wait_until_current()

    answers = cluster.flood(200, secret, "sim-exact", max_tokens=5)

    assert statuses(answers) == {200: 50, 402: 150}
    assert {answer.error_code for answer in answers if answer.status == 402} == {"budget_exceeded"}
    assert_settled(cluster, budget, organization, "0.50", 50)


def test_holds_larger_than_costs_leave_no_money_unspent(cluster: Cluster) -> None:
    organization = cluster.organization("large-holds")
    project = cluster.project(organization)
    cluster.model(cluster.provider("large-holds"), "sim-paced-10x2")
    cluster.price("sim-paced-10x2", input="0", output="1000")
    budget = cluster.budget(organization, "0.50")  # 50 answers of 10 tokens; a hold is for 50 tokens
    secret, _ = cluster.key(organization, project)
    cluster.wait_until_current()

    answers = cluster.flood(200, secret, "sim-paced-10x2", patience_s=60, max_tokens=50, stream=True)

    assert statuses(answers) == {200: 50, 402: 150}
    assert_settled(cluster, budget, organization, "0.50", 50)


def assert_settled(cluster: Cluster, budget: str, organization: str, cost: str, served: int) -> None:
    """Soon nothing is held or leased any more, and counter and ledger agree."""

    def is_quiet() -> bool:
        counter = cluster.counter(budget)
        return (counter["leased"], counter["leases"]) == (0, 0)

    cluster.wait_for(is_quiet, timeout_s=30)
    assert cluster.counter(budget)["spent"] == Decimal(cost)
    assert cluster.ledger(organization) == (Decimal(cost), served)
