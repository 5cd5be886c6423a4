"""Budgets of every scope at once, over the end of their period, with a process that is killed half-way."""

import random
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from http.client import HTTPException
from typing import Any

import pytest

from costs.budgets.scopes import SUBJECTS
from gateway import scopes
from gateway.ledger.ids import uuid7
from tests.costs.budgets.cluster import Cluster
from tests.gateway.dataplane.stack import Answer

pytestmark = pytest.mark.slow

AMOUNTS = {
    scopes.TAG: "0.05", scopes.END_USER: "0.06", scopes.MODEL: "0.07", scopes.USER: "0.08", scopes.KEY: "0.09",
    scopes.PROJECT: "0.08", scopes.TEAM: "0.25", scopes.ORGANIZATION: "0.70",
}  # fmt: skip
CLIENTS = 60
STREAMS = 6
CUT = "cut"


@dataclass(frozen=True)
class Sort:
    """Calls that one of the budgets is the first to refuse."""

    secret: str
    model: str = "sim-varied"
    end_user: str = "ann"
    tags: str = "feature=other"


@dataclass(frozen=True)
class Setting:
    """The company: budgets by scope, what each is about, and the calls that it gets."""

    organization: str
    budgets: dict[str, str]
    values: dict[str, str]
    sorts: dict[str, Sort]


def test_no_scope_is_overspent_in_any_period(three_before_midnight: Cluster) -> None:
    cluster = three_before_midnight
    setting = _prepare(cluster)
    first_day = cluster.midnight - timedelta(days=1)
    chance = random.Random(20261129)
    answers: list[Answer] = []

    while cluster.seconds_to_midnight() > 12:
        answers += _flood(cluster, setting, chance, [name for name in setting.sorts if name != scopes.ORGANIZATION])
    on_first_day = len(answers)
    with ThreadPoolExecutor(STREAMS) as pool:
        cut = [pool.submit(_stream, cluster, setting, cluster.ports[2]) for _ in range(STREAMS)]
        answers += _flood(cluster, setting, chance, list(setting.sorts))
        cluster.kill(2)
        answers += _until(cluster, setting, chance, cut)
    while cluster.seconds_to_midnight() > -8:
        answers += _flood(cluster, setting, chance, [name for name in setting.sorts if name != scopes.ORGANIZATION])
    for _ in range(4):
        answers += _flood(cluster, setting, chance, list(setting.sorts))
    cluster.restart(2)
    answers += _flood(cluster, setting, chance, list(setting.sorts))

    served = sum(answer.status == 200 for answer in answers)
    assert set(Counter(answer.status for answer in answers)) <= {200, 402, 429}
    assert 0 < sum(answer.status == 200 for answer in answers[:on_first_day]) < served
    refusing = {answer.headers["x-gateway-budget"] for answer in answers if answer.status == 402}
    assert refusing == set(setting.budgets.values())  # every scope was the one in the way
    cluster.wait_for(lambda: cluster.ledger(setting.organization)[1] >= served, timeout_s=120)
    cluster.wait_for(lambda: all(not cluster.counter(one)["leased"] for one in setting.budgets.values()), timeout_s=60)
    for scope, budget in setting.budgets.items():
        ledger = cluster.spent_by(setting.organization, SUBJECTS[scope] % {"tag": "'feature'"})
        days = {day: cost for (day, subject), cost in ledger.items() if subject == setting.values[scope]}
        assert set(days) == {first_day, cluster.midnight}, scope
        assert max(days.values()) <= Decimal(AMOUNTS[scope]), scope
        assert {row["period_start"]: row["spent"] for row in cluster.counters(budget)} == days, scope


def _prepare(cluster: Cluster) -> Setting:
    organization = cluster.organization("scopes")
    team = cluster.insert("gateway_team", organization_id=organization, slug="search", name="Search")
    project, beside = (
        cluster.insert("gateway_project", organization_id=organization, slug=slug, name=slug, team_id=team)
        for slug in ("assistant", "beside")
    )
    apart = cluster.project(organization, "apart")
    user = cluster.insert(
        "gateway_user", id=str(uuid7()), username="dave@scopes.example", password="!", first_name="", last_name="",
        email="", is_superuser=False, is_staff=False, is_active=True, date_joined=cluster.midnight - timedelta(days=9),
        theme="auto", shortcuts_enabled=True,
    )  # fmt: skip
    provider = cluster.provider("scopes")
    for name, request, output in (("sim-varied", "0.004", "400"), ("sim-tight", "0.002", "700")):
        cluster.model(provider, name)
        cluster.price(name, request=request, input="1", output=output)
    cluster.model(provider, "sim-paced-40x150")
    cluster.price("sim-paced-40x150", request="0.005", input="0", output="0")
    secrets = {name: cluster.key(organization, where)[0] for name, where in (("team", beside), ("free", apart))}
    secrets["project"] = cluster.key(organization, project)[0]
    secrets["user"] = cluster.key(organization, apart, user_id=user)[0]
    secrets["key"], key = cluster.key(organization, apart)
    values = {
        scopes.TAG: "feature=tight", scopes.END_USER: "eve", scopes.MODEL: "sim-tight", scopes.USER: user,
        scopes.KEY: key, scopes.PROJECT: project, scopes.TEAM: team, scopes.ORGANIZATION: organization,
    }  # fmt: skip
    budgets = {
        scope: cluster.budget(
            organization, AMOUNTS[scope], scope=scope, scope_value=value, period="day", name=scope,
            tracked_from=cluster.midnight - timedelta(days=1),
        )
        for scope, value in values.items()
    }  # fmt: skip
    cluster.wait_until_current()
    free = secrets["free"]
    sorts = {
        scopes.TAG: Sort(free, tags="feature=tight"), scopes.END_USER: Sort(free, end_user="eve"),
        scopes.MODEL: Sort(free, model="sim-tight"), scopes.USER: Sort(secrets["user"]),
        scopes.KEY: Sort(secrets["key"]), scopes.PROJECT: Sort(secrets["project"]), scopes.TEAM: Sort(secrets["team"]),
        scopes.ORGANIZATION: Sort(free),
    }  # fmt: skip
    return Setting(organization, budgets, values, sorts)


def _flood(cluster: Cluster, setting: Setting, chance: random.Random, names: list[str]) -> list[Answer]:
    """Calls of random sorts and lengths at the same time, over the processes that live."""
    ports = cluster.live_ports()
    calls = [
        (ports[number % len(ports)], setting.sorts[chance.choice(names)], chance.randint(1, 20), chance.randint(1, 400))
        for number in range(CLIENTS)
    ]
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda call: _call(cluster, *call), calls))


def _call(cluster: Cluster, port: int, sort: Sort, tokens: int, length: int, **fields: Any) -> Answer:
    body = {
        "model": sort.model, "messages": [{"role": "user", "content": "x" * length}], "max_tokens": tokens, **fields,
    }  # fmt: skip
    named = {"X_Gateway_Tags": sort.tags, "X_Gateway_End_User": sort.end_user}
    return cluster.at(port).request("POST", "/v1/chat/completions", body, sort.secret, **named)


def _stream(cluster: Cluster, setting: Setting, port: int) -> str:
    """A slow answer of a process that is killed meanwhile."""
    sort = Sort(setting.sorts[scopes.ORGANIZATION].secret, model="sim-paced-40x150")
    try:
        answer = _call(cluster, port, sort, 40, 5, stream=True)
    except (OSError, HTTPException):
        return CUT
    return CUT if b"[DONE]" not in answer.body else "whole"


def _until(cluster: Cluster, setting: Setting, chance: random.Random, cut: list[Future[str]]) -> list[Answer]:
    """Go on while the broken streams end."""
    answers = _flood(cluster, setting, chance, [scopes.TEAM, scopes.KEY])
    assert [future.result() for future in cut] == [CUT] * STREAMS
    return answers
