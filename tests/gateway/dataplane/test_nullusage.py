"""Streams on their way past: what is taken out of a chunk, byte for byte, and what stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.watchers import OpenAIWatcher

HOSTILE = (  # what a text may hold to look like the member
    '"usage":null', ',"usage":null}', ',"usage": null,', '{"usage":null,', '\\",\\"usage\\":null', "\\", '"}', "\n\n",
)  # fmt: skip
TEXTS = st.lists(st.one_of(st.text(max_size=8), st.sampled_from(HOSTILE)), max_size=5).map("".join)
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.integers(-5, 5), st.booleans()),
    lambda deeper: st.one_of(
        st.lists(deeper, max_size=3),
        st.dictionaries(st.one_of(TEXTS, st.just("usage")), deeper, max_size=3),
    ),
    max_leaves=8,
)
MEMBERS = st.dictionaries(TEXTS.filter(lambda name: name not in ("usage", "error")), VALUES, min_size=1, max_size=4)


def passed(pieces: list[bytes], *, hide_usage: bool = True) -> bytes:
    watcher = OpenAIWatcher(hide_usage=hide_usage)
    return b"".join(map(watcher.feed, pieces)) + watcher.finish() + watcher.tail


def event(members: dict[str, Any], separators: tuple[str, str], *, escapes: bool) -> bytes:
    return b"data: " + json.dumps(members, separators=separators, ensure_ascii=escapes).encode() + b"\n\n"


@pytest.mark.slow
@given(MEMBERS, st.data())
def test_only_the_chunks_own_null_usage_goes(members: dict[str, Any], data: st.DataObject) -> None:
    members = json.loads(json.dumps(members).encode("utf-8", "ignore"))
    layout: Any = {
        "separators": data.draw(st.sampled_from([(",", ":"), (", ", ": ")])), "escapes": data.draw(st.booleans()),
    }  # fmt: skip
    names = list(members)
    position = data.draw(st.integers(0, len(names)))
    with_usage = {name: members[name] for name in names[:position]} | {"usage": None}
    with_usage |= {name: members[name] for name in names[position:]}
    try:
        sent, expected = event(with_usage, **layout), event(members, **layout)
    except UnicodeEncodeError:  # a lone surrogate cannot travel unescaped
        return
    cut = data.draw(st.integers(0, len(sent)))

    assert passed([sent]) == expected
    assert passed([sent[:cut], sent[cut:]]) == expected
    assert passed([sent], hide_usage=False) == sent
    assert passed([expected]) == expected


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (b'{"id":"a","choices":[],"usage":null}', b'{"id":"a","choices":[]}'),
        (b'{"id":"a", "usage" : null , "x":1}', b'{"id":"a" , "x":1}'),
        (b'{ "usage": null, "id":"a"}', b'{"id":"a"}'),
        (b'{"id":"a","x_groq":{"id":"b","usage":null}}', b'{"id":"a","x_groq":{"id":"b","usage":null}}'),
        (b'{"n":1.0,"x":{"a":0,"usage":null},"usage":null,"obfuscation":"q"}',
         b'{"n":1.0,"x":{"a":0,"usage":null},"obfuscation":"q"}'),
        (b'{"x":{"a":0,"usage":null},"\\u0075sage":null}', b'{"x":{"a":0,"usage":null},"\\u0075sage":null}'),
        (b'{"id":"a","usage":null', None),
        (b'{"usage":null}', b'{"usage":null}'),
        (b'{"id":"a","usage":nullify}', None),
        (b'{"usage":{"prompt_tokens":1},"choices":[{}]}', b'{"choices":[{}]}'),
        (b'{"n":1.0,"choices":[{}],"usage":{"n":[1,{"usage":2}]}}', b'{"n":1.0,"choices":[{}]}'),
        (b'{"usage":{"prompt_tokens":1},"choices":[]}', None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_layouts_and_damage(chunk: bytes, expected: bytes | None, line_end: bytes) -> None:
    sent = b"data: " + chunk + line_end * 2

    assert passed([sent]) == (b"" if expected is None else b"data: " + expected + line_end * 2)


def test_an_event_of_several_lines_is_left_alone() -> None:
    sent = b'data: {"id":"a",\ndata: "usage":null,"b":1}\n\n'

    assert passed([sent]) == sent


def test_other_fields_of_the_event_stay() -> None:
    sent = b'event: x\nid: 7\ndata:{"a":1,"usage":null}\n: note\n\n'

    assert passed([sent]) == b'event: x\nid: 7\ndata:{"a":1}\n: note\n\n'


def test_every_chunk_of_one_piece_loses_its_own() -> None:
    first = b'data: {"choices":[{"delta":{"content":"\\",\\"usage\\":null}"}}],"usage":null%b}\n\n'
    sent = first % b"" + first % b',"obfuscation":"aZ09","n":1.5' + b"data: [DONE]\n\n"

    assert passed([sent]) == sent.replace(b',"usage":null}\n\n', b"}\n\n").replace(b',"usage":null,"ob', b',"ob')
