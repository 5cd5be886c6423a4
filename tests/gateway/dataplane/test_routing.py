"""Routing and resilience on a real data plane with a simulated provider: chosen, tried again, given up, billed."""

import itertools
import json
import random
import subprocess
import sys
from typing import Any

import pytest

from gateway.dataplane import breaker
from gateway.dataplane.routing.matcher import variant_of
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.routing.world import facts, policy
from tests.gateway.dataplane.stack import ROOT, Answer

_numbers = itertools.count()


class Routes:
    """Fresh providers, models and routes, so that no test meets another's breakers."""

    def __init__(self, world: World) -> None:
        self.stack, self.secret, self.organization = world.stack, world.secret, world.organization
        self.ids: dict[str, str] = {}

    def model(self, upstream: str, **provider: Any) -> str:
        """Its public name; provider `p<n>` is new."""
        number = next(_numbers)
        made = self.stack.provider(f"p{number}", **provider)
        name = f"m{number}"
        self.ids[name] = self.stack.model(made, name, upstream)
        return name

    def route(self, *targets: str | tuple[str, int, int], **columns: Any) -> str:
        """Targets are names in order of priority, or `(name, priority, weight)`; returns the alias."""
        alias = f"route-{next(_numbers)}"
        if "config" in columns:
            columns["config"] = json.dumps(columns["config"])
        made = self.stack.route(alias, [], **columns)
        for order, target in enumerate(targets):
            name, priority, weight = (target, order, 1) if isinstance(target, str) else target
            self.stack.insert("gateway_routetarget", route_id=made, model_id=self.ids[name], priority=priority,
                              weight=weight)  # fmt: skip
        self.stack.wait_until_current()
        return alias

    def call(self, alias: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
        body = {"model": alias, "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}], **fields}
        names = {name.replace("-", "_"): value for name, value in (headers or {}).items()}
        return self.stack.request("POST", "/v1/chat/completions", body, self.secret, **names)

    def lines(self, answer: Answer) -> list[dict[str, Any]]:
        return self.stack.lines(answer.headers["x-request-id"])


@pytest.fixture
def routes(world: World) -> Routes:
    world.stack.simulator.configure(next_faults=[])
    return Routes(world)


# ---- what is chosen --------------------------------------------------------------------------------------------------
def test_cost_optimized_takes_the_cheaper_model_and_the_line_says_why(routes: Routes) -> None:
    dear, cheap = routes.model("gpt-4o"), routes.model("gpt-4o-mini")
    alias = routes.route((dear, 0, 9), (cheap, 0, 1), strategy="cost-optimized")

    answer = routes.call(alias)

    assert answer.headers["x-gateway-model"] == cheap
    (line,) = routes.lines(answer)
    decision = line["route_decision"]
    assert (decision["strategy"], decision["attempt"], decision["why"]) == ("cost-optimized", 1, "first choice")
    assert [(target["model"], target["score"]) for target in decision["targets"]] == [(cheap, 1.0), (dear, 0.06)]


def test_a_caller_may_ask_for_another_strategy_where_the_route_lets_him(routes: Routes) -> None:
    dear, cheap = routes.model("gpt-4o"), routes.model("gpt-4o-mini")
    anything = routes.route((dear, 0, 1), (cheap, 0, 0))
    nothing = routes.route((dear, 0, 1), (cheap, 0, 0), config={"overrides": []})

    plain = routes.call(anything)
    asked = routes.call(anything, {"X-Gateway-Route": "Cost-Optimized"})
    unknown = routes.call(anything, {"X-Gateway-Route": "fastest"})
    refused = routes.call(nothing, {"X-Gateway-Route": "cost-optimized"})

    assert [answer.headers.get("x-gateway-model") for answer in (plain, asked)] == [dear, cheap]
    assert [(answer.status, answer.error_code) for answer in (unknown, refused)] == [
        (400, "unknown_strategy"), (400, "strategy_not_allowed"),
    ]  # fmt: skip


def test_rules_choose_by_content_and_only_excludes_the_rest(routes: Routes) -> None:
    first, second = routes.model("gpt-4o"), routes.model("gpt-4o-mini")
    rules = [{"name": "german", "when": {"languages": ["de"]}, "use": [{"model": second}], "only": True}]
    alias = routes.route(first, second, strategy="content-based", config={"rules": rules})

    english = routes.call(alias)
    german = routes.call(alias, messages=[{"role": "user", "content": "Was ist das und wie komme ich dahin?"}])

    assert [answer.headers["x-gateway-model"] for answer in (english, german)] == [first, second]
    (line,) = routes.lines(german)
    assert line["route_decision"]["rule"] == "german"
    assert [(item["model"], item["why"]) for item in line["route_decision"]["excluded"]] == [(first, "rule german")]


def test_a_rule_whose_only_targets_are_gone_refuses(routes: Routes) -> None:
    first, second = routes.model("gpt-4o"), routes.model("gpt-4o-mini")
    rules = [{"name": "eu", "use": [{"model": second}], "only": True}]
    alias = routes.route(first, second, config={"rules": rules})
    with routes.stack.connect() as connection:
        connection.execute("UPDATE gateway_model SET is_enabled = false WHERE name = %s", [second])
    routes.stack.wait_until_current()

    answer = routes.call(alias)

    assert (answer.status, answer.error_code) == (503, "no_target")


def test_a_canary_keeps_its_callers(routes: Routes) -> None:
    old, new = routes.model("gpt-4o"), routes.model("gpt-4o-mini")
    arms = [
        {"name": "old", "weight": 70, "use": [{"model": old}]},
        {"name": "new", "weight": 30, "use": [{"model": new}]},
    ]
    config = {"rules": [{"name": "trial", "split": arms}]}
    alias = routes.route(old, new, config=config)
    rule = policy(config=config).rules[0]

    served = {f"user-{n}": routes.call(alias, user=f"user-{n}").headers["x-gateway-model"] for n in range(25)}

    expected = {user: variant_of(rule, facts({"user": user}), alias, float).name for user in served}
    assert {user: "old" if model == old else "new" for user, model in served.items()} == expected
    assert set(expected.values()) == {"old", "new"}


def test_a_route_nobody_understands_is_an_error_and_hides_what_else_has_its_name(routes: Routes) -> None:
    model = routes.model("gpt-4o")
    alias = routes.route(model)
    before = routes.call(alias)
    broken = json.dumps({"rules": [{"name": "r", "when": {"moon": "full"}}]})
    routes.stack.route(alias, [routes.ids[model]], organization_id=routes.organization, config=broken)
    routes.stack.wait_until_current()

    answer = routes.call(alias)

    assert before.status == 200
    assert (answer.status, answer.error_code, answer.headers["retry-after"]) == (503, "route_misconfigured", "30")
    assert routes.stack.get(f"/v1/models/{alias}", routes.secret).status == 404
    (line,) = routes.lines(answer)
    assert (line["kind"], line["error_type"], line["cost"]) == ("denied", "route_misconfigured", 0)


def test_a_route_without_available_targets_hides_what_else_has_its_name(routes: Routes) -> None:
    platform, own = routes.model("gpt-4o"), routes.model("gpt-4o-mini")
    alias = routes.route(platform)
    routes.stack.route(alias, [routes.ids[own]], organization_id=routes.organization)
    with routes.stack.connect() as connection:
        connection.execute("UPDATE gateway_model SET is_enabled = false WHERE name = %s", [own])
    routes.stack.wait_until_current()

    answer = routes.call(alias)

    assert (answer.status, answer.error_code) == (503, "no_target")


def test_the_output_cap_reaches_the_provider(routes: Routes) -> None:
    alias = routes.route(routes.model("gpt-4o"), output_cap=3)

    answer = routes.call(alias, max_tokens=50)

    assert answer.json()["usage"]["completion_tokens"] == 3


# ---- breaker ---------------------------------------------------------------------------------------------------------
def test_a_deployment_that_keeps_failing_is_left_alone_and_probed_later(routes: Routes) -> None:
    broken, healthy = routes.model("sim-fault-error-500"), routes.model("gpt-4o")
    alias = routes.route(broken, healthy)

    attempts = [routes.call(alias).headers["x-gateway-attempts"] for _ in range(breaker.CONSECUTIVE)]
    after = routes.call(alias)

    assert attempts == ["2"] * breaker.CONSECUTIVE
    (line,) = routes.lines(after)
    assert line["model_served"] == healthy
    assert line["route_decision"]["excluded"] == [
        {"provider": broken.replace("m", "p"), "model": broken, "why": "circuit_open"}
    ]
    routes.stack.wait_for(lambda: routes.call(alias).headers["x-gateway-attempts"] == "2")  # the probe, a second later


def test_metrics_and_heartbeat_show_the_breaker(routes: Routes) -> None:
    broken = routes.model("sim-fault-error-503")
    alias = routes.route(broken)
    for _ in range(breaker.CONSECUTIVE):
        routes.call(alias)

    def reported() -> list[str]:
        with routes.stack.connect() as connection:
            rows = connection.execute("SELECT info->'deployments' AS found FROM gateway_heartbeat").fetchall()
        seen = [row["found"] or {} for row in rows]
        return [figures["state"] for found in seen for key, figures in found.items() if "sim-fault-error-503" in key]

    routes.stack.wait_for(lambda: any(state != "closed" for state in reported()))


def test_all_circuits_open_is_a_503_that_says_when_and_leaves_a_line(routes: Routes) -> None:
    alias = routes.route(routes.model("sim-fault-error-500"), routes.model("sim-fault-error-502"))
    for _ in range(breaker.CONSECUTIVE):
        assert routes.call(alias).status == 502

    answer = routes.call(alias)

    assert (answer.status, answer.error_code, answer.headers["retry-after"]) == (503, "circuit_open", "1")
    (line,) = routes.lines(answer)
    assert (line["kind"], line["status"], line["error_type"], line["is_final"]) == (
        "denied", "denied", "circuit_open", True,
    )  # fmt: skip


@pytest.mark.parametrize("upstream", ["sim-fault-error-400", "sim-fault-error-429"])
def test_neither_callers_mistakes_nor_full_quotas_open_a_circuit(routes: Routes, upstream: str) -> None:
    alias = routes.route(routes.model(upstream))

    found = {routes.call(alias).status for _ in range(breaker.CONSECUTIVE + 3)}

    assert found == {int(upstream[-3:])}


def test_a_provider_that_asks_for_a_pause_is_asked_last(routes: Routes) -> None:
    limited, other = routes.model("sim-fault-error-429@20"), routes.model("gpt-4o")
    alias = routes.route(limited, other)

    first, second = routes.call(alias), routes.call(alias)

    assert [answer.headers["x-gateway-attempts"] for answer in (first, second)] == ["2", "1"]
    (line,) = routes.lines(second)
    told = {target["model"]: target.get("note") for target in line["route_decision"]["targets"]}
    assert told == {other: None, limited: "asked for a pause"}


# ---- retries, deadline -----------------------------------------------------------------------------------------------
def test_a_failure_is_repeated_and_every_attempt_has_its_line(routes: Routes) -> None:
    alias = routes.route(routes.model("gpt-4o"), retries=2, config={"retry": {"base_ms": 10, "cap_ms": 20}})
    routes.stack.simulator.configure(next_faults=["error-500", "error-502"])

    answer = routes.call(alias)

    assert answer.status == 200, answer.body
    assert answer.headers["x-gateway-attempts"] == "3"
    assert [(line["status"], line["is_final"], line["route_decision"]["why"]) for line in routes.lines(answer)] == [
        ("upstream_error", False, "first choice"),
        ("upstream_error", False, "retry 1 after upstream_500"),
        ("ok", True, "retry 2 after upstream_502"),
    ]


def test_retry_after_is_waited_for(routes: Routes) -> None:
    alias = routes.route(routes.model("gpt-4o"), retries=1, config={"retry": {"base_ms": 0, "cap_ms": 3000}})
    routes.stack.simulator.configure(next_faults=["error-429@1"])

    answer = routes.call(alias)

    first, second = routes.lines(answer)
    assert answer.status == 200
    assert (second["started_at"] - first["started_at"]).total_seconds() >= 1.0


def test_the_deadline_ends_an_attempt_and_what_would_follow(routes: Routes) -> None:
    alias = routes.route(routes.model("sim-fault-hang"), routes.model("gpt-4o"), deadline_ms=300, retries=3)

    answer = routes.call(alias)

    assert (answer.status, answer.error_code) == (504, "deadline_exceeded")
    (line,) = routes.lines(answer)
    assert (line["status"], line["error_type"], line["is_final"]) == ("timeout", "deadline_exceeded", True)
    assert line["input_tokens"] > 0


# ---- streams ---------------------------------------------------------------------------------------------------------
def test_a_stream_that_ends_before_it_began_is_answered_by_the_next_target(routes: Routes) -> None:
    alias = routes.route(routes.model("sim-fault-cut-stream@0"), routes.model("gpt-4o"))

    answer = routes.call(alias, stream=True)

    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert answer.headers["x-gateway-attempts"] == "2"
    assert [line["is_final"] for line in routes.lines(answer)] == [False, True]


def test_nothing_is_repeated_once_the_client_was_sent_something(routes: Routes) -> None:
    alias = routes.route(routes.model("sim-fault-cut-stream"), routes.model("gpt-4o"), retries=3)

    answer = routes.call(alias, stream=True)

    assert b"stream_interrupted" in answer.body
    (line,) = routes.lines(answer)
    assert (line["status"], line["is_final"]) == ("upstream_error", True)


# ---- hedging ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["sim-fault-hang", "sim-fault-slow-first-byte@15000"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_target_is_hedged_and_both_attempts_are_billed(routes: Routes, stream: bool, fault: str) -> None:
    slow, quick = routes.model(fault, first_byte_timeout_ms=20_000), routes.model("gpt-4o")
    alias = routes.route(slow, quick, hedge_after_ms=100)

    answer = routes.call(alias, stream=stream)

    assert (answer.status, answer.headers["x-gateway-model"]) == (200, quick)
    lines = {line["model_served"]: line for line in routes.lines(answer)}
    loser, winner = lines[slow], lines[quick]
    assert (loser["status"], loser["error_type"], loser["is_final"]) == ("cancelled", "hedge_lost", False)
    assert loser["usage_source"] == "estimated"
    assert loser["input_tokens"] > 0
    assert (winner["status"], winner["is_final"], winner["route_decision"]["why"]) == ("ok", True, "hedge after 100 ms")


def test_a_quick_answer_is_not_hedged(routes: Routes) -> None:
    alias = routes.route(routes.model("gpt-4o"), routes.model("gpt-4o-mini"), hedge_after_ms=1000)

    assert routes.call(alias).headers["x-gateway-attempts"] == "1"


def test_when_the_hedge_fails_the_first_target_still_answers(routes: Routes) -> None:
    slow, broken = routes.model("sim-fault-slow-headers@600"), routes.model("sim-fault-error-500")
    alias = routes.route(slow, broken, hedge_after_ms=50)

    answer = routes.call(alias)

    assert (answer.status, answer.headers["x-gateway-model"]) == (200, slow)
    assert {line["model_served"]: line["is_final"] for line in routes.lines(answer)} == {slow: True, broken: False}


def test_when_both_fail_the_request_fails_once(routes: Routes) -> None:
    slow, broken = routes.model("sim-fault-hang", first_byte_timeout_ms=400), routes.model("sim-fault-error-500")
    alias = routes.route(slow, broken, hedge_after_ms=50)

    answer = routes.call(alias)

    assert answer.status == 504
    assert sorted(line["is_final"] for line in routes.lines(answer)) == [False, True]


# ---- simulation ------------------------------------------------------------------------------------------------------
SIMULATE = """
import json, sys, django
django.setup()
from gateway.models import Organization, Route, VirtualKey
from gateway.services import routing
asked = json.load(sys.stdin)
organization = Organization.objects.get(slug="demo")
key = VirtualKey.objects.select_related("project").get(pk=asked["key"])
for item in asked["calls"]:
    sample = routing.Sample(body=json.dumps(item["body"]), tags=item["tags"], key=key, strategy=item["strategy"])
    found = routing.simulate(Route.objects.get(alias=item["alias"]), organization, sample)
    print(found.targets[0].target.model.name, found.targets[0].probability)
"""


def simulated(world: World, calls: list[dict[str, Any]]) -> list[str]:
    """What the management side says of each call, in a process of its own on the data plane's database."""
    environment = world.stack.environment()
    done = subprocess.run(
        [sys.executable, "-c", SIMULATE], cwd=ROOT, env=environment, text=True, capture_output=True, check=False,
        input=json.dumps({"key": world.key_id, "calls": calls}), timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_what_is_simulated_is_what_happens(routes: Routes, world: World) -> None:
    rng = random.Random(20261128)
    names = [routes.model(upstream) for upstream in ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini")]
    calls = [random_call(routes, names, rng) for _ in range(24)]
    routes.stack.wait_until_current()

    told = simulated(world, calls)
    happened = [real_call(routes, call).headers["x-gateway-model"] for call in calls]

    assert told == [f"{name} 1.0" for name in happened]
    assert len(set(happened)) == 4


def random_call(routes: Routes, names: list[str], rng: random.Random) -> dict[str, Any]:
    """A route whose choice is determined, and a call to it."""
    shuffled = rng.sample(names, 4)
    first, second = ({"model": name} for name in rng.sample(names, 2))
    arms = [{"name": "a", "weight": 1, "use": [first]}, {"name": "b", "weight": 1, "use": [second]}]
    when = rng.choice([{"tools": True}, {"max_prompt_tokens": 40}, {"tags": [{"key": "tier", "values": ["gold"]}]}])
    strategy, rules = rng.choice(
        [
            ("priority", []),
            ("cost-optimized", []),
            ("content-based", [{"name": "r", "when": when, "use": [first], "only": rng.random() < 0.5}]),
            ("priority", [{"name": "trial", "split": arms}]),
        ]
    )
    is_flat = strategy == "cost-optimized"
    targets = [(name, 0 if is_flat else order, 1) for order, name in enumerate(shuffled)]
    alias = routes.route(*targets, strategy=strategy, config={"rules": rules} if rules else {})
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "x" * rng.choice([10, 400])}], "max_tokens": 4}
    body["user"] = f"user-{rng.randrange(1000)}"
    if rng.random() < 0.5:
        body["tools"] = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    tags = {"tier": rng.choice(["gold", "lead"])}
    return {"alias": alias, "body": body, "tags": tags, "strategy": None}


def real_call(routes: Routes, call: dict[str, Any]) -> Answer:
    headers = {"X-Gateway-Tags": ",".join(f"{key}={value}" for key, value in call["tags"].items())}
    answer = routes.call(call["alias"], headers, **call["body"])
    assert answer.status == 200, answer.body
    return answer
