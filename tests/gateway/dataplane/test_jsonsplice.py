"""Edits of a body as text: what stays, what is found, and how long the longest body may take."""

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane import jsonsplice
from gateway.dataplane.call import new_call, parse
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError

CHAT = ENDPOINTS["/v1/chat/completions"]
MANY = b"[" + b"[]," * 3_000_000 + b"1]"
WORDS = st.text(max_size=6)
JSON = st.none() | st.integers(-9, 9) | WORDS | st.lists(WORDS, max_size=3) | st.dictionaries(WORDS, WORDS, max_size=3)


@given(
    fields=st.dictionaries(st.sampled_from(["model", "stream_options", "x", "modél", ""]), JSON, min_size=1),
    changes=st.dictionaries(st.sampled_from(["model", "stream_options"]), JSON, min_size=1),
)
def test_a_splice_sets_what_it_is_told_and_nothing_else(fields: dict[str, object], changes: dict[str, object]) -> None:
    spliced = jsonsplice.splice(orjson.dumps(fields), changes, fields)

    assert orjson.loads(spliced) == fields | changes


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"model":"a","x":1,"x":2}', "x"),
        (b'{"model":"a","x":"x","x" : 2}', "x"),
        (b'{"model":"a","mod\\u0065l":"b"}', "model"),
        (b'{"n":1,"\\u006e":2}', "n"),
    ],
)
def test_a_repeated_key_is_found(body: bytes, key: str) -> None:
    with pytest.raises(jsonsplice.DuplicateKeyError, match=f"^{key}$"):
        jsonsplice.refuse_duplicates(body, orjson.loads(body))


@pytest.mark.parametrize(
    "body", [b'{"user":"user","m":{"user":1}}', b'{"a":"\\u0041","b":[{"a":1,"a":2}]}', b'{"a":"{\\"a\\":1}"}']
)
def test_the_same_word_elsewhere_is_no_repetition(body: bytes) -> None:
    jsonsplice.refuse_duplicates(body, orjson.loads(body))


@pytest.mark.slow
def test_millions_of_brackets_hold_nobody_up() -> None:
    body = b'{"model":"a","stream":true,"messages":[],"x":' + MANY + b"}"
    fields = orjson.loads(body)
    started = time.process_time()

    jsonsplice.refuse_duplicates(body, fields)
    spliced = jsonsplice.splice(body, {"model": "b", "stream_options": {"include_usage": True}}, fields)

    assert time.process_time() - started < 1
    assert spliced == b'{"stream_options":{"include_usage":true},"model":"b"' + body[12:]


@pytest.mark.slow
def test_a_body_that_would_have_to_be_walked_over_is_refused_when_too_long() -> None:
    body = b'{"model":"a","stream":true,"stream_options":{"a":1},"messages":[],"x":' + MANY + b"}"

    with pytest.raises(ApiError, match="more than 250,000 parts"):
        parse(new_call(CHAT, {}, ""), body)
