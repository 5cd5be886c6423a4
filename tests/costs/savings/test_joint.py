"""All proposals over the same lines: by hand, and for any of them (hypothesis)."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.savings.candidates import Candidate, View
from costs.savings.joint import STAGES, replay_alone, replay_jointly
from costs.savings.lines import CACHE_READ, INPUT, OUTPUT
from costs.savings.proposals import Category, Change, Effort, Risk, Slice
from costs.savings.replay import Apply, Part, in_context, moved, removed
from costs.savings.search import search
from costs.savings.units import money, total
from tests.costs.savings.ledgers import Call, view

CALL = Call()
LONG = CALL.but(output=2000)


def candidate(category: Category, rows: list[int], apply: Apply, name: str = "") -> Candidate:
    return Candidate(
        Change(category), Slice(), name, np.asarray(rows, dtype=np.int64), apply, Effort.LOW, Risk.NONE, (), (),
        identity=name,
    )  # fmt: skip


def together(seen: View, *candidates: Candidate, least: int = 1) -> list[tuple[str, Decimal]]:
    alone = [replay_alone(seen, one) for one in candidates]
    return [(one.alone.candidate.title, money(one.saving)) for one in replay_jointly(seen, alone, least)]


def test_each_step_saves_of_what_the_one_before_has_left() -> None:
    # 10 calls of gpt-4o at 0.0225: 4 are left out, 6 move to gpt-4o-mini (0.00015 + 0.0012 = 0.00135), then to a batch
    # (0.000675)
    seen = view([LONG.but(minute=n) for n in range(10)])
    everything = list(range(10))

    found = together(
        seen,
        candidate(Category.BATCH, everything, in_context(seen.pricer, processing="batch"), "batch"),
        candidate(Category.CHEAPER_MODEL, everything, moved(seen.pricer, "openai", "gpt-4o-mini"), "model"),
        candidate(Category.DUPLICATE_CACHING, [0, 1, 2, 3], removed, "cache"),
    )  # fmt: skip

    assert found == [
        ("cache", 4 * Decimal("0.0225")), ("model", 6 * Decimal("0.02115")), ("batch", 6 * Decimal("0.000675")),
    ]  # fmt: skip
    assert sum(saving for _, saving in found) == 10 * Decimal("0.0225") - 6 * Decimal("0.000675")


def test_of_two_targets_for_a_slice_the_cheaper_one_stays_and_the_other_keeps_the_rest() -> None:
    seen = view([LONG.but(minute=n) for n in range(10)])
    mini = candidate(Category.CHEAPER_MODEL, [0, 1, 2, 3], moved(seen.pricer, "openai", "gpt-4o-mini"), "mini")
    other = candidate(Category.CHEAPER_PROVIDER, [2, 3, 4], moved(seen.pricer, "openai", "gpt-4.1"), "other")

    # gpt-4.1: 0.002 + 0.016 = 0.018, so 0.0045 a call; only line 4 is left to it
    assert together(seen, other, mini) == [("mini", 4 * Decimal("0.02115")), ("other", Decimal("0.0045"))]


def test_what_is_left_with_too_little_is_dropped_and_gives_its_lines_back() -> None:
    seen = view([LONG.but(minute=n) for n in range(10)])
    mini = candidate(Category.CHEAPER_MODEL, [0, 1, 2, 3], moved(seen.pricer, "openai", "gpt-4o-mini"), "mini")
    other = candidate(Category.CHEAPER_PROVIDER, [2, 3, 4], moved(seen.pricer, "openai", "gpt-4.1"), "other")
    batch = candidate(Category.BATCH, [2, 4], in_context(seen.pricer, processing="batch"), "batch")

    # without "other", line 4 is still gpt-4o when the batch comes: 0.01125 of it and 0.000675 of line 2
    least = 50_000_000
    assert together(seen, other, mini, batch, least=least) == [
        ("mini", 4 * Decimal("0.02115")), ("batch", Decimal("0.011925")),
    ]  # fmt: skip


def test_a_line_that_cannot_be_priced_under_a_change_stays_as_it_is() -> None:
    seen = view([LONG.but(minute=n, cost=Decimal(1) if n == 3 else None) for n in range(10)])
    everything = list(range(10))

    unknown = candidate(Category.CHEAPER_MODEL, everything, moved(seen.pricer, "openai", "nobody-knows-it"), "unknown")
    batch = candidate(Category.BATCH, everything, in_context(seen.pricer, processing="batch"), "batch")
    out = candidate(Category.FAILED_CALLS, [3], removed, "out")

    # line 3 costs what the book does not say: it can only be left out whole
    assert together(seen, unknown, batch, out) == [("out", Decimal(1)), ("batch", 9 * Decimal("0.01125"))]


def cut(part: Part) -> None:
    part.tokens[OUTPUT] = np.minimum(part.tokens[OUTPUT], 300)


def read(part: Part) -> None:
    part.tokens[CACHE_READ] = np.maximum(part.tokens[CACHE_READ], part.tokens[INPUT] // 2)


CHANGES = {
    Category.FAILED_CALLS: lambda seen: removed,
    Category.DUPLICATE_CACHING: lambda seen: removed,
    Category.CHEAPER_MODEL: lambda seen: moved(seen.pricer, "openai", "gpt-4o-mini"),
    Category.CHEAPER_PROVIDER: lambda seen: moved(seen.pricer, "openai", "o3"),
    Category.OUTPUT_LENGTH: lambda seen: cut,
    Category.PROMPT_CACHING: lambda seen: read,
    Category.BATCH: lambda seen: in_context(seen.pricer, processing="batch"),
}
MODELS = st.sampled_from(["gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3"])
TOKENS = st.integers(0, 5000)


@st.composite
def calls(draw: st.DrawFn) -> list[Call]:
    one = st.builds(
        lambda model, given, cached, output, odd: CALL.but(
            model=model, input=given + cached, cache_read=cached, output=output, cost=Decimal(3) if odd else None
        ),
        MODELS, TOKENS, TOKENS, TOKENS, st.booleans(),
    )  # fmt: skip
    return [call.but(minute=n) for n, call in enumerate(draw(st.lists(one, min_size=1, max_size=12)))]


@pytest.mark.slow
@settings(max_examples=150)
@given(calls(), st.data())
def test_the_joint_savings_add_up_and_no_line_saves_more_than_it_cost(ledger: list[Call], data: st.DataObject) -> None:
    seen = view(ledger)
    rows = st.lists(st.integers(0, len(ledger) - 1), unique=True, min_size=1)
    chosen = data.draw(st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), rows), max_size=8))
    alone = [
        replay_alone(seen, candidate(category, sorted(lines), CHANGES[category](seen), str(number)))
        for number, (category, lines) in enumerate(chosen)
    ]

    found = replay_jointly(seen, alone, 1)

    saved, touched = np.zeros(len(ledger), dtype=np.int64), {}
    for one in found:
        saved[one.rows] += one.saved
        assert 0 < one.saving <= total(seen.lines.cost[one.alone.candidate.rows])
        stage = STAGES[one.alone.candidate.change.category]
        assert not touched.get(stage, set()) & set(one.rows.tolist())
        touched.setdefault(stage, set()).update(one.rows.tolist())
    assert (saved <= seen.lines.cost).all()
    assert sum(one.saving for one in found) == total(saved)


@pytest.mark.parametrize("days", [1, 10, 30])
def test_a_search_adds_up_to_the_last_digit(days: int) -> None:
    night = [LONG.but(minute=1440 * (n % days) + 60 + 0.1 * (n // days), asked=1 + n % 70) for n in range(2000)]
    office = [CALL.but(minute=1440 * (n % days) + 600 + n // days, project="desk", is_stream=True) for n in range(2000)]

    answer = search(view([*night, *office], days=days))

    assert {Category.DUPLICATE_CACHING, Category.CHEAPER_MODEL} <= {one.category for one in answer.proposals}
    assert answer.joint_saving == sum(one.joint_saving for one in answer.proposals)
    for one in answer.proposals:
        assert 0 < one.joint_saving <= one.saving <= one.actual_cost
        assert one.interval.lower <= one.saving <= one.interval.upper
    assert answer.joint_interval is not None
    assert answer.joint_interval.lower <= answer.joint_saving <= answer.joint_interval.upper
