"""What a rule may say: everything that would not allocate exactly all of its amount is refused."""

from typing import Any
from uuid import UUID

import pytest

from costs.allocation.rules import RuleError, parse

A, B = str(UUID(int=1)), str(UUID(int=2))


def share(center: str, percent: Any) -> dict[str, Any]:
    return {"cost_center": center, "percent": percent}


@pytest.mark.parametrize(
    ("method", "targets", "message"),
    [
        ("fixed", {"shares": [share(A, "33.3333333333"), share(B, "66.6666666666")]}, "sum to 99.9999999999, not"),
        ("fixed", {"shares": [share(A, "50"), share(A, "50")]}, "named once"),
        ("fixed", {"shares": [share(A, "110"), share(B, "-10")]}, "above 0"),
        ("fixed", {"shares": [share(A, 0.5)]}, "no decimal string"),
        ("fixed", {"shares": []}, "a list of 1 to 200"),
        ("fixed", {"shares": [share("x", "100")]}, "no id of a cost centre"),
        ("even", {"cost_centers": [A, A]}, "named once"),
        ("even", {"shares": []}, "a rule of method even takes cost_centers"),
        ("proportional", {"cost_centers": [A], "metric": "latency_p95"}, "The metric is one of cost"),
        ("direct", {}, "names one cost_center, or a dimension"),
        ("direct", {"cost_center": A, "by": "team", "values": []}, "names one cost_center, or a dimension"),
        ("direct", {"by": "colour", "values": [{"value": "red", "cost_center": A}]}, "No dimension 'colour'"),
        ("direct", {"by": "team", "values": [{"value": "search", "cost_center": A}]}, "no id of a team"),
        ("tiered", {"tiers": [{"up_to": "5", "shares": [share(A, "100")]}]}, "last tier is open"),
        (
            "tiered",
            {"tiers": [{"up_to": n, "shares": [share(A, "100")]} for n in ("5", "5", None)]},
            "ends above the one before",
        ),
        ("lottery", {}, "The method is one of"),
    ],
)
def test_targets_that_cannot_stand(method: str, targets: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse(method, [], targets, is_fixed_cost=False)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ([{"dimension": "team", "op": "prefix", "values": [A]}], "named whole"),
        ([{"dimension": "tag.", "op": "in", "values": ["x"]}], "No dimension"),
        ([{"dimension": "model", "op": "like", "values": ["x"]}], "The op is one of"),
        ([{"dimension": "model", "op": "in", "values": []}], "a list of 1 to 500"),
        ([{"dimension": "model", "op": "in", "values": ["a\x00"]}], "a text of 1 to 200"),
        ([{"dimension": "model"}], "has dimension, op and values"),
        ({}, "conditions is a list"),
    ],
)
def test_conditions_that_cannot_stand(conditions: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse("direct", conditions, {"cost_center": A}, is_fixed_cost=False)


def test_a_fixed_cost_has_no_charges() -> None:
    met = [{"dimension": "model", "op": "in", "values": ["x"]}]
    with pytest.raises(RuleError, match="no charges"):
        parse("even", met, {"cost_centers": [A]}, is_fixed_cost=True)
    with pytest.raises(RuleError, match="has no dimension"):
        parse("direct", [], {"by": "team", "values": [{"value": A, "cost_center": A}]}, is_fixed_cost=True)
