import math

import pytest

from gateway.simulator.embeddings import embed


def cosine(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("dimensions", [None, 256, 1])
def test_unit_length(dimensions):
    vector = embed(["a", " b"], seed=7, width=1_536, dimensions=dimensions)

    assert len(vector) == (dimensions or 1_536)
    assert math.isclose(cosine(vector, vector), 1, abs_tol=1e-6)


def test_fewer_dimensions_are_the_beginning_renormalised():
    full = embed(["x"], seed=7, width=1_536)
    short = embed(["x"], seed=7, width=1_536, dimensions=64)
    norm = math.sqrt(sum(value * value for value in full[:64]))

    assert all(math.isclose(s, f / norm, rel_tol=1e-5) for s, f in zip(short, full[:64], strict=True))


def test_equal_texts_are_equal_and_shared_words_bring_near():
    cats = embed(["the", " cat", " sat"], seed=7, width=1_536)
    cats_again = embed(["the", " cat", " sat"], seed=7, width=1_536)
    more_cats = embed(["the", " cat", " sat", " down"], seed=7, width=1_536)
    stocks = embed(["markets", " fell", " sharply"], seed=7, width=1_536)

    assert cats == cats_again
    assert cosine(cats, more_cats) > 0.6
    assert abs(cosine(cats, stocks)) < 0.2
    assert embed(["the"], seed=8, width=1_536) != embed(["the"], seed=7, width=1_536)
