"""Budgets under real load: many clients, several processes, one database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from http.client import HTTPException

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


def test_money_that_a_running_call_holds_is_asked_for_again(cluster: Cluster) -> None:
    organization = cluster.organization("reserved")
    project = cluster.project(organization)
    cluster.model(cluster.provider("reserved"), "sim-paced-40x150")  # 6 s, three times as long as a call waits
    cluster.price("sim-paced-40x150", request="0.06", input="0", output="0")
    budget = cluster.budget(organization, "0.10")
    secret, _ = cluster.key(organization, project)
    cluster.wait_until_current()
    first, second = cluster.at(cluster.ports[0]), cluster.at(cluster.ports[1])

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first.chat, secret, "sim-paced-40x150", stream=True, max_tokens=40)
        cluster.wait_for(lambda: cluster.simulator.stats()["in_flight"] == 1, timeout_s=30)
        early = second.chat(secret, "sim-paced-40x150", max_tokens=40)

    assert (early.status, early.error_code, early.headers["retry-after"]) == (429, "budget_reserved", "1")
    assert early.headers["x-gateway-budget"] == budget
    assert b"[DONE]" in running.result().body
    cluster.wait_for(lambda: cluster.counter(budget)["spent"] == Decimal("0.06"), timeout_s=30)
    late = second.chat(secret, "sim-paced-40x150", max_tokens=40)
    assert (late.status, late.error_code) == (402, "budget_exceeded")


def test_a_killed_process_gives_its_money_back_through_its_spool(cluster: Cluster) -> None:
    organization = cluster.organization("killed")
    project = cluster.project(organization)
    provider = cluster.provider("killed")
    cluster.model(provider, "sim-paced-40x100")
    cluster.model(provider, "sim-exact-after")
    for model in ("sim-paced-40x100", "sim-exact-after"):
        cluster.price(model, request="0.01", input="0", output="0")
    budget = cluster.budget(organization, "0.20")
    secret, _ = cluster.key(organization, project)
    cluster.wait_until_current()

    with ThreadPoolExecutor(10) as pool:
        held = [pool.submit(hold_open, cluster, secret, cluster.ports[3]) for _ in range(10)]
        cluster.wait_for(lambda: cluster.simulator.stats()["in_flight"] == 10, timeout_s=30)
        cluster.kill(3)
        assert [future.result() for future in held] == ["cut"] * 10
    cluster.wait_for(lambda: cluster.counter(budget)["leased"] == 0, timeout_s=30)
    spent = cluster.counter(budget)["spent"]
    answers = cluster.flood(30, secret, "sim-exact-after", patience_s=30, max_tokens=5)
    cluster.restart(3)

    assert spent == Decimal("0.10")  # ten interrupted attempts, at their estimate
    assert statuses(answers) == {200: 10, 402: 20}
    assert cluster.counter(budget)["spent"] <= Decimal("0.20")


def hold_open(cluster: Cluster, secret: str, port: int) -> str:
    """A slow stream through one process, until it breaks off."""
    try:
        answer = cluster.at(port).chat(secret, "sim-paced-40x100", stream=True, max_tokens=40)
    except (OSError, HTTPException):
        return "cut"
    return "cut" if b"[DONE]" not in answer.body else "whole"


def test_a_period_that_ends_under_load_begins_anew_and_is_never_overspent(before_midnight: Cluster) -> None:
    cluster = before_midnight
    organization = cluster.organization("midnight")
    project = cluster.project(organization)
    cluster.model(cluster.provider("midnight"), "sim-daily")
    cluster.price("sim-daily", request="0.01", input="0", output="0")
    start = cluster.midnight - timedelta(days=1)
    budget = cluster.budget(organization, "0.10", period="day", tracked_from=start)
    secret, _ = cluster.key(organization, project)
    cluster.wait_until_current()

    answers = []
    while cluster.seconds_to_midnight() > -4:
        answers += cluster.flood(20, secret, "sim-daily", max_tokens=5)

    assert statuses(answers)[200] == 20
    # Lines and counters are booked in one transaction: a slow writer may be waited for, a counter that lags may not.
    cluster.wait_for(lambda: cluster.ledger(organization) == (Decimal("0.20"), 20), timeout_s=120)
    days = {day["period_start"]: day["spent"] for day in cluster.counters(budget)}
    assert days == {start: Decimal("0.10"), cluster.midnight: Decimal("0.10")}


def assert_settled(cluster: Cluster, budget: str, organization: str, cost: str, served: int) -> None:
    """Soon nothing is held or leased any more, and counter and ledger agree."""

    def is_quiet() -> bool:
        counter = cluster.counter(budget)
        return (counter["leased"], counter["leases"]) == (0, 0)

    cluster.wait_for(is_quiet, timeout_s=30)
    assert cluster.counter(budget)["spent"] == Decimal(cost)
    assert cluster.ledger(organization) == (Decimal(cost), served)
