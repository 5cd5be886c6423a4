"""Rules: each condition alone, their order, and experiments whose shares and stickiness can be counted."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.routing.matcher import matching, unit_of, variant_of
from tests.gateway.dataplane.routing.world import facts, policy

GERMAN = [{"role": "user", "content": "Wie komme ich am schnellsten nach Hamburg und was kostet das?"}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]


@pytest.mark.parametrize(
    ("when", "body", "headers", "applies"),
    [
        ({}, {}, {}, True),
        ({"min_prompt_tokens": 10_000}, {}, {}, False),
        ({"min_prompt_tokens": 1_000}, {"messages": [{"role": "user", "content": "x" * 4_000}]}, {}, True),
        ({"max_prompt_tokens": 100}, {}, {}, True),
        ({"max_prompt_tokens": 5}, {}, {}, False),
        ({"tools": True}, {"tools": [{}]}, {}, True),
        ({"tools": True}, {}, {}, False),
        ({"tools": False}, {}, {}, True),
        ({"streaming": True}, {"stream": True}, {}, True),
        ({"streaming": True}, {}, {}, False),
        ({"modalities": ["image", "audio"]}, {"messages": PICTURE}, {}, True),
        ({"modalities": ["image"]}, {}, {}, False),
        ({"languages": ["de", "fr"]}, {"messages": GERMAN}, {}, True),
        ({"languages": ["fr"]}, {"messages": GERMAN}, {}, False),
        ({"endpoints": ["/v1/chat/completions"]}, {}, {}, True),
        ({"endpoints": ["/v1/embeddings"]}, {}, {}, False),
        ({"tags": [{"key": "tier", "values": ["gold", "silver"]}]}, {}, {"X-Gateway-Tags": "tier=gold"}, True),
        ({"tags": [{"key": "tier", "values": ["gold"]}]}, {}, {"X-Gateway-Tags": "tier=lead"}, False),
        ({"tags": [{"key": "tier"}]}, {}, {"X-Gateway-Tags": "tier=lead"}, True),
        ({"tags": [{"key": "a"}, {"key": "b"}]}, {}, {"X-Gateway-Tags": "a=1"}, False),
        ({"users": ["user-1"]}, {}, {}, True),
        ({"users": ["user-2"]}, {}, {}, False),
        ({"teams": ["team-1"]}, {}, {}, True),
        ({"projects": ["project-2"]}, {}, {}, False),
        ({"api_keys": ["key-1"]}, {}, {}, True),
        ({"end_users": ["eve"]}, {"user": "eve"}, {}, True),
        ({"end_users": ["eve"]}, {}, {}, False),
        ({"tools": True, "users": ["user-1"]}, {}, {}, False),
    ],
)
def test_each_condition(when: dict[str, Any], body: dict[str, Any], headers: dict[str, str], applies: bool) -> None:
    rules = policy(config={"rules": [{"name": "r", "when": when, "use": [{"model": "a"}]}]}).rules

    assert (matching(rules, facts(body, headers)) is not None) is applies


def test_the_first_rule_that_holds_applies() -> None:
    rules = policy(
        config={
            "rules": [
                {"name": "tools", "when": {"tools": True}, "use": [{"model": "a"}]},
                {"name": "short", "when": {"max_prompt_tokens": 100}, "use": [{"model": "b"}]},
                {"name": "all", "use": [{"model": "c"}]},
            ]
        }
    ).rules

    found = [matching(rules, facts(body)) for body in ({"tools": [{}]}, {}, {"user": "x" * 190, "stop": ["y" * 400]})]

    assert [rule and rule.name for rule in found] == ["tools", "short", "all"]


def split(old: float, new: float) -> Any:
    arms = [
        {"name": "old", "weight": old, "use": [{"model": "a"}]},
        {"name": "new", "weight": new, "use": [{"model": "b"}]},
    ]
    return policy(config={"rules": [{"name": "trial", "split": arms}]}).rules[0]


def arm(rule: Any, user: str | None, draw: float = 0.0) -> str:
    return variant_of(rule, facts({"user": user} if user else {}), "route", lambda: draw).name


def test_a_canarys_share_is_its_weight_and_callers_stay_where_they_are() -> None:
    users = [f"user-{n}" for n in range(4_000)]

    first = {user for user in users if arm(split(95, 5), user) == "new"}
    again = {user for user in users if arm(split(95, 5), user) == "new"}
    grown = {user for user in users if arm(split(80, 20), user) == "new"}

    # The standard deviation of a share of 5 % of 4,000 is 13.8, of 20 % it is 25.3: four of them to each side.
    assert 145 <= len(first) <= 255
    assert 699 <= len(grown) <= 901
    assert again == first
    assert first < grown


def test_a_caller_without_identity_is_drawn_each_time() -> None:
    rng = random.Random(3)

    drawn = [arm(split(50, 50), None, rng.random()) for _ in range(1_000)]

    assert 437 <= drawn.count("new") <= 563


def test_experiments_are_independent_of_each_other() -> None:
    rule = split(50, 50)
    users = [f"user-{n}" for n in range(2_000)]

    both = sum(
        variant_of(rule, facts({"user": user}), "route-1", float).name
        == variant_of(rule, facts({"user": user}), "route-2", float).name
        for user in users
    )

    assert 910 <= both <= 1_090


def test_weight_0_gets_nobody() -> None:
    assert {arm(split(100, 0), f"user-{n}") for n in range(500)} == {"old"}
    assert arm(split(100, 0), None, 0.999_999_999_999_999_9) == "old"


@given(st.text())
def test_a_texts_place_is_on_the_unit_interval_and_always_the_same(text: str) -> None:
    assert 0.0 <= unit_of(text) < 1.0
    assert unit_of(text) == unit_of(text)
