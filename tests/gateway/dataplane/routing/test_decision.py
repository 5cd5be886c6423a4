"""Each strategy: exact scores, the order they give, exclusions, tiers, and chances that drawing bears out."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.routing.order import chances, ordered
from gateway.dataplane.routing.scorer import Scored
from tests.gateway.dataplane.routing.world import FakeSignals, decided, facts, names, policy, target

PICTURE = {"role": "user", "content": [{"type": "image_url"}]}
ABC = [target("a"), target("b"), target("c")]


def scores(decision: object) -> dict[str, float | None]:
    return {item.target.name: item.scored.score for item in decision.ranked}  # type: ignore[attr-defined]


# ---- strategies ----------------------------------------------------------------------------------------------------
def test_priority_goes_by_tiers_and_weight_within_one() -> None:
    targets = [target("last", 9), target("heavy", 1, 9), target("light", 1, 1)]

    first = Counter(names(decided(targets, seed=seed)) for seed in range(1_000))

    assert set(first) == {"heavy light last", "light heavy last"}
    assert 862 <= first["heavy light last"] <= 938  # 90 %, standard deviation 9.5


def test_cost_optimized_takes_the_cheapest_and_says_how_much_dearer_the_others_are() -> None:
    signals = FakeSignals(prices={"a": "0.004", "b": "0.001", "c": "0.002"})

    found = decided(ABC, policy("cost-optimized"), signals)

    assert names(found) == "b c a"
    assert scores(found) == {"b": 1.0, "c": 0.5, "a": 0.25}


def test_a_target_without_a_price_comes_last_and_a_free_one_first() -> None:
    found = decided(ABC, policy("cost-optimized"), FakeSignals(prices={"a": "0.004", "c": "0"}))

    assert names(found) == "c a b"
    assert scores(found) == {"c": 1.0, "a": 0.001, "b": 0.0}


def test_prices_in_another_currency_are_not_compared() -> None:
    signals = FakeSignals(prices={"a": "0.004", "b": "0.001", "c": "0.002"}, currencies={"b": "EUR"})

    assert scores(decided(ABC, policy("cost-optimized"), signals)) == {"c": 1.0, "a": 0.5, "b": 0.0}


def test_quality_optimized_takes_the_best_scored_and_unscored_ones_last() -> None:
    found = decided(ABC, policy("quality-optimized"), FakeSignals(scores={"a": 0.6, "b": 0.8}))

    assert names(found) == "b a c"
    assert scores(found) == {"b": 1.0, "a": 0.75, "c": 0.0}


def test_without_any_quality_score_the_order_is_that_of_priority_and_weight_and_says_so() -> None:
    targets = [target("a", 1, 9), target("b", 0, 1), target("c", 0, 0)]

    found = decided(targets, policy("quality-optimized"))

    assert names(found) == "b c a"
    assert [item.scored.score for item in found.ranked] == [None, None, None]
    assert found.as_line()["note"] == "no target has enough quality scores, so quality does not count"


def test_quality_without_scores_takes_nothing_from_the_other_weights() -> None:
    how = policy("weighted", {"weights": {"cost": 0.5, "quality": 0.5}})

    assert scores(decided(ABC[:2], how, FakeSignals(prices={"a": "2", "b": "1"}))) == {"b": 1.0, "a": 0.5}


def test_latency_optimized_weighs_waiting_by_what_already_runs_there() -> None:
    signals = FakeSignals(latencies={"a": 100.0, "b": 300.0}, running={"a": 5, "b": 0})

    found = decided(ABC[:2], policy("latency-optimized"), signals)

    assert names(found) == "b a"
    assert scores(found) == {"b": 1.0, "a": 0.5}


def test_a_target_that_was_never_measured_is_measured() -> None:
    signals = FakeSignals(latencies={"a": 100.0}, running={"a": 1})

    assert scores(decided(ABC[:2], policy("latency-optimized"), signals)) == {"a": 1.0, "b": 1.0}


def test_load_balanced_goes_by_running_calls_for_each_unit_of_weight() -> None:
    targets = [target("a", weight=4), target("b", weight=1)]

    assert names(decided(targets, policy("load-balanced"), FakeSignals(running={"a": 6, "b": 1}))) == "a b"
    assert names(decided(targets, policy("load-balanced"), FakeSignals(running={"a": 8, "b": 1}))) == "b a"
    assert scores(decided(targets, policy("load-balanced"), FakeSignals(running={"a": 7, "b": 0}))) == {
        "b": 1.0,
        "a": 0.5,
    }


def test_live_figures_lead_to_the_better_of_two_drawn_ones() -> None:
    signals = FakeSignals(running={"a": 0, "b": 1, "c": 2})

    first = Counter(decided(ABC, policy("load-balanced"), signals, seed).targets[0].name for seed in range(900))

    assert first["c"] == 0
    assert 543 <= first["a"] <= 657  # of the three pairs, two hold `a`: 600, standard deviation 14.1
    assert first["a"] + first["b"] == 900


def test_own_weights_are_a_mean_of_the_parts() -> None:
    how = policy("weighted", {"weights": {"cost": 0.75, "quality": 0.25}})
    signals = FakeSignals(prices={"a": "1", "b": "2"}, scores={"a": 0.5, "b": 1.0})

    assert scores(decided(ABC[:2], how, signals)) == {"a": 0.875, "b": 0.625}


def test_content_based_picks_by_rule_and_keeps_the_others_as_fallbacks() -> None:
    how = policy(
        "content-based",
        {"rules": [{"name": "tools", "when": {"tools": True}, "use": [{"model": "c"}, {"provider": "p-b"}]}]},
    )
    targets = [target("a", 0), target("b", 1), target("c", 2)]

    with_tools, without = decided(targets, how, on=facts({"tools": [{}]})), decided(targets, how)

    assert (names(with_tools), with_tools.rule) == ("b c a", "tools")
    assert (names(without), without.rule) == ("a b c", None)


def test_preference_picks_by_who_calls() -> None:
    rules = [
        {"name": "theirs", "when": {"projects": ["project-2"]}, "use": [{"model": "b"}]},
        {"name": "ours", "when": {"projects": ["project-1"]}, "use": [{"model": "c"}]},
    ]

    found = decided([target("a", 0), target("b", 1), target("c", 2)], policy("preference", {"rules": rules}))

    assert (names(found), found.rule) == ("c a b", "ours")


def test_an_experiments_arm_comes_first() -> None:
    arms = [
        {"name": "old", "weight": 1, "use": [{"model": "a"}]},
        {"name": "new", "weight": 1, "use": [{"model": "b"}]},
    ]
    how = policy(config={"rules": [{"name": "trial", "split": arms}]})

    found = {
        (decision.variant, decision.targets[0].name)
        for user in range(50)
        for decision in [decided(ABC, how, on=facts({"user": f"user-{user}"}))]
    }

    assert found == {("old", "a"), ("new", "b")}


# ---- exclusions, tiers ---------------------------------------------------------------------------------------------
def test_only_leaves_no_fallback_and_says_whom_it_excluded() -> None:
    how = policy(config={"rules": [{"name": "eu", "use": [{"provider": "p-b"}], "only": True}]})

    found = decided(ABC, how)

    assert names(found) == "b"
    assert [(item.target.name, item.why) for item in found.excluded] == [("a", "rule eu"), ("c", "rule eu")]
    assert names(decided([ABC[0], ABC[2]], how)) == ""


def test_an_open_circuit_excludes_unless_nothing_else_is_left() -> None:
    found = decided(ABC, signals=FakeSignals(barred=frozenset("ab")))
    assert names(found) == "c"
    assert [(item.target.name, item.why) for item in found.excluded] == [("a", "circuit_open"), ("b", "circuit_open")]

    assert len(decided(ABC, signals=FakeSignals(barred=frozenset("abc"))).targets) == 3


@pytest.mark.parametrize(
    ("traits", "body", "note"),
    [
        ({"capabilities": {"chat"}}, {"tools": [{}]}, "has no tools"),
        ({"capabilities": {"chat", "tools"}}, {"tools": [{}]}, ""),
        ({"capabilities": set()}, {"tools": [{}]}, ""),
        (
            {"capabilities": {"chat"}},
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "has no vision",
        ),
        ({"context_tokens": 10}, {}, "prompt longer than its context"),
        ({"context_tokens": 100}, {}, ""),
    ],
)
def test_a_target_that_would_probably_refuse_stands_last(traits: dict, body: dict, note: str) -> None:
    found = decided([target("a", 0, **traits), target("b", 5)], on=facts(body))

    assert names(found) == ("b a" if note else "a b")
    assert {item.target.name: item.note for item in found.ranked} == {"a": note, "b": ""}


def test_a_target_that_asked_for_a_pause_stands_last() -> None:
    found = decided([target("a", 0), target("b", 5)], signals=FakeSignals(cooling=frozenset("a")))

    assert [(item.target.name, item.note) for item in found.ranked] == [("b", ""), ("a", "asked for a pause")]


def test_scores_order_a_tier_and_never_reach_beyond_it() -> None:
    targets = [target("dear", 0), target("cheap", 1)]

    found = decided(targets, policy("cost-optimized"), FakeSignals(prices={"dear": "9", "cheap": "1"}))

    assert names(found) == "dear cheap"


def test_a_sticky_caller_meets_the_same_target_while_others_spread_by_weight() -> None:
    how = policy(config={"sticky": "end_user"})
    targets = [target("a", weight=3), target("b", weight=1)]

    first = [decided(targets, how, seed=n, on=facts({"user": f"user-{n}"})).targets[0].name for n in range(2_000)]
    again = [decided(targets, how, seed=9, on=facts({"user": f"user-{n}"})).targets[0].name for n in range(2_000)]

    assert first == again
    assert 1_423 <= first.count("a") <= 1_577  # 75 %, standard deviation 19.4


def test_the_strategy_of_a_header_replaces_the_routes() -> None:
    signals = FakeSignals(prices={"a": "2", "b": "1"}, scores={"a": 0.9, "b": 0.1})

    found = decided(ABC[:2], policy("cost-optimized"), signals, strategy="quality-optimized")

    assert (found.strategy, names(found)) == ("quality-optimized", "a b")


# ---- what is told --------------------------------------------------------------------------------------------------
def test_the_line_keeps_figures_rule_and_reasons_within_bounds() -> None:
    arms = [{"name": "new", "weight": 1, "use": [{"model": "a"}]}]
    how = policy("cost-optimized", {"rules": [{"name": "trial", "split": arms, "only": True}]})

    found = decided(ABC[:2], how, FakeSignals(prices={"a": "0.00012"}), on=facts({"user": "eve"}))

    assert found.as_line() == {
        "strategy": "cost-optimized", "rule": "trial", "variant": "new",
        "targets": [{"provider": "p-a", "model": "a", "score": 1.0, "cost": "0.00012", "currency": "USD"}],
        "excluded": [{"provider": "p-b", "model": "b", "why": "rule trial"}],
    }  # fmt: skip
    many = decided(
        [target(f"t{n}") for n in range(40)], signals=FakeSignals(barred=frozenset(f"t{n}" for n in range(20)))
    )
    assert (len(many.as_line()["targets"]), len(many.as_line()["excluded"])) == (8, 8)


# ---- chances -------------------------------------------------------------------------------------------------------
@given(
    st.lists(st.tuples(st.sampled_from([None, 0.25, 0.5, 1.0]), st.integers(0, 4)), min_size=1, max_size=5),
    st.booleans(),
)
def test_chances_add_up(drawn: list[tuple[float | None, int]], is_live: bool) -> None:
    items = [Scored(target(f"t{n}", weight=weight), score) for n, (score, weight) in enumerate(drawn)]

    assert sum(chances(items, is_live=is_live)) == pytest.approx(1.0)


@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        [(None, 3), (None, 1)],
        [(1.0, 1), (0.5, 9)],
        [(1.0, 2), (1.0, 1), (0.2, 5)],
        [(0.3, 1), (0.4, 0), (0.1, 0), (0.2, 2)],
    ],
)
def test_drawing_bears_the_chances_out(parts: list[tuple[float | None, int]], is_live: bool) -> None:
    items = [Scored(target(f"t{n}", weight=weight), score) for n, (score, weight) in enumerate(parts)]
    rng, runs = random.Random(5), 4_000

    led = Counter(ordered(items, lambda _: rng.random(), is_live=is_live)[0].target.name for _ in range(runs))

    for item, chance in zip(items, chances(items, is_live=is_live), strict=True):
        assert abs(led[item.target.name] - runs * chance) <= 4 * (runs * chance * (1 - chance)) ** 0.5
