"""The purpose in a form that comes in pieces."""

import pytest

from finetuning.dataplane.peeking import Peek
from gateway.dataplane.forms import FormError

TYPE = "multipart/form-data; boundary=xyz"
PURPOSE = b'--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
FILE = (
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="purpose"\r\nContent-Type: x/y\r\n\r\n'
    b'{"name="purpose": 1}\r\n--xy\r\n'
)
END = b"--xyz--\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize(
    ("body", "needed"),
    [(PURPOSE + FILE + END, len(PURPOSE)), (FILE + PURPOSE + END, len(FILE) + len(PURPOSE))],
)  # fmt: skip
def test_it_is_told_once_it_is_whole(body, needed, size):
    peek, told = Peek(TYPE), None
    for start in range(0, len(body), size):
        told = peek.add(body[start : start + size])
        if told is not None:
            break

    assert told == "fine-tune"
    assert peek.body == body[: len(peek)]
    assert needed + len(b"--xyz") <= len(peek) < needed + len(b"--xyz") + size or len(peek) == len(body)


def test_a_form_without_it():
    body, peek, size = FILE + END, Peek(TYPE), 5

    told = [peek.add(body[start : start + size]) for start in range(0, len(body), size)]

    assert told[-1] == ""
    assert set(told[:-2]) == {None}


def test_names_without_quotes_and_capitals():
    body = PURPOSE.replace(b'name="purpose"', b"NAME=purpose").replace(b"Content-D", b"content-d") + END

    assert Peek(TYPE).add(body) == "fine-tune"


def test_no_form():
    with pytest.raises(FormError, match="must be multipart"):
        Peek("application/json")
