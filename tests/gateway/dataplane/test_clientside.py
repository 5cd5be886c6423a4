"""Filters change what the client is sent, taps see the result; a filter's refusal reaches the client."""

import pytest

from gateway.dataplane.call import new_call
from gateway.dataplane.clientside import ClientSide
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import Denied


class HoldLast:
    """Holds the last byte back, as a guard with a window does."""

    def __init__(self) -> None:
        self.held = b""

    def whole(self, body: bytes) -> bytes:
        return body.upper()

    def feed(self, data: bytes) -> bytes:
        data, self.held = (self.held + data)[:-1], (self.held + data)[-1:]
        return data

    def finish(self) -> bytes:
        return self.held


class Refuse(HoldLast):
    def whole(self, body: bytes) -> bytes:
        raise Denied(403, "guardrail_blocked", "no")


class Recorder:
    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def piece(self, data: bytes) -> None:
        self.seen.append(data)

    def finished(self, outcome: object, line: object) -> None:
        self.seen.append(b"|")


def client_side(*filters: HoldLast) -> tuple[ClientSide, Recorder]:
    call, tap = new_call(ENDPOINTS["/v1/chat/completions"], {}, "127.0.0.1"), Recorder()
    call.filters, call.taps = list(filters), [tap]
    return ClientSide(call), tap


def test_stream_passes_filters_in_order_and_taps_see_what_leaves() -> None:
    client, tap = client_side(HoldLast(), HoldLast())

    sent = [client.feed(b"abc"), client.feed(b"de"), client.finish(b"f")]

    assert sent == [b"a", b"bc", b"def"]
    assert tap.seen == sent


def test_a_whole_answer_is_filtered_before_the_taps_see_it() -> None:
    client, tap = client_side(HoldLast())

    assert client.tapped(client.whole(b"abc")) == b"ABC"
    assert tap.seen == [b"ABC"]


def test_a_refused_answer_reaches_no_tap() -> None:
    client, tap = client_side(Refuse())

    with pytest.raises(Denied):
        client.whole(b"abc")
    assert tap.seen == []
