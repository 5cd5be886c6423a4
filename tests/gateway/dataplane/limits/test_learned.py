"""What a call reserves that sets no limit on its answer: what answers like it were long."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.limits.learned import ENOUGH, MAX_KEPT, LearnedLengths, Lengths, bucket_of, longest_in


@given(st.integers(0, 10_000_000))
def test_a_bucket_is_at_most_an_eighth_too_long(tokens: int) -> None:
    longest = longest_in(bucket_of(tokens))

    assert tokens <= longest <= tokens + tokens // 8
    assert bucket_of(longest) == bucket_of(tokens)
    assert bucket_of(longest + 1) == bucket_of(tokens) + 1


def test_nothing_is_known_before_there_were_enough() -> None:
    lengths = Lengths()
    for _ in range(ENOUGH - 1):
        lengths.add(100)

    assert lengths.long is None
    lengths.add(100)
    assert lengths.long == longest_in(bucket_of(100)) == 103


def test_ninety_five_of_a_hundred_are_not_longer() -> None:
    lengths = Lengths()
    for tokens in range(1, 201):
        lengths.add(tokens)

    assert lengths.long == longest_in(bucket_of(190)) == 191


def test_the_latest_answers_matter_most() -> None:
    lengths = Lengths()
    for _ in range(400):
        lengths.add(15)
    assert lengths.long == 15

    for _ in range(400):
        lengths.add(4_000)

    assert lengths.long == longest_in(bucket_of(4_000)) == 4_095


def test_memory_is_bounded() -> None:
    learned = LearnedLengths()
    for model in range(MAX_KEPT + 5):
        for _ in range(ENOUGH):
            learned.add(("org", f"m{model}"), 9)

    assert (learned.long(("org", "m0")), learned.long(("org", f"m{MAX_KEPT + 4}"))) == (None, 9)
