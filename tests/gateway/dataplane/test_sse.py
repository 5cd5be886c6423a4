"""Events out of pieces: whatever the pieces are, the same events; none is kept for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane import sse
from gateway.dataplane.errors import UpstreamError

EVENTS = st.lists(
    st.sampled_from(
        [b"data: {}\n\n", b"data: 1\r\n\r\n", b"event: x\ndata: 2\n\n", b": note\n\n", b"data: [DONE]\r\r"]
    ),
    max_size=8,
)


@given(EVENTS, st.lists(st.integers(1, 40), max_size=30), st.sampled_from([b"", b"data: {", b"data: [DO", b"\r"]))
def test_pieces_of_any_size_give_the_same_bytes(events: list[bytes], cuts: list[int], tail: bytes) -> None:
    stream, splitter, out, at = b"".join(events) + tail, sse.Splitter(), [], 0
    for size in [*cuts, len(stream)]:
        piece = stream[at : at + size]
        at += size
        if piece:
            out.append(splitter.feed(piece))

    assert b"".join(out) + splitter.rest() == stream
    assert all(piece.endswith((b"\n\n", b"\r\r", b"\r\n\r\n")) for piece in out if piece)


def test_an_event_without_an_end_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1_000)
    splitter = sse.Splitter()
    splitter.feed(b"data: " + b"x" * 900)

    with pytest.raises(UpstreamError) as caught:
        splitter.feed(b"x" * 200)

    assert caught.value.reason == "response_too_large"


@pytest.mark.parametrize(
    ("rest", "left"),
    [
        (b'data: {"a": 1}', b'data: {"a": 1}\n\n'),
        (b'data: {"a": 1}\r\n', b'data: {"a": 1}\n\n'),
        (b"data: [DONE]", b"data: [DONE]\n\n"),
        (b'data: {"a": ', b""),
        (b": a comm", b""),
        (b"", b""),
    ],
)
def test_a_last_event_without_its_blank_line(rest: bytes, left: bytes) -> None:
    assert sse.terminated(rest) == left


DAMAGED = [
    b'data: {"a": 1\n\n', b"data: <html>\n\n", b"data: [1]\n\n", b"data: null\n\n", b"event: x\ndata: oops\n\n",
    b"data: {}\ndata: {}\n\n",
]  # fmt: skip
SOUND = [
    b'data: {"a": 1}\n\n', b'data:{"a": "data: x"}\r\n\r\n', b'event: x\ndata: {"a":\ndata: 1}\n\n', b": ping\n\n",
    b"event: ping\n\n", b"data: \n\n", b"data: [DONE]\n\n", b"retry: 3000\n\n",
]  # fmt: skip


@pytest.mark.parametrize("event", DAMAGED)
def test_an_event_with_something_else_than_an_object_is_damaged(event: bytes) -> None:
    assert sse.is_damaged(event)
    assert sse.sound_part(event) == b""
    for sound in SOUND:
        assert sse.sound_part(sound + event + sound) == sound


@pytest.mark.parametrize("event", SOUND)
def test_objects_the_end_mark_and_events_without_data_are_sound(event: bytes) -> None:
    assert not sse.is_damaged(event)
    assert sse.sound_part(event) == event
    assert sse.sound_part(b"".join(SOUND)) == b"".join(SOUND)
