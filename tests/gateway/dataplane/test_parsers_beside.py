"""Hostile input for what is parsed beside bodies and answers of calls: heads, feedback, batches, verdicts of
guardrails, news of other processes, what was stored, Amazon's binary streams. An answer or that parser's own error,
never anything else. `test_parser_list.py` says which function is tried by which test."""

import contextlib
import io
import json
import re
import struct
from binascii import crc32
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from finetuning.dataplane.peeking import Peek
from gateway.dataplane import addresses, mediausage, usage
from gateway.dataplane.adapters import bedrock as bedrock_adapter
from gateway.dataplane.adapters import gemini as gemini_adapter
from gateway.dataplane.adapters.openai import OpenAIAdapter
from gateway.dataplane.adapters.translated import plain_error
from gateway.dataplane.app import refuse_repeated
from gateway.dataplane.batches import booking, lines
from gateway.dataplane.batches.front import MAX_PAGE, paging
from gateway.dataplane.bodies.redaction import response_text
from gateway.dataplane.breaker import LONGEST_PAUSE_S, Breaker
from gateway.dataplane.breaker_sharing import BreakerSharing
from gateway.dataplane.cache.entry import Entry
from gateway.dataplane.cache.policy import wish_of
from gateway.dataplane.call import Call, headers_of, new_call
from gateway.dataplane.callers import about_of, sdk_of
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError
from gateway.dataplane.failures import of_status
from gateway.dataplane.feedback import _read
from gateway.dataplane.formats import bedrock
from gateway.dataplane.formats.ir import Delta, Failed, Usage
from gateway.dataplane.forms import Form, FormError
from gateway.dataplane.guard.webhook import Answer as Verdict
from gateway.dataplane.guard.webhook import _verdict
from gateway.dataplane.idempotency.answer import Answer
from gateway.dataplane.idempotency.stage import MAX_KEY_CHARS, _claim_of
from gateway.dataplane.stages import presented_secret
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.dataplane.views import ProviderView, Target
from gateway.imports.records import BadValueError
from gateway.middleware import VALID_REQUEST_ID
from gateway.otlp import genai
from gateway.otlp.spans import Span
from gateway.scores import Opinion
from gateway.simulator.calls import Frame
from gateway.simulator.wire.eventstream import encode
from tests.gateway.dataplane.test_parsers import JUNK, SLOW, altered, check_error

CHAT = ENDPOINTS["/v1/chat/completions"]
ENDLESS = b"9" * 5_000  # more digits than Python turns into a number
LATIN = st.one_of(
    st.binary(max_size=80).map(lambda text: re.sub(rb"[\r\n\x00]", b"", text)),
    st.sampled_from([ENDLESS, b"\xb2", b"-1", b"1e999", b"nan", b"", b" ", b",", b"=", b";"]),
)
NO_JSON = st.one_of(st.binary(max_size=120), st.sampled_from([b"[" * 100_000, b'"\\ud800"', b"NaN", ENDLESS, b"\xff"]))


def documents(*examples: Any) -> st.SearchStrategy[bytes]:
    """Examples with pieces replaced, any JSON, no JSON."""
    values = st.one_of(altered(list(examples)), JUNK)
    return st.one_of(values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")), NO_JSON)


def call_of(*pairs: tuple[bytes, bytes], path: str = CHAT.path) -> Call:
    call = new_call(ENDPOINTS[path], headers_of(list(pairs)), "192.0.2.1")
    call.key = SimpleNamespace(organization="o", project="p", id="k")  # type: ignore[assignment]
    return call


# ---- heads -------------------------------------------------------------------------------------------------------
@given(LATIN)
@example(b"k" * MAX_KEY_CHARS)
@example(b"k" * (MAX_KEY_CHARS + 1))
def test_idempotency_keys(value: bytes) -> None:
    call = call_of((b"idempotency-key", value))
    try:
        claim = _claim_of(call, value)
    except ApiError as error:
        check_error(error, call)
        return
    assert 0 < len(value.strip()) <= MAX_KEY_CHARS
    assert set(value.strip()) <= set(range(0x21, 0x7F))
    assert len(claim.key) == len(claim.body) == 32


ADDRESSES = st.sampled_from([b"127.0.0.1", b"203.0.113.7", b"[2001:db8::1]:443", b"2001:db8::1", b"10.9.0.1:80",
                             b"[", b"]:", b"10.9.0.1", b"unknown", b"_hidden", b"fe80::1%eth0"])  # fmt: skip


@given(
    st.lists(st.one_of(ADDRESSES, LATIN), max_size=6).map(b", ".join),
    st.one_of(LATIN, st.sampled_from([b"https", b"wss", b"HTTPS", b"https, http"])),
    st.booleans(),
)
async def test_forwarded_addresses(chain: bytes, scheme: bytes, is_trusted: bool) -> None:
    """What the data plane takes for the caller's address has no line end, and is the peer's when a stranger says it."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    peer = "10.9.0.1" if is_trusted else "203.0.113.9"
    scope = {"type": "http", "client": (peer, 1), "scheme": "http",
             "headers": [(b"x-forwarded-for", chain), (b"x-forwarded-proto", scheme)]}  # fmt: skip
    await ProxyHeadersMiddleware(app, ["10.9.0.0/16"])(scope, None, None)  # type: ignore[arg-type]

    ((host, _), said) = seen[0]["client"], seen[0]["scheme"]
    assert isinstance(host, str)
    assert not set(host) & set("\r\n")
    assert said in ("http", "https", "ws", "wss")
    if not is_trusted:
        assert (host, said) == (peer, "http")
    new_call(CHAT, {}, host)


@given(LATIN, LATIN, LATIN)
@example(b"OpenAI/Python 1.0", b"x;try=9999", b"1" * 200)
def test_what_heads_say_of_the_caller(agent: bytes, sdk: bytes, request_id: bytes) -> None:
    call = call_of((b"user-agent", agent), (b"x-gateway-sdk", sdk), (b"x-request-id", request_id))

    assert VALID_REQUEST_ID.fullmatch(call.request_id)
    assert "\x00" not in (sdk_of(agent, sdk) or "")
    about = about_of(sdk) or {}
    assert set(about) <= {"runtime", "os", "document", "retry", "helper"}
    assert 0 <= about.get("retry", 0) < 1_000


@given(LATIN, LATIN, LATIN)
@example(b"max-age=" + ENDLESS, b"Bearer  ", b"")
def test_wishes_and_secrets(wish: bytes, authorization: bytes, other: bytes) -> None:
    found = wish_of(call_of((b"x-gateway-cache", wish)))
    assert found.max_age_s is None or found.max_age_s >= 0

    for pairs in ([(b"authorization", authorization)], [(b"x-api-key", other)]):
        with contextlib.suppress(ApiError):
            secret = presented_secret(call_of(*pairs))
            assert secret == secret.strip()
            assert len(secret) <= len(authorization) + len(other)


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"idempotency-key", b"x"]), LATIN), max_size=4))
def test_repeated_headers(pairs: list[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in pairs if name != b"x"]
    with pytest.raises(ApiError) if len(names) > len(set(names)) else contextlib.nullcontext():
        refuse_repeated(pairs)


@given(st.one_of(LATIN, st.sampled_from([b"limit=", b"limit=0", b"limit=7&limit=8", b"after=%00%ff", b"limit=%b2"])))
@example(b"limit=" + ENDLESS)
def test_queries_of_lists(query: bytes) -> None:
    try:
        limit, fields = paging({"query_string": query})
    except ApiError as error:
        check_error(error, call_of())
        return
    assert 1 <= limit <= MAX_PAGE
    assert all(isinstance(value, str) for value in fields.values())


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format, st.sampled_from(["Mon", "", "x"]), st.integers(-1, 10**20),
    st.sampled_from(["Jan", "Feb", "x"]), st.integers(-1, 10**20), st.integers(-1, 99), st.integers(-1, 99),
    st.integers(-1, 10**20), st.sampled_from(["GMT", "+9999", "-9999", "+99999999999999", "-0000", ""]),
).map(str.encode)  # fmt: skip


@given(st.one_of(LATIN, DATES), st.sampled_from([408, 429, 500, 503, 529]))
@example(b"1 Jan 99999999999999999999 00:00:00 GMT", 429)
def test_when_to_come_back(value: bytes, status: int) -> None:
    """A provider's `Retry-After`: seconds, a date, or nothing."""
    failure = of_status(status, b"{}", value, "", lambda status, body: None)

    assert failure.retry_after_s is None or failure.retry_after_s >= 0


HOSTS = st.lists(st.sampled_from([*"0x.:[]%@/éa1", "127", "①"]), max_size=8).map("".join)


@given(LATIN.map(lambda text: text.decode("latin-1")), HOSTS)
def test_addresses_that_are_configured(url: str, host: str) -> None:
    for text in (url, f"http://{url}", f"https://{host}:80/x", f"http://[{host}]/"):
        with contextlib.suppress(ValueError):
            origin, path = Origin.of(text)
            assert origin.host
            assert not path.endswith("/")
    if (found := addresses.literal(host)) is not None:
        assert not (addresses.is_public(found) and addresses.is_never_allowed(found))


@given(st.lists(st.sampled_from([b"--x", b"\r\n", b"--x--", b'Content-Disposition: form-data; name="purpose"', b"batch",
                                 b"\r\n\r\n", b"\xff", b"name=purpose", b"--"]), max_size=20), LATIN)  # fmt: skip
def test_forms_that_are_looked_into_as_they_come(pieces: list[bytes], kind: bytes) -> None:
    with contextlib.suppress(FormError):
        Peek(kind.decode("latin-1"))
    peek, found = Peek("multipart/form-data; boundary=x"), []
    for piece in pieces:
        if (told := peek.add(piece)) is not None:
            found.append(told)
            break

    assert len(peek.body) <= sum(map(len, pieces))
    assert all(isinstance(value, str) for value in found)


# ---- what callers send beside calls ------------------------------------------------------------------------------
OPINION = {"request_id": "req_1", "name": "helpful", "source": "user", "score": 0.5, "label": "good"}
SCORES = st.one_of(JUNK, st.sampled_from([1, 0, 1e-300, 5e-324, 1.0000000001, -0.0, 2**63, 10**30]))


@SLOW
@given(st.one_of(documents(OPINION), SCORES.map(lambda score: json.dumps({**OPINION, "score": score}).encode())))
@example(json.dumps(OPINION).encode())
def test_feedback(body: bytes) -> None:
    try:
        opinion = _read(body)
    except ApiError as error:
        check_error(error, call_of())
        return
    assert isinstance(opinion, Opinion)
    assert opinion.score is not None or opinion.label is not None
    assert opinion.score is None or (0 <= opinion.score <= 1 and opinion.score.as_tuple().exponent == -5)
    for text in (opinion.request_id, opinion.name, opinion.source, opinion.label or "x"):
        assert 0 < len(text) <= 128
        assert "\x00" not in text


PROVIDER = ProviderView("id", "slug", "openai", "openai", Origin("h", 80, False), "", "", Timeouts())
LINE = {
    "custom_id": "1", "method": "POST", "url": "/v1/chat/completions",
    "body": {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
}  # fmt: skip


def resolve(call: Call, runtime: Any) -> None:
    """In the stage's place."""
    call.candidates = (Target("m", "upstream", PROVIDER),)


RUNTIME: Any = SimpleNamespace(stages=[None, resolve], adapters={"openai": OpenAIAdapter()})


@SLOW
@given(st.lists(documents(LINE), max_size=4), st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\x0b"]))
@example([json.dumps(LINE).encode()] * 3, b"\n")
@example([json.dumps(LINE).encode().replace(b"{", b'{"body":{},', 1)], b"\n")
async def test_input_files_of_batches(found: list[bytes], end: bytes) -> None:
    call, data = call_of(), end.join(found)
    try:
        made = await lines.read(RUNTIME, call, data)
    except ApiError as error:
        check_error(error, call)
        return
    written = made.data.splitlines()
    assert 0 < len(written) <= len(data.splitlines())
    for line in written:
        item = orjson.loads(line)
        assert (item["url"], item["body"]["model"]) == (made.endpoint, "upstream")


USED = {"response": {"body": {"usage": {"prompt_tokens": 3, "completion_tokens": 5}}}}


@SLOW
@given(st.lists(documents(USED), max_size=4), st.sampled_from(lines.PATHS))
@example([json.dumps(USED).encode()], "/v1/chat/completions")
def test_output_files_of_batches(found: list[bytes], endpoint: str) -> None:
    tokens: dict[str, int] = {}
    for line in found:
        booking._add(tokens, line, endpoint)

    assert all(isinstance(count, int) and 0 <= count < 2**62 for count in tokens.values())


MEDIA = [path for path, endpoint in ENDPOINTS.items() if endpoint.is_media]
WAV = b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 12 + struct.pack("<I", 32_000) + b"\0" * 4 + b"data\0\0\0\0"


@SLOW
@given(st.sampled_from(MEDIA), st.one_of(JUNK, st.just(ENDLESS.decode())), st.binary(max_size=60))
@example("/v1/images/generations", ENDLESS.decode(), b"")
@example("/v1/audio/transcriptions", "1", WAV + b"x" * 64)
@example("/v1/audio/transcriptions", "1", WAV[:28] + b"\0" * 16 + b"x")
def test_what_media_calls_cost_at_most(path: str, value: Any, file: bytes) -> None:
    call = call_of(path=path)
    call.fields = {"n": value, "prompt": value, "input": value, "size": value, "quality": value}
    call.form = Form.read("multipart/form-data; boundary=x", b"\r\n".join(
        [b"--x", b'Content-Disposition: form-data; name="file"; filename="a.wav"', b"", file, b"--x--", b""]
    )) if b"--x" not in file else None  # fmt: skip

    for tokens in (mediausage.guess(call), mediausage.of_transcript(value, {"duration": value}, call, "x")[0]):
        assert all(isinstance(count, int) and 0 <= count < 2**60 for count in tokens.values()), tokens


# ---- what others answer ------------------------------------------------------------------------------------------
@SLOW
@given(documents({"action": "redact", "texts": ["a", "b"]}, {"action": "flag"}, {"action": "allow"}), st.integers(0, 3))
@example(b'{"action": "redact", "texts": ["a", "b"]}', 2)
@example(b'{"action": ["block"]}', 0)
def test_verdicts_of_webhooks(body: bytes, count: int) -> None:
    try:
        found = _verdict(body, count)
    except ValueError:
        return
    assert found is None or isinstance(found, Verdict)
    if found is not None:
        assert found.action in ("flag", "block", "redact")
        assert (found.texts is not None) == (found.action == "redact")
        assert found.texts is None or [type(text) for text in found.texts] == [str] * count


STATUS = {"error": {"code": 429, "message": "m", "type": "t", "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "x", "reason": "API_KEY_INVALID", "retryDelay": "3s"}]}}  # fmt: skip
READERS: list[Callable[[int, bytes], ApiError | None]] = [
    bedrock_adapter.read_error, gemini_adapter.read_error, plain_error,
]  # fmt: skip
DELAYS = st.sampled_from(["3s", "9" * 400 + "s", "-1s", "s", "1e999s", "nans", "\u00b2s", "", ENDLESS.decode() + "s"])


def delayed(delay: str) -> bytes:
    return json.dumps({"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo",
                                              "retryDelay": delay}]}}).encode()  # fmt: skip


@SLOW
@given(
    st.one_of(documents(STATUS, [STATUS], {"message": "x"}), DELAYS.map(delayed)),
    st.sampled_from([400, 403, 424, 429, 503]),
)
def test_errors_of_providers(body: bytes, status: int) -> None:
    for read in READERS:
        error = read(status, body)
        assert error is None or orjson.loads(error.body(CHAT.dialect))["error"]["message"] is not None
    for judge in (bedrock_adapter.judge, gemini_adapter.judge):
        judged, retry_after, *_ = judge(status, None, body)
        failure = of_status(judged, body, retry_after, "", lambda status, body: None)
        assert failure.retry_after_s is None or failure.retry_after_s >= 0


SAID = {"choices": [{"message": {"content": "write to a@example.com"}}]}


@SLOW
@given(documents(SAID), st.booleans(), st.sampled_from([*ENDPOINTS]))
@example(json.dumps(SAID).encode(), False, CHAT.path)
@example(b'data: {"choices": [{"delta": {"content": "a@example.com"}}]}\n\ndata: {"cho', True, CHAT.path)
def test_answers_that_are_kept_without_personal_data(body: bytes, is_stream: bool, path: str) -> None:
    kept = response_text(body, ENDPOINTS[path].dialect, is_stream=is_stream)

    assert "a@example.com" not in kept
    kept.encode()


@SLOW
@given(st.one_of(documents({"content": "a\ud800b", "text": "\\"}), st.binary(max_size=60).map(b'{"content":"'.__add__)))
@example(b'{"content":"half \\ud8')
def test_answers_that_broke_off(body: bytes) -> None:
    assert all(text.encode().decode() == text for text in usage.texts_of_cut(body))


# ---- what other processes say, and what was stored ---------------------------------------------------------------
NEWS = {"owner": "other", "state": "open", "provider": "p", "slug": "s", "model": "m", "retry_in_s": 3}


FOREVER = st.sampled_from(["nan", "inf", "-inf", "1e999", 2**63, -1]).map(
    lambda told: json.dumps({**NEWS, "retry_in_s": told}).encode()
)


class Known:
    """In the place of deployments that were called."""

    def __init__(self) -> None:
        self.breaker = Breaker()

    def clock(self) -> float:
        return 1.0

    def named(self, *names: object) -> "Known":
        assert all(isinstance(name, str) for name in names), names
        return self

    def get(self, *names: object) -> "Known":
        return self.named(*names)

    def __iter__(self) -> Any:
        return iter(())


@SLOW
@given(st.one_of(documents(NEWS, {**NEWS, "state": "closed"}), FOREVER))
@example(json.dumps(NEWS).encode())
def test_news_of_breakers(data: bytes) -> None:
    known = Known()
    sharing = BreakerSharing.__new__(BreakerSharing)
    sharing.owner, sharing.deployments, sharing.adopted = "own", known, 0  # type: ignore[assignment]

    sharing.hear(data)

    assert known.breaker.state in ("closed", "open")
    assert 0 <= known.breaker.until <= known.clock() + LONGEST_PAUSE_S


ENTRY = {"stored_at": 1.0, "content_type": "x", "provider": "p", "model": "m", "finish_reason": None, "tool_calls": 0,
         "list_cost": "1"}  # fmt: skip
ANSWER = {"request_id": "r", "stored_at": 1.0, "status": 200, "headers": [["a", "b"]]}


@SLOW
@given(documents(ENTRY, ANSWER), st.binary(max_size=20))
@example(json.dumps(ENTRY).encode(), b"body")
@example(json.dumps(ANSWER).encode(), b"body")
def test_what_was_stored(facts: bytes, body: bytes) -> None:
    data = facts + b"\n" + body
    for decode in (Entry.decode, Answer.decode):
        with contextlib.suppress(ValueError):
            assert decode(data).body == data.partition(b"\n")[2]


# ---- spans -------------------------------------------------------------------------------------------------------
ATTRIBUTES = {
    "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 5, "gen_ai.request.max_tokens": 9,
    "gen_ai.response.finish_reasons": ["stop"], "gen_ai.response.time_to_first_chunk": 0.2, "user.id": "u",
    "http.response.status_code": "500", "error.type": "timeout", "server.address": "h",
}  # fmt: skip
NOW = datetime(2026, 11, 20, tzinfo=UTC)
NANOSECONDS = st.one_of(st.integers(0, 2**64 - 1), st.just(1_793_439_000_123_000_000))


@SLOW
@given(
    altered([ATTRIBUTES]), st.sampled_from([None, "\u00b2", "\u0663" * 3, ENDLESS.decode(), 503, 503.0]), NANOSECONDS
)
def test_what_spans_say_of_calls(attributes: Any, status: Any, start_ns: int) -> None:
    given = attributes | ({} if status is None else {"http.response.status_code": status})
    span = Span("a" * 32, "b" * 16, "", "chat", start_ns, start_ns + 10**9, True, given, given)
    try:
        found = genai.read(span, NOW)
    except BadValueError:
        return
    assert all(isinstance(count, int) and 0 <= count < 2**62 for count in found.counts.values())
    assert found.values.get("http_status") is None or 100 <= found.values["http_status"] < 600
    genai.generations([span])
    genai.is_of_server(span, "h")


# ---- Amazon's event streams --------------------------------------------------------------------------------------
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
    ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"reasoningContent": {"text": "so"}}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}, "metrics": {"latencyMs": 1}}),
]  # fmt: skip


def framed(name: str, payload: bytes) -> bytes:
    return encode(Frame(payload, event=name.encode()))


def sealed(headers: bytes, payload: bytes, *, total: int | None = None, length: int | None = None) -> bytes:
    """A message with right checksums, whatever its lengths and headers say."""
    size = 16 + len(headers) + len(payload) if total is None else total
    prelude = struct.pack("!II", size, len(headers) if length is None else length)
    message = prelude + struct.pack("!I", crc32(prelude)) + headers + payload
    return message + struct.pack("!I", crc32(message))


@st.composite
def corrupted(draw: st.DrawFn) -> bytes:
    """A whole stream with bytes flipped, taken out, put in, or with a message whose checksums hold and nothing else."""
    pieces = [framed(name, json.dumps(said).encode()) for name, said in EVENTS]
    at = draw(st.integers(0, len(pieces) - 1))
    data = bytearray(b"".join(pieces))
    match draw(st.sampled_from(["flip", "cut", "insert", "header", "lengths", "payload"])):
        case "flip":
            for place in draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=3)):
                data[place] ^= draw(st.integers(1, 255))
        case "cut":
            start = draw(st.integers(0, len(data) - 1))
            del data[start : start + draw(st.integers(1, 40))]
        case "insert":
            start = draw(st.integers(0, len(data)))
            data[start:start] = draw(st.binary(min_size=1, max_size=40))
        case "header":
            pieces[at] = sealed(draw(st.binary(min_size=1, max_size=40)), b"{}")
            data = bytearray(b"".join(pieces))
        case "lengths":
            lengths = st.one_of(st.none(), st.integers(0, 60), st.sampled_from([2**17 + 1, 2**31, 2**32 - 1]))
            pieces[at] = sealed(b"", b"{}", total=draw(lengths), length=draw(lengths))
            data = bytearray(b"".join(pieces))
        case _:
            name, said = EVENTS[at]
            body = draw(st.one_of(altered([said]).map(lambda value: json.dumps(value).encode()), NO_JSON))
            pieces[at] = framed(name, body)
            data = bytearray(b"".join(pieces))
    return bytes(data)


@SLOW
@given(corrupted(), st.lists(st.integers(0, 200), max_size=6))
@example(framed("contentBlockDelta", b'{"contentBlockIndex": [], "delta": {"text": "x"}}'), [])
@example(framed("contentBlockStop", b'{"contentBlockIndex": {}}'), [])
@example(sealed(b"\x01a\x63", b"{}"), [])
@example(sealed(b"\x01a\x07\x00", b"{}"), [])
@example(sealed(b"\x01\xff\x00", b"{}"), [])
@example(sealed(b"", b"", total=0), [])
def test_corrupted_event_streams_of_bedrock(data: bytes, sizes: list[int]) -> None:
    reader, found, rest = bedrock.reader(), [], io.BytesIO(data)
    for size in [*sizes, len(data)]:
        found += reader.feed(rest.read(size))
    found += reader.finish()

    failed = [event for event in found if isinstance(event, Failed)]
    assert len(failed) <= 1, "nothing is read behind what cannot be trusted"
    assert sum(len(event.text) for event in found if isinstance(event, Delta)) <= len(data)
    assert all(isinstance(event.usage, Usage) for event in found if hasattr(event, "usage"))


def test_a_stream_that_is_not_corrupted_is_read_whole() -> None:
    reader = bedrock.reader()

    found = reader.feed(b"".join(framed(name, json.dumps(said).encode()) for name, said in EVENTS))

    assert [event.text for event in found if isinstance(event, Delta)] == ["Hello", "{}", "so"]
    assert not [event for event in found if isinstance(event, Failed)]
