"""Reading an opinion strictly. Pure."""

from decimal import Decimal

import pytest

from gateway.scores import BadScoreError, Opinion, read

GOOD = {"request_id": "req_1", "name": "helpfulness", "source": "user", "score": 0.8}


def test_a_good_one():
    assert read(GOOD) == Opinion("req_1", "helpfulness", "user", Decimal("0.80000"), None)
    assert read({**GOOD, "score": None, "label": " fine "}).label == "fine"
    assert read({**GOOD, "score": 1}).score == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"score": 1.01}, "score"),
        ({"score": -0.000001}, "score"),
        ({"score": True}, "score"),
        ({"score": "0.5"}, "score"),
        ({"score": float("nan")}, "score"),
        ({"score": 1e300}, "score"),
        ({"score": None}, "score"),
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": None}, "name"),
        ({"source": 3}, "source"),
        ({"request_id": "a\0"}, "request_id"),
        ({"label": ["a"]}, "label"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_ones(change, field):
    with pytest.raises(BadScoreError) as caught:
        read({**GOOD, **change})

    assert caught.value.field == field
