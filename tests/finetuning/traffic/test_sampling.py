"""Stratified samples and their distance from traffic; figures reckoned by hand."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetuning.traffic import drift, sample, traits_of
from finetuning.traffic.drift import by_chance, jensen_shannon
from finetuning.traffic.sampling import ALLOCATIONS, EQUAL
from tests.finetuning.conftest import chat

STRATA = ["a"] * 60 + ["b"] * 30 + ["c"] * 10


def drawn(size: int, **options: object) -> Counter[str]:
    return Counter(STRATA[place] for place in sample(STRATA, size, seed=1, **options))  # type: ignore[arg-type]


def test_shares_are_kept():
    assert drawn(20) == {"a": 12, "b": 6, "c": 2}


def test_the_largest_remainders_get_what_is_left():
    # claims 4.2, 2.1, 0.7: whole parts 4, 2, 0; the seventh goes to the remainder 0.7
    assert drawn(7) == {"a": 4, "b": 2, "c": 1}


def test_equal_parts_fill_up_from_those_that_have_more():
    assert drawn(45, allocation=EQUAL) == {"a": 18, "b": 17, "c": 10}


def test_a_seed_is_a_sample():
    assert sample(STRATA, 20, seed=1) == sample(STRATA, 20, seed=1)
    assert sample(STRATA, 20, seed=1) != sample(STRATA, 20, seed=2)


@given(
    st.lists(st.sampled_from("abcde")), st.integers(min_value=0, max_value=40), st.sampled_from(ALLOCATIONS),
    st.integers(min_value=0),
)  # fmt: skip
def test_every_sample_is_of_its_size_and_in_order(strata, size, allocation, seed):
    taken = sample(strata, size, seed=seed, allocation=allocation)

    assert len(taken) == min(size, len(strata))
    assert taken == sorted(set(taken))
    assert all(0 <= place < len(strata) for place in taken)


def test_jensen_shannon():
    assert jensen_shannon([1, 0], [0, 1]) == 1
    assert jensen_shannon([0.5, 0.5], [0.5, 0.5]) == 0
    # M = (0.75, 0.25): ½ log₂(1/0.75) + ½ (½ log₂(0.5/0.75) + ½ log₂(0.5/0.25)) = 0.20752 - 0.14624 + 0.25
    assert jensen_shannon([1, 0], [0.5, 0.5]) == pytest.approx(0.31128, abs=1e-5)


def test_what_chance_makes():
    # (2 - 1)(1/100 + 1/100) / (8 ln 2)
    assert by_chance(2, 100, 100) == pytest.approx(0.0036067, abs=1e-7)


def traits(language: str, refusal: str) -> dict[str, str]:
    return {"language": language, "length": "up to 200", "refusal": refusal}


def test_drift_is_told_by_trait():
    ours = [traits("en", "yes")] * 60 + [traits("en", "no")] * 40
    theirs = [traits("en", "yes")] * 5 + [traits("en", "no")] * 95

    found = drift(ours, theirs)

    by_trait = {one.trait: one for one in found.traits}
    assert (by_trait["language"].divergence, by_trait["length"].divergence) == (0, 0)
    assert by_trait["refusal"].shares == {"no": (0.4, 0.95), "yes": (0.6, 0.05)}
    # H(0.675) - (H(0.4) + H(0.05)) / 2 = 0.90973 - (0.97095 + 0.28640) / 2, H in bits
    assert by_trait["refusal"].divergence == found.score == 0.2811
    assert [one.differs for one in found.traits] == [False, False, True]


def test_small_samples_do_not_differ_by_chance():
    found = drift([traits("en", "no")] * 3 + [traits("de", "no")], [traits("en", "no")] * 4)

    (language, *_) = found.traits
    assert language.divergence > 0.1
    assert language.differs is False


def test_no_traffic_no_score():
    assert drift([traits("en", "no")], []).score is None


@pytest.mark.parametrize(
    ("record", "language", "length", "refusal"),
    [
        (chat("How do I change my delivery address?", "In your account.", system=""), "en", "up to 200", "no"),
        (chat("Wie kann ich meine Lieferadresse ändern, bitte?", "Im Konto. " * 30), "de", "up to 800", "no"),
        (chat("ok", "I'm sorry, but I can't help with that.", system=""), "unsure", "up to 200", "yes"),
        (chat("What is the weather like in Bonn?", "x" * 20_000), "en", "longer", "no"),
    ],
)
def test_traits(record, language, length, refusal):
    assert traits_of(record) == {"language": language, "length": length, "refusal": refusal}
