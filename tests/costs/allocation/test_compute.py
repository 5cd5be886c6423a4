"""Allocations of lines in the ledger: worked examples, and any rules over any lines against a plain loop."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.allocation.compute import compute, rules_of
from costs.allocation.engine import Allocation
from costs.models import CostCenter
from costs.services import allocation
from gateway.ledger.schema import TABLE
from tests.factories import Acme, book_lines, line

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def center(company: Acme, code: str) -> CostCenter:
    return allocation.create_cost_center(organization=company.organization, actor=None, code=code, name=code.title())


def rule(company: Acme, name: str, method: str, targets: dict[str, Any], **more: Any) -> Any:
    return allocation.create_rule(
        organization=company.organization, actor=None, name=name, method=method, targets=targets,
        **{"valid_from": JUNE, **more},
    )  # fmt: skip


def spent(company: Acme, *costs: tuple[str, dict[str, Any]]) -> None:
    book_lines(*(line(company, **{"at": JUNE + DAY, "cost": Decimal(cost), **more}) for cost, more in costs))


def june(company: Acme, end: datetime = JULY) -> Allocation:
    known = rules_of(company.organization, (JUNE, end))
    return compute(company.organization, (JUNE, end), "USD", known)


def by_code(done: Allocation) -> dict[str, Decimal]:
    codes = dict(CostCenter.objects.values_list("pk", "code"))
    return {codes[pk]: amount for pk, amount in done.amounts.items()}


def test_the_first_rule_takes_a_line_and_what_none_takes_is_unallocated(company: Acme) -> None:
    search, ads = center(company, "search"), center(company, "ads")
    met = [{"dimension": "team", "op": "in", "values": [str(company.search.pk)]}]
    rule(company, "Search", "direct", {"cost_center": str(search.pk)}, conditions=met, position=2)
    tagged = [{"dimension": "tag.campaign", "op": "prefix", "values": ["ad-"]}]
    rule(company, "Campaigns", "direct", {"cost_center": str(ads.pk)}, conditions=tagged, position=1)
    spent(
        company, ("10", {}), ("2", {"tag_set": {"campaign": "ad-7"}}), ("5", {"project": company.banner}),
        ("1", {"project": company.banner, "tag_set": {"campaign": "brand"}}),
    )  # fmt: skip

    done = june(company)

    assert by_code(done) == {"search": 10, "ads": 2}
    assert (done.total, done.allocated, done.unallocated) == (18, 12, 6)
    assert {a.rule.name: (a.amount, a.lines) for a in done.applied.values()} == {"Search": (10, 1), "Campaigns": (2, 1)}


def test_a_dimension_names_the_centers(company: Acme) -> None:
    one, two = center(company, "one"), center(company, "two")
    rule(
        company,
        "By tag",
        "direct",
        {
            "by": "tag.cc",
            "values": [{"value": v, "cost_center": str(c.pk)} for v, c in (("1", one), ("01", one), ("2", two))],
        },
    )
    spent(
        company, *((cost, {"tag_set": {"cc": tag}}) for cost, tag in [("1", "1"), ("2", "01"), ("4", "2"), ("8", "3")])
    )

    done = june(company)

    assert by_code(done) == {"one": 3, "two": 4}
    assert done.unallocated == 8


def test_shared_costs_by_what_each_caused(company: Acme) -> None:
    search, ads = center(company, "search"), center(company, "ads")
    teams = [
        {"value": str(company.search.pk), "cost_center": str(search.pk)},
        {"value": str(company.ads.pk), "cost_center": str(ads.pk)},
    ]
    both = [str(search.pk), str(ads.pk)]
    shared = [{"dimension": "model", "op": "in", "values": ["embeddings"]}]
    rule(
        company,
        "Shared",
        "proportional",
        {"cost_centers": both, "metric": "total_tokens"},
        conditions=shared,
        position=1,
    )
    rule(company, "Teams", "direct", {"by": "team", "values": teams}, position=2)
    spent(
        company, ("10", {"input_tokens": 2000, "output_tokens": 0}),
        ("10", {"project": company.banner, "input_tokens": 500, "output_tokens": 500}),
        ("9", {"model_served": "embeddings"}),
    )  # fmt: skip

    assert by_code(june(company)) == {"search": 16, "ads": 13}  # 9 by 2,000 : 1,000 tokens


def test_percentages_even_shares_and_tiers(company: Acme) -> None:
    ids = [str(center(company, code).pk) for code in ("a", "b", "c")]
    on = {name: [{"dimension": "provider", "op": "in", "values": [name]}] for name in ("fixed", "even", "tiered")}
    shares = [{"cost_center": ids[0], "percent": "62.5"}, {"cost_center": ids[1], "percent": "37.5"}]
    rule(company, "Fixed", "fixed", {"shares": shares}, conditions=on["fixed"])
    rule(company, "Even", "even", {"cost_centers": ids}, conditions=on["even"])
    tiers = [
        {"up_to": "3", "shares": [{"cost_center": ids[2], "percent": "100"}]},
        {"up_to": None, "shares": [{"cost_center": ids[0], "percent": "50"}, {"cost_center": ids[1], "percent": "50"}]},
    ]
    rule(company, "Tiered", "tiered", {"tiers": tiers}, conditions=on["tiered"])
    spent(company, ("8", {"provider": "fixed"}), ("1", {"provider": "even"}), ("5", {"provider": "tiered"}))

    # a: 5 + ⅓ + 1, b: 3 + ⅓ + 1, c: ⅓ + 3
    assert by_code(june(company)) == {
        "a": Decimal("6.3333333334"), "b": Decimal("4.3333333333"), "c": Decimal("3.3333333333"),
    }  # fmt: skip


def test_tiers_go_on_where_another_rule_cuts_the_month(company: Acme) -> None:
    low, high, other = (center(company, code) for code in ("low", "high", "other"))
    tiers = [
        {"up_to": "5", "shares": [{"cost_center": str(low.pk), "percent": "100"}]},
        {"up_to": None, "shares": [{"cost_center": str(high.pk), "percent": "100"}]},
    ]
    rule(company, "Tiered", "tiered", {"tiers": tiers})
    rule(company, "Later", "direct", {"cost_center": str(other.pk)}, valid_from=JUNE + 20 * DAY, position=500)
    spent(company, ("4", {}), ("4", {"at": JUNE + 25 * DAY}))

    assert by_code(june(company)) == {"low": 5, "high": 3}


def test_a_fixed_cost_is_shared_by_elapsed_time(company: Acme) -> None:
    ids = [str(center(company, code).pk) for code in ("a", "b")]
    rule(company, "Platform", "even", {"cost_centers": ids}, monthly_amount=Decimal("3000"))
    spent(company, ("7", {}))

    whole, third = june(company), june(company, JUNE + 10 * DAY)

    assert (by_code(whole), whole.total, whole.fixed, whole.unallocated) == ({"a": 1500, "b": 1500}, 3007, 3000, 7)
    assert by_code(third) == {"a": 500, "b": 500}


def test_nobody_caused_anything_so_it_is_unallocated(company: Acme) -> None:
    one = center(company, "one")
    rule(company, "Shared", "proportional", {"cost_centers": [str(one.pk)], "metric": "requests"})
    spent(company, ("7", {}))

    done = june(company)

    assert (done.allocated, done.unallocated) == (0, 7)
    assert [a.unallocated for a in done.applied.values()] == [7]


def test_other_currencies_and_lines_without_a_price_are_told(company: Acme) -> None:
    spent(company, ("7", {}), ("3", {"currency": "EUR"}))
    book_lines(line(company, at=JUNE + DAY, cost=None, list_cost=None, price_status="unpriced", charges=[]))

    done = june(company)

    assert (done.total, dict(done.other), done.unpriced_lines) == (7, {"EUR": 3}, 1)


def test_other_organizations_lines_are_theirs(company: Acme) -> None:
    spent(company, ("7", {}), ("100", {"project": company.globex_project}))

    assert june(company).total == 7


def test_one_statement_for_a_month(company: Acme) -> None:
    one = center(company, "one")
    for number in range(20):
        met = [{"dimension": "model", "op": "in", "values": [f"m{number}"]}]
        rule(company, f"Rule {number}", "direct", {"cost_center": str(one.pk)}, conditions=met)
    known = rules_of(company.organization, (JUNE, JULY))

    with CaptureQueriesContext(connection) as asked:
        compute(company.organization, (JUNE, JULY), "USD", known)

    assert len(asked) == 1


DIMENSIONS = {"provider": ["openai", "anthropic"], "model": ["gpt-4o", "gpt-5", "claude"], "tag.f": ["x", "y", None]}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_any_rules_over_any_lines(company: Acme, seed: int) -> None:
    """Every line is given to exactly one rule, as a loop over the lines would, and the parts sum to the total."""
    rng = random.Random(seed)
    connection.cursor().execute(f"SET LOCAL session_replication_role = replica; TRUNCATE {TABLE}")
    connection.cursor().execute("SET LOCAL session_replication_role = origin")
    CostCenter.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    from costs.models import AllocationRule, DirectCenter

    DirectCenter.objects.all().delete()
    AllocationRule.objects.all().delete()
    ids = [str(center(company, f"c{number}").pk) for number in range(4)]
    rules = [_random_rule(company, rng, ids, number) for number in range(rng.randint(1, 6))]
    lines = [_random_line(company, rng) for _ in range(rng.randint(0, 40))]
    if lines:
        book_lines(*lines)

    done = june(company)

    taken: dict[UUID | None, Decimal] = defaultdict(Decimal)
    for one in lines:
        taken[next((row.pk for row in rules if _meets(row, one)), None)] += one["cost"]
    assert done.total == sum(taken.values())
    assert done.allocated + done.unallocated == done.total
    assert {pk: a.amount for pk, a in done.applied.items() if a.amount} == {k: v for k, v in taken.items() if k and v}
    assert sum(done.basis.values()) == done.allocated


def _random_rule(company: Acme, rng: random.Random, ids: list[str], number: int) -> Any:
    dimension = rng.choice(list(DIMENSIONS))
    values = [value for value in DIMENSIONS[dimension] if value]
    op = rng.choice(["in", "not_in", "prefix"])
    met = [{"dimension": dimension, "op": op, "values": rng.sample(values, rng.randint(1, len(values)))}]
    percent = [str(part) for part in rng.choice([["100"], ["33.3", "66.7"], ["1", "2.5", "96.5"]])]
    shares = [{"cost_center": c, "percent": p} for c, p in zip(rng.sample(ids, len(percent)), percent, strict=True)]
    method, targets = rng.choice(
        [
            ("direct", {"cost_center": rng.choice(ids)}),
            ("even", {"cost_centers": rng.sample(ids, rng.randint(1, 4))}),
            ("proportional", {"cost_centers": rng.sample(ids, 2), "metric": rng.choice(["cost", "requests"])}),
            ("fixed", {"shares": shares}),
            (
                "tiered",
                {
                    "tiers": [
                        {"up_to": "0.5", "shares": shares},
                        {"up_to": None, "shares": shares[:1] if len(shares) == 1 else shares},
                    ]
                },
            ),
        ]
    )
    return rule(company, f"r{number}", method, targets, conditions=met, position=number)


def _random_line(company: Acme, rng: random.Random) -> dict[str, Any]:
    tag = rng.choice(DIMENSIONS["tag.f"])
    return line(
        company, at=JUNE + timedelta(seconds=rng.randrange(30 * 86_400)), provider=rng.choice(DIMENSIONS["provider"]),
        model_served=rng.choice(DIMENSIONS["model"]), tag_set={"f": tag} if tag else None,
        cost=Decimal(rng.randint(-(10**8), 10**12)).scaleb(-10),
    )  # fmt: skip


def _meets(row: Any, one: dict[str, Any]) -> bool:
    condition = row.conditions[0]
    columns = {"provider": one["provider"], "model": one["model_served"], "tag.f": (one["tag_set"] or {}).get("f")}
    value, values = columns[condition["dimension"]], condition["values"]
    if condition["op"] == "prefix":
        return value is not None and any(value.startswith(start) for start in values)
    return (value in values) == (condition["op"] == "in")
