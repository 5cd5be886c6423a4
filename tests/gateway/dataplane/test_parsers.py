"""Hostile input for every parser of the data plane: an answer or that parser's own error, never anything else.

Inputs are vendors' published examples with pieces replaced, and plain noise. The profile `nightly` tries far more:
`python -m pytest tests/gateway/dataplane/test_parsers.py --hypothesis-profile nightly`.
"""

import copy
import io
import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.pricing import price
from costs.pricing.litellm import convert
from costs.pricing.sanity import shape_problems
from gateway.dataplane import sse
from gateway.dataplane.adapters.passed import READINGS, load_answer, passed_error
from gateway.dataplane.call import Call, end_user, fingerprints, headers_of, new_call, parse, parse_form, tags
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.formats.base import InvalidReply, Losses, Malformed, Unsupported
from gateway.dataplane.formats.ir import Prompt
from gateway.dataplane.formats.registry import FORMATS, TARGET_FORMATS
from gateway.imports.formats import FORMATS as IMPORTS
from gateway.imports.records import Rejection, UnreadableFileError, UsageRecord
from gateway.otlp import context
from gateway.otlp.spans import JSON, PROTOBUF, TooLongError, UndecodableError, decode, unpacked

GOLDEN = [json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "formats/golden").glob("*.json"))]
REQUESTS = [one for one in GOLDEN if "body" in one and "choices" not in one["body"] and "usage" not in one["body"]]
REPLIES = [one for one in GOLDEN if "body" in one and one not in REQUESTS]
STREAMS = [one for one in GOLDEN if "stream" in one]
AT = datetime(2026, 11, 20, tzinfo=UTC)
SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20), st.sampled_from(["", "\x00", "{{7*7}}", "a" * 5000, "\ud7ff\ue000", "-1", "NaN", [],
                                                     {}, [[]]]),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=5), st.just({})), max_size=3),
    st.dictionaries(st.sampled_from(["type", "text", "id", "role", "content", "x"]), st.text(max_size=5), max_size=3),
)  # fmt: skip


def _places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at, *(found for key, value in pairs for found in _places(value, (*at, key)))]


@st.composite
def altered(draw: st.DrawFn, examples: list[Any]) -> Any:
    """One of the examples with up to three values replaced, removed or named otherwise."""
    found = copy.deepcopy(draw(st.sampled_from(examples)))
    for _ in range(draw(st.integers(1, 3))):
        places = [place for place in _places(found) if place]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        parent = found
        for key in way:
            parent = parent[key]
        match draw(st.sampled_from(["replace", "replace", "remove", "rename"])):
            case "remove":
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.text(max_size=8))] = parent.pop(last)
            case _:
                parent[last] = copy.deepcopy(draw(JUNK))
    return found


def sent(value: Any) -> Any:
    """What arrives at the other side of the wire; integers without bounds arrive as floats there."""
    return orjson.loads(json.dumps(value).encode("utf-8", "surrogatepass"))


# ---- requests ----------------------------------------------------------------------------------------------------
def check_error(error: ApiError, call: Call) -> None:
    """The status is the caller's fault, and the body is an error in the caller's dialect."""
    body = orjson.loads(error.body(call.endpoint.dialect))

    assert 400 <= error.status < 500
    assert isinstance(body["error"]["message"], str)
    assert (body.get("type") == "error") == call.endpoint.is_anthropic


@SLOW
@given(st.sampled_from(sorted(ENDPOINTS)), st.one_of(altered([one["body"] for one in REQUESTS]), JUNK))
def test_bodies_of_every_endpoint(path: str, body: Any) -> None:
    call = new_call(ENDPOINTS[path], {}, "192.0.2.1")
    try:
        parse(call, json.dumps(body).encode())
    except ApiError as error:
        check_error(error, call)
        return
    assert isinstance(call.model, str)
    assert call.max_tokens is None or call.max_tokens >= 0
    end_user(call), fingerprints(call)


@SLOW
@given(st.sampled_from(sorted(ENDPOINTS)), st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_bytes_that_are_no_json(path: str, body: bytes) -> None:
    call = new_call(ENDPOINTS[path], {}, "192.0.2.1")
    try:
        parse(call, body)
    except ApiError as error:
        check_error(error, call)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b'{"a":1,"a":2}', b'{"\\u0061":1,"a":2}', b"\xff",
                                  b'{"model":NaN}', b'{"model":1e999}', b'{"model":' + b"9" * 5000 + b"}"])  # fmt: skip
def test_bodies_that_are_meant_to_harm(body: bytes) -> None:
    call = new_call(ENDPOINTS["/v1/chat/completions"], {}, "192.0.2.1")
    with pytest.raises(ApiError) as caught:
        parse(call, body)
    check_error(caught.value, call)


@SLOW
@given(st.sampled_from(REQUESTS).flatmap(lambda one: st.tuples(st.just(one["format"]), altered([one["body"]]))))
def test_requests_become_prompts_or_are_malformed(found: tuple[str, Any]) -> None:
    name, body = found
    fields = sent(body)
    if not isinstance(fields, dict):
        return
    try:
        prompt = FORMATS[name].read_request(fields)
    except (Malformed, Unsupported):
        return
    assert isinstance(prompt, Prompt)
    for target in TARGET_FORMATS.values():
        try:
            orjson.dumps(target.write_request(prompt, Losses(name)))
        except (Malformed, Unsupported):
            continue


# ---- answers -----------------------------------------------------------------------------------------------------
@SLOW
@given(st.sampled_from(REPLIES).flatmap(lambda one: st.tuples(st.just(one["format"]), altered([one["body"]]))))
def test_replies_are_read_or_invalid(found: tuple[str, Any]) -> None:
    name, body = found
    fields = sent(body)
    if isinstance(fields, dict):
        try:
            TARGET_FORMATS[name].read_reply(fields)
        except InvalidReply:
            return


@SLOW
@given(st.sampled_from(sorted(TARGET_FORMATS)), altered([one["body"] for one in REPLIES]))
def test_replies_in_a_foreign_format(name: str, body: Any) -> None:
    fields = sent(body)
    if isinstance(fields, dict):
        try:
            TARGET_FORMATS[name].read_reply(fields)
        except InvalidReply:
            return


@SLOW
@given(st.binary(max_size=300))
def test_answers_that_are_no_json(body: bytes) -> None:
    try:
        assert isinstance(load_answer(body), dict)
    except UpstreamError as error:
        received = error.received
    else:
        received = body
    assert received == body
    passed_error(400, body)


@SLOW
@given(st.sampled_from(sorted(READINGS)), altered([one["body"] for one in REPLIES]))
def test_usage_is_read_or_missing_and_always_has_a_price(name: str, body: Any) -> None:
    """Money is never lost: whatever a provider reports is a count that the price book takes."""
    fields = sent(body)
    if not isinstance(fields, dict):
        return
    reading = READINGS[name]
    usage = reading.usage(fields)
    assert isinstance(reading.finish_reason(fields), str | None)
    assert reading.tool_calls(fields) >= 0
    assert all(isinstance(text, str) for text in reading.texts(fields))
    if usage is None:
        return
    assert all(isinstance(count, int) and 0 <= count < 2**60 for count in usage.tokens.values()), usage.tokens
    priced = price(usage.tokens, provider="openai", model="gpt-4o", at=AT, context=usage.context)
    assert priced.total is None or (priced.total.is_finite() and priced.total >= Decimal(0))


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


@st.composite
def broken_streams(draw: st.DrawFn) -> bytes:
    """A published stream with an event replaced, noise inserted, or its end cut off."""
    events = [event.encode() for event in draw(st.sampled_from(STREAMS))["stream"]]
    at = draw(st.integers(0, len(events) - 1))
    noise = st.one_of(
        st.binary(max_size=60), JUNK.map(lambda value: b"data: " + json.dumps(value).encode()),
        st.sampled_from([b"data:", b"data: {", b"data: [DONE]", b"event: error\ndata: {}", b": ping", b"id: 1",
                         b"\xff\xfe"]),
    )  # fmt: skip
    events[at : at + draw(st.integers(0, 1))] = [draw(noise)]
    data = b"\n\n".join(event.strip(b"\n") for event in events) + b"\n\n"
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@SLOW
@given(st.sampled_from(sorted(READINGS)), broken_streams(), st.lists(st.integers(0, 200), max_size=6))
def test_streams_that_pass_are_watched(name: str, data: bytes, sizes: list[int]) -> None:
    call = new_call(ENDPOINTS["/v1/chat/completions"], {}, "192.0.2.1")
    parse(call, b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}')
    watcher: Any = READINGS[name].watcher(call)

    passed = b"".join([*map(watcher.feed, _cut(data, sizes)), watcher.finish()])

    assert len(passed) <= len(data) + 4
    assert all(isinstance(text, str) for text in watcher.texts())
    assert watcher.tool_calls() >= 0
    usage = watcher.usage()
    if usage is not None:
        assert all(isinstance(count, int) and 0 <= count < 2**60 for count in usage.tokens.values())


@SLOW
@given(st.sampled_from(sorted(TARGET_FORMATS)), broken_streams(), st.lists(st.integers(0, 200), max_size=6))
def test_streams_that_are_translated(name: str, data: bytes, sizes: list[int]) -> None:
    reader = TARGET_FORMATS[name].reader()
    try:
        for piece in _cut(data, sizes):
            reader.feed(piece)
        reader.finish()
    except (InvalidReply, UpstreamError):
        return


@given(st.binary(max_size=300), st.lists(st.integers(0, 60), max_size=6))
def test_event_streams_are_split_the_same_however_cut(data: bytes, sizes: list[int]) -> None:
    splitter = sse.Splitter()

    pieces = [splitter.feed(piece) for piece in _cut(data, sizes)]

    assert b"".join(pieces) + splitter.rest() == data
    for event in sse.events(data):
        sse.load(event), sse.is_damaged(event)
    sse.objects(data)


# ---- heads and forms ---------------------------------------------------------------------------------------------
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=80).map(
    lambda t: t.encode("latin-1")
)


@given(LATIN, LATIN, LATIN)
def test_headers_that_callers_write_freely(tagged: bytes, parent: bytes, state: bytes) -> None:
    pairs = [(b"x-gateway-tags", tagged), (b"traceparent", parent), (b"tracestate", state), (b"baggage", tagged)]
    call = new_call(ENDPOINTS["/v1/chat/completions"], headers_of(pairs), "192.0.2.1")

    found = tags(call)

    assert found is None or all(
        isinstance(key, str) and isinstance(value, str) and "\n" not in key + value and "\x00" not in key + value
        for key, value in found.items()
    )
    trace = context.parse(parent, state)
    if trace is not None:
        request = trace.inject(b"POST / HTTP/1.1\r\nhost: x\r\n\r\n", "01a22a09-a521-70cc-a111-b9ce0a543d5a")
        assert request.endswith(b"\r\n\r\n")
        assert request.count(b"\r\n\r\n") == 1


@SLOW
@given(
    st.one_of(
        LATIN, st.sampled_from([b"multipart/form-data; boundary=x", b'multipart/form-data; boundary="x"',
                                b"multipart/form-data; boundary=", b"multipart/form-data", b"text/plain"])
    ),
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from([b"--x", b"--x--", b"\r\n", b"\n", b'Content-Disposition: form-data; name="file"',
                                  b'Content-Disposition: form-data; name="model"', b'; filename="../a"', b"m", b"\x00",
                                  b"Content-Type: text/plain", b"--", b'name="', b'"']), max_size=30).map(b"".join),
    ),
)  # fmt: skip
async def test_forms_are_read_or_refused(kind: bytes, body: bytes) -> None:
    call = new_call(ENDPOINTS["/v1/audio/transcriptions"], headers_of([(b"content-type", kind)]), "192.0.2.1")
    try:
        await parse_form(call, body)
    except ApiError as error:
        check_error(error, call)


# ---- what comes from elsewhere -----------------------------------------------------------------------------------
OTLP = {
    "resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat",
            "startTimeUnixNano": "1793439000123000000", "endTimeUnixNano": 1793439002623000000, "status": {"code": 2},
            "attributes": [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1200"}}],
        }]}],
    }],
}  # fmt: skip


@SLOW
@given(st.one_of(altered([OTLP]).map(lambda value: json.dumps(value).encode()), st.binary(max_size=200)))
def test_spans_as_json(body: bytes) -> None:
    try:
        decode(body, JSON)
    except UndecodableError:
        return


@SLOW
@given(st.binary(max_size=300), st.sampled_from(["", "identity", "gzip", "br", "GZIP"]))
def test_spans_as_protobuf(body: bytes, encoding: str) -> None:
    try:
        decode(unpacked(body, encoding), PROTOBUF)
    except (UndecodableError, TooLongError):
        return


@SLOW
@given(
    st.sampled_from(sorted(IMPORTS)),
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from(["time", "input_tokens", "output_tokens", "model", ",", "\n", '"', "-1", "NaN",
                                  "1e400", "2026-11-01T00:00:00Z", "{", "}", ":", "\x00", "9" * 40,
                                  "0001-01-01"]), max_size=40)
        .map("".join).map(str.encode),
    ),
)  # fmt: skip
def test_imported_files(kind: str, content: bytes) -> None:
    try:
        found = list(IMPORTS[kind].read(io.BytesIO(content), {}, AT))
    except UnreadableFileError:
        return
    for one in found:
        assert isinstance(one, UsageRecord | Rejection)
        if isinstance(one, UsageRecord):
            assert all(isinstance(count, int) and count >= 0 for count in one.counts.values())


PRICES = {
    "sample_spec": {"mode": "chat"},
    **{
        f"m{number}": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6,
                       "output_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 2e-6}
        for number in range(3)
    },
}  # fmt: skip


@SLOW
@given(st.one_of(altered([PRICES]), JUNK))
def test_price_files(document: Any) -> None:
    problems = shape_problems(document)

    assert all(isinstance(problem, str) for problem in problems)
    if not problems:
        convert(document)


@given(st.floats(), st.integers(), st.booleans())
def test_counts_that_are_none(real: float, whole: int, truth: bool) -> None:
    """Only whole numbers that are not negative are counts, whatever JSON calls a number."""
    usage = READINGS["openai-chat"].usage
    for value in (real, truth, -abs(whole) - 1, 2**53):
        if not math.isnan(real) or value is not real:
            assert usage({"usage": {"prompt_tokens": value, "completion_tokens": 1}}) is None
