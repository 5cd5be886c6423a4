import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.text import write_accented, write_prose
from gateway.simulator.tokens import count_tokens, split_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("Hello, world!", ["Hello", ",", " world", "!"]),
        ("configuration", ["configur", "ation"]),
        ("in 12345", ["in", " 123", "45"]),
        ("a\n\n b", ["a", "\n\n ", "b"]),
        ("漢字 é", ["漢", "字", " é"]),
    ],
)
def test_rule(text, tokens):
    assert split_tokens(text) == tokens
    assert count_tokens(text) == len(tokens)


@given(st.text())
def test_splitting_loses_nothing(text):
    assert "".join(split_tokens(text)) == text


@given(st.integers(0, 400), st.integers())
def test_prose_has_exactly_the_tokens_asked_for(tokens, seed):
    written = write_prose(random.Random(seed), tokens)

    assert len(written) == tokens
    assert split_tokens("".join(written)) == written


def test_accented_text_is_multibyte_in_every_second_token():
    written = write_accented(random.Random(1), 6)

    assert [len(token.encode()) > 1 for token in written[::2]] == [True, True, True]
