"""Trace context: what is continued, what is not believed. Vectors: W3C Trace Context, §3.2 and §4.3."""

import pytest

from gateway.otlp.context import SAMPLED, TraceContext, attempt_span, parse

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ATTEMPT = "0192f0c4-1a2b-7000-9abc-0123456789ab"


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f" 00-{TRACE}-{SPAN}-03 ", 3),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
    ],
)
def test_a_valid_context(header, flags):
    found = parse(header.encode(), b"congo=t61rcWkgMzE")

    assert found == TraceContext(TRACE, SPAN, flags, b"congo=t61rcWkgMzE")
    assert found.is_sampled is bool(flags & SAMPLED)


@pytest.mark.parametrize(
    "header",
    [
        None, b"", b"garbage", f"ff-{TRACE}-{SPAN}-01".encode(), f"00-{TRACE}-{SPAN}".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(), f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE.upper()}-{SPAN}-01".encode(), f"00-{TRACE}-{SPAN}-01\r\nx: y".encode(),
    ],
)  # fmt: skip
def test_anything_else_is_none(header):
    assert parse(header, None) is None


def test_a_state_with_control_characters_is_left_out():
    found = parse(f"00-{TRACE}-{SPAN}-01".encode(), b"a=b\x01")

    assert found is not None
    assert found.state == b""


def test_upstream_sees_the_attempt_as_its_parent_when_it_is_exported():
    own = TraceContext(TRACE, SPAN, 1, b"a=b", span_id="1" * 16)
    passed_on = TraceContext(TRACE, SPAN, 1)
    request = b"POST /v1/x HTTP/1.1\r\nhost: h\r\n\r\nbody\r\n"

    assert attempt_span(ATTEMPT) == "9abc0123456789ab"
    lines = f"traceparent: 00-{TRACE}-9abc0123456789ab-01\r\ntracestate: a=b\r\n"
    assert own.inject(request, ATTEMPT).decode() == f"POST /v1/x HTTP/1.1\r\n{lines}host: h\r\n\r\nbody\r\n"
    assert f"traceparent: 00-{TRACE}-{SPAN}-01\r\n".encode() in passed_on.inject(request, ATTEMPT)
