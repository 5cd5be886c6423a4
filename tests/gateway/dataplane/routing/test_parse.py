"""A route's JSON: what it becomes, and which path a mistake is told at."""

from typing import Any

import pytest

from gateway.dataplane.routing.parse import PolicyError, parse, selectors_of
from gateway.dataplane.routing.policy import (
    DEFAULT,
    Retry,
    Rule,
    Selector,
    TagCondition,
    Variant,
    Weights,
    When,
)

USE = [{"provider": "anthropic"}]


def test_everything_a_route_can_say() -> None:
    config = {
        "weights": {"cost": 0.7, "latency": 0.2, "load": 0.05, "quality": 0.05},
        "overrides": ["cost-optimized"],
        "sticky": "end_user",
        "retry": {"base_ms": 100, "cap_ms": 2000, "on": ["timeout"]},
        "rules": [
            {
                "name": "long german images",
                "when": {
                    "min_prompt_tokens": 8000, "max_prompt_tokens": 90000, "tools": True, "streaming": False,
                    "modalities": ["image"], "languages": ["de"], "endpoints": ["/v1/chat/completions"],
                    "tags": [{"key": "tier", "values": ["gold"]}, {"key": "beta"}], "users": ["u"], "teams": ["t"],
                    "projects": ["p"], "api_keys": ["k"], "end_users": ["e"],
                },
                "use": [{"provider": "anthropic", "model": "claude"}],
                "only": True,
            },
            {
                "name": "trial",
                "by": "session",
                "split": [
                    {"name": "old", "weight": 95, "use": [{"model": "a"}]},
                    {"name": "new", "weight": 5, "use": [{"model": "b"}]},
                ],
            },
        ],
    }  # fmt: skip

    found = parse(config, strategy="weighted", alias="fast", retries=2, deadline_s=3.0, hedge_after_s=0.4, output_cap=9)

    assert (found.alias, found.strategy, found.weights) == ("fast", "weighted", Weights(0.7, 0.2, 0.05, 0.05))
    assert (found.overrides, found.sticky) == (frozenset({"cost-optimized"}), "end_user")
    assert found.retry == Retry(2, 100, 2000, frozenset({"timeout"}))
    assert (found.deadline_s, found.hedge_after_s, found.output_cap) == (3.0, 0.4, 9)
    assert found.rules == (
        Rule(
            "long german images",
            When(
                8000, 90000, True, False, frozenset({"image"}), frozenset({"de"}), frozenset({"/v1/chat/completions"}),
                (TagCondition("tier", frozenset({"gold"})), TagCondition("beta")), frozenset("u"), frozenset("t"),
                frozenset("p"), frozenset("k"), frozenset("e"),
            ),
            (Selector("anthropic", "claude"),),
            True,
        ),
        Rule("trial", split=(Variant("old", 95, (Selector(model="a"),)), Variant("new", 5, (Selector(model="b"),))),
             by="session"),
    )  # fmt: skip
    assert selectors_of(found) == [
        ("config.rules[0].use[0]", Selector("anthropic", "claude")),
        ("config.rules[1].split[0].use[0]", Selector(model="a")),
        ("config.rules[1].split[1].use[0]", Selector(model="b")),
    ]


def test_nothing_said_is_the_default() -> None:
    assert parse({}, strategy="priority") == DEFAULT


def rule(**parts: Any) -> dict[str, Any]:
    return {"rules": [{"name": "r", "use": USE, **parts}]}


@pytest.mark.parametrize(
    ("strategy", "config", "field"),
    [
        ("fastest", {}, "strategy"),
        ("priority", [], "config"),
        ("priority", {"expression": "1"}, "config"),
        ("priority", {"weights": {"cost": 1}}, "config.weights"),
        ("weighted", {}, "config.weights"),
        ("weighted", {"weights": {}}, "config.weights"),
        ("weighted", {"weights": {"cost": 0}}, "config.weights"),
        ("weighted", {"weights": {"cost": 1.5}}, "config.weights.cost"),
        ("weighted", {"weights": {"cost": True}}, "config.weights.cost"),
        ("weighted", {"weights": {"cost": "1"}}, "config.weights.cost"),
        ("weighted", {"weights": {"cost": float("nan")}}, "config.weights.cost"),
        ("weighted", {"weights": {"price": 1}}, "config.weights"),
        ("content-based", {}, "config.rules"),
        ("content-based", rule(when={"users": ["u"]}), "config.rules"),
        ("preference", rule(when={"tools": True}), "config.rules"),
        ("priority", {"overrides": "cost-optimized"}, "config.overrides"),
        ("priority", {"overrides": ["weighted"]}, "config.overrides"),
        ("priority", {"sticky": "cookie"}, "config.sticky"),
        ("priority", {"retry": {"base_ms": 500, "cap_ms": 100}}, "config.retry.cap_ms"),
        ("priority", {"retry": {"cap_ms": 3600000}}, "config.retry.cap_ms"),
        ("priority", {"retry": {"on": ["everything"]}}, "config.retry.on[0]"),
        ("priority", {"rules": {}}, "config.rules"),
        ("priority", {"rules": [{}] * 51}, "config.rules"),
        ("priority", {"rules": ["r"]}, "config.rules[0]"),
        ("priority", {"rules": [{"use": USE}]}, "config.rules[0].name"),
        ("priority", {"rules": [{"name": " ", "use": USE}]}, "config.rules[0].name"),
        ("priority", {"rules": [{"name": "r"}]}, "config.rules[0]"),
        ("priority", rule(split=[{"name": "a", "weight": 1, "use": USE}]), "config.rules[0]"),
        ("priority", rule(use=[{}]), "config.rules[0].use[0]"),
        ("priority", rule(use=[{"provider": 1}]), "config.rules[0].use[0].provider"),
        ("priority", rule(only="yes"), "config.rules[0].only"),
        ("priority", rule(by="end_user"), "config.rules[0].by"),
        ("priority", rule(when={"min_prompt_tokens": -1}), "config.rules[0].when.min_prompt_tokens"),
        ("priority", rule(when={"tools": 1}), "config.rules[0].when.tools"),
        ("priority", rule(when={"languages": ["tlh"]}), "config.rules[0].when.languages[0]"),
        ("priority", rule(when={"modalities": ["smell"]}), "config.rules[0].when.modalities[0]"),
        ("priority", rule(when={"endpoints": ["/v2"]}), "config.rules[0].when.endpoints[0]"),
        ("priority", rule(when={"tags": [{"values": ["x"]}]}), "config.rules[0].when.tags[0].key"),
        ("priority", rule(when={"regex": ".*"}), "config.rules[0].when"),
        ("priority", rule(use=[], split=[{"name": "a", "weight": 0, "use": USE}]), "config.rules[0].split"),
        ("priority", rule(use=[], split=[{"name": "a", "weight": 1}]), "config.rules[0].split[0].use"),
        ("priority", rule(use=[], split=[{"name": "a", "weight": 1, "use": USE}] * 2), "config.rules[0].split"),
        ("priority", rule(use=[], split=[{"name": "a", "weight": 1, "use": USE}], by="ip"), "config.rules[0].by"),
    ],
)
def test_a_mistake_is_told_at_its_place(strategy: str, config: Any, field: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse(config, strategy=strategy)

    assert refused.value.field == field
