"""Causes, effects and words, on cases worked by hand."""

import math
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.explain import Cell, Facts, decompose, rank, summarise
from analytics.explain.causes import surprise
from analytics.explain.narrator import Refused, filled, narrate

D = Decimal


def cell(requests: int, retry: str = "0", **meters: tuple[str, str]) -> Cell:
    quantities = {name: D(quantity) for name, (quantity, _) in meters.items()}
    costs = {name: D(quantity) * D(price) for name, (quantity, price) in meters.items()}
    return Cell(requests, quantities, costs, D(retry))


def parts(before: dict[str, Cell], after: dict[str, Cell]) -> dict[str, Decimal]:
    return {name: amount for name, amount in decompose(before, after).parts.items() if amount}


def test_one_key_that_was_not_there_is_the_first_cause() -> None:
    expected = {"api_key": {"a": 5.0, "b": 5.0}, "provider": {"openai": 8.0, "google": 2.0}}
    actual = {"api_key": {"a": 5.0, "b": 5.0, "c": 30.0}, "provider": {"openai": 38.0, "google": 2.0}}

    causes = rank(actual, expected)

    assert [(cause.dimension, cause.value, cause.share) for cause in causes] == [
        ("api_key", "c", 1.0),
        ("provider", "openai", 1.0),
    ]


def test_fewer_values_explain_better() -> None:
    expected = {"project": {"x": 1.0, "y": 1.0, "z": 1.0}, "provider": {"openai": 2.0, "google": 1.0}}
    actual = {"project": {"x": 11.0, "y": 11.0, "z": 1.0}, "provider": {"openai": 22.0, "google": 1.0}}

    assert [(cause.dimension, cause.value) for cause in rank(actual, expected)] == [
        ("provider", "openai"),
        ("project", "x"),
        ("project", "y"),
    ]


def test_of_equal_dimensions_the_first_in_order_leads() -> None:
    expected, actual = {"x": 4.0, "y": 6.0}, {"x": 0.0, "y": 6.0}

    causes = rank({"model": actual, "project": actual}, {"model": expected, "project": expected}, ["project", "model"])

    assert [cause.dimension for cause in causes] == ["project", "model"]


def test_what_everybody_does_is_nobodys_doing() -> None:
    expected = {"api_key": {str(number): 1.0 for number in range(20)}}

    assert rank({"api_key": {str(number): 2.0 for number in range(20)}}, expected) == []
    assert rank(expected, expected) == []


def test_surprise_is_the_divergence_of_the_paper() -> None:
    # p = 0.2, q = 0.6: ½ (0.2 ln(0.4/0.8) + 0.6 ln(1.2/0.8))
    assert surprise(0.2, 0.6) == pytest.approx(0.5 * (0.2 * math.log(0.5) + 0.6 * math.log(1.5)))
    assert surprise(0.0, 0.5) == pytest.approx(0.25 * math.log(2))
    assert surprise(0.3, 0.3) == 0.0


BEFORE = {"m": cell(100, input=("1000", "0.002"), output=("100", "0.01"))}  # costs 3


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (cell(200, input=("2000", "0.002"), output=("200", "0.01")), {"volume": D(3)}),
        (cell(100, input=("1000", "0.001"), output=("100", "0.01")), {"price": D(-1)}),
        (cell(100, input=("1500", "0.002"), output=("100", "0.01")), {"size": D(1)}),
        (cell(100, retry="0.25", input=("1000", "0.002"), output=("100", "0.01")), {"retry": D("0.25")}),
        (cell(100, input=("1000", "0.002"), output=("100", "0.01")), {}),
    ],
)
def test_a_change_of_one_kind_has_one_effect(after: Cell, wanted: dict[str, Decimal]) -> None:
    assert parts(BEFORE, {"m": after}) == wanted


def test_losing_the_cache_is_the_cache_effect() -> None:
    before = {"m": cell(10, input=("200", "0.01"), cache_read=("800", "0.001"))}
    after = {"m": cell(10, input=("1000", "0.01"))}

    # 800 tokens at 0.01 instead of 0.001
    assert parts(before, after) == {"cache": D("7.2")}


def test_another_model_is_the_mix_effect() -> None:
    before = {"dear": cell(10, output=("100", "1")), "cheap": cell(10, output=("100", "0.1"))}
    after = {"dear": cell(5, output=("50", "1")), "cheap": cell(15, output=("150", "0.1"))}

    assert parts(before, after) == {"mix": D("-45")}


def test_new_and_gone_parts_are_mix_and_the_first_ever_are_volume() -> None:
    assert parts({"a": cell(10, output=("10", "1"))}, {"b": cell(10, output=("10", "3"))}) == {"mix": D(20)}
    assert parts({}, {"b": cell(10, output=("10", "3"))}) == {"volume": D(30)}


amounts = st.decimals(min_value=0, max_value=10_000, places=10)
cells = st.builds(
    Cell,
    requests=st.integers(0, 10_000),
    quantities=st.dictionaries(st.sampled_from(["input", "cache_read", "output"]), st.integers(0, 10**7).map(Decimal)),
    costs=st.dictionaries(st.sampled_from(["input", "cache_read", "output"]), amounts),
    retry_cost=amounts,
)
windows = st.dictionaries(st.sampled_from("abcd"), cells)


@settings(max_examples=200, deadline=None)
@given(windows, windows)
def test_effects_always_add_up_to_the_last_digit(before: dict[str, Cell], after: dict[str, Cell]) -> None:
    found = decompose(before, after)

    change = sum((c.total for c in after.values()), D(0)) - sum((c.total for c in before.values()), D(0))
    assert found.change == change
    assert sum(found.parts.values(), D(0)) == change


def test_the_summary_says_what_where_since_when_and_why() -> None:
    text = summarise(
        Facts(
            "cost", "Fjordlight", "$ 12.00", "$ 2.00", True, "22:00",
            [("98 %", "key", "agent-sandbox")], [("volume", "+$ 8.00"), ("size", "+$ 2.00")],
        )
    )  # fmt: skip

    assert text == (
        "Cost of Fjordlight has been above what was expected since 22:00: $ 12.00 instead of $ 2.00. "
        "Most of the change comes from key agent-sandbox (98 %). "
        "By effect: number of requests +$ 8.00, tokens per request +$ 2.00."
    )


FACTS = {"actual": "$ 12.00", "expected": "$ 2.00", "cause": "key agent-7"}


def test_figures_are_inserted_by_us() -> None:
    assert filled("Cost is {actual}, not {expected}: {cause}.", FACTS) == "Cost is $ 12.00, not $ 2.00: key agent-7."


@pytest.mark.parametrize(
    "text", ["Cost is 12 dollars, {actual}.", "{actual} of {secret}", "{actual} {broken", "nothing", "{actual}" * 200]
)
def test_a_text_with_figures_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        filled(text, FACTS)


def test_the_model_sees_names_of_figures_and_no_figure() -> None:
    asked: dict[str, Any] = {}

    def create(**request: Any) -> Any:
        asked.update(request)
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content="{actual}, not {expected}"))])

    client: Any = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    meanings = {"actual": "what it cost", "expected": "what was expected", "cause": "where it comes from"}

    assert narrate(client, "gpt-5.4-mini", FACTS, meanings) == "$ 12.00, not $ 2.00"
    assert asked["model"] == "gpt-5.4-mini"
    sent = str(asked["messages"])
    assert not any(value in sent for value in FACTS.values())
