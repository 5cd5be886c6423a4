"""One client call on its way through the stages: what was asked, by whom, and where it goes."""

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from gateway import credentials
from gateway.dataplane import jsonsplice
from gateway.dataplane.endpoints import OPENAI_CHAT, OPENAI_COMPLETIONS, Endpoint
from gateway.dataplane.errors import ApiError
from gateway.dataplane.forms import Form, FormError
from gateway.dataplane.routing import policy as policies
from gateway.dataplane.routing.policy import Policy
from gateway.dataplane.views import KeyView, Target
from gateway.jsonfaults import fault_of
from gateway.middleware import request_id_from

if TYPE_CHECKING:
    from gateway.dataplane.formats.ir import Prompt
    from gateway.dataplane.protocols import OnBegun, OnSettled, OutputFilter, Responder, Reviewer, Seal, Tap
    from gateway.dataplane.routing.decision import Choice
    from gateway.otlp.context import TraceContext

LIST_HEADERS = (b"x-gateway-tags",)
MAX_TAGS = 20
MAX_TAG_CHARS = 120
MAX_NAME_CHARS = 200
PREFIX_BLOCK_BYTES = 2048  # about 512 tokens of text at 4 bytes a token
MAX_PREFIXES = 64
LONG_FORM_BYTES = 256 * 1024
CAP_KEYS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
SPLICED_KEYS = ("model", "stream_options", *CAP_KEYS)  # what adapters may set in the body
VOLATILE = ("stream", "stream_options", "user", "metadata", "store", "safety_identifier", "prompt_cache_key")
# What stands before a prompt's turns, in the order in which vendors cache it.
PREFIX_FIELDS = ("tools", "system", "instructions")
_UNCLEAN = re.compile("[\x00\ud800-\udfff]")
_last_ms = 0
_counter = 0


@dataclass(slots=True)
class Call:
    """Filled from left to right: parse, stages, attempts. Times are `time.time_ns` and `perf_counter` based.

    Stages hang their work on it: `begun` runs before each attempt is journalled and may add to its line, `settled`
    after each attempt's line was journalled, and `ended` once when the call is over, whatever happened (synchronous,
    never raising); `filters` change what the client is sent, `reviewers` have somebody judge it, `taps` see it, and
    `sealing` is awaited before the last byte of a settled answer leaves; `responder` answers without an upstream, and
    the later stages are skipped. `output_cap` bounds the answer's tokens: adapters send it when the client asked for
    more or said nothing. A stage that changes answers adds to `cache_marks` what they depend on; `keep_going` tells
    whether others still want a stream that was left.
    `prompt` is the request in neutral form, once somebody needed it; `form` the body where forms are taken.
    """

    endpoint: Endpoint
    headers: Mapping[bytes, bytes]
    client_ip: str
    request_id: str
    started_ns: int
    clock: float
    body: bytes = b""
    fields: dict[str, Any] = field(default_factory=dict)
    form: Form | None = None
    model: str = ""
    is_stream: bool = False
    key: KeyView | None = None
    candidates: tuple[Target, ...] = ()
    targets: tuple[Target, ...] = ()
    route: str | None = None
    policy: Policy = policies.DEFAULT
    strategy: str | None = None
    choice: "Choice | None" = None
    decision: dict[str, Any] | None = None
    output_cap: int | None = None
    cache_status: str | None = None
    cache_marks: list[str] = field(default_factory=list)
    response_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    attempts: int = 0
    prompt: "Prompt | None" = None
    is_inner: bool = False  # made by the gateway for a client's call: a line, but no request of its own
    responder: "Responder | None" = None
    filters: "list[OutputFilter]" = field(default_factory=list)
    reviewers: "list[Reviewer]" = field(default_factory=list)
    taps: "list[Tap]" = field(default_factory=list)
    sealing: "list[Seal]" = field(default_factory=list)
    begun: "list[OnBegun]" = field(default_factory=list)
    settled: "list[OnSettled]" = field(default_factory=list)
    ended: list[Callable[[], None]] = field(default_factory=list)
    trace: "TraceContext | None" = None
    error: ApiError | None = None
    keep_going: list[Callable[[], bool]] = field(default_factory=list)
    _limited: tuple[object, int | None] = (None, None)

    @property
    def wants_usage(self) -> bool:
        """Whether the client itself asked for the usage chunk of a stream."""
        options = self.fields.get("stream_options")
        return isinstance(options, dict) and bool(options.get("include_usage"))

    @property
    def turns(self) -> list[Any] | None:
        """The conversation: messages, or Responses' input items; None for any other prompt."""
        value = self.fields.get(self.endpoint.required) if self.endpoint.is_chat else None
        return value if isinstance(value, list) else None

    def replace(self, fields: dict[str, Any]) -> None:
        """Go on with other texts than the caller's."""
        self.fields = fields
        if self.form is not None:
            self.form = self.form.with_texts(fields)
        else:
            self.body = _dumped(fields)

    @property
    def max_tokens(self) -> int | None:
        """The longest answer the caller asks for; worked out once, since every stage wants to know."""
        if self._limited[0] is not self.fields:
            self._limited = self.fields, _limit_in(self.fields)
        return self._limited[1]


def _limit_in(fields: Mapping[str, Any]) -> int | None:
    for name in CAP_KEYS:
        value = fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool):  # lenient providers take `true` for 1
            return value
    return None


def headers_of(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers of a request by name; a list that came in several lines is joined (RFC 9110 §5.3), of the others the
    last line counts."""
    headers = dict(pairs)
    if len(headers) != len(pairs):
        for name in LIST_HEADERS:
            if name in headers:
                headers[name] = b",".join(value for other, value in pairs if other == name)
    return headers


def new_call(endpoint: Endpoint, headers: Mapping[bytes, bytes], client_ip: str) -> Call:
    caller_id = headers.get(b"x-request-id")
    request_id = request_id_from(caller_id.decode("latin-1") if caller_id else None)
    return Call(endpoint, headers, client_ip, request_id, time.time_ns(), time.perf_counter())


def new_id(ms: int) -> str:
    """UUIDv7 as text, without building a `UUID` object; ascending within a millisecond (RFC 9562 §5.7, §6.2)."""
    global _last_ms, _counter
    random = int.from_bytes(os.urandom(10), "big")
    _counter = (_counter + 1) & 0xFFF if ms == _last_ms else random >> 69  # starts in the lower half of 12 bits
    _last_ms = ms
    tail = f"{0x8000000000000000 | (random & 0x3FFFFFFFFFFFFFFF):016x}"
    head = f"{ms:012x}"
    return f"{head[:8]}-{head[8:]}-7{_counter:03x}-{tail[:4]}-{tail[4:]}"


def parse(call: Call, body: bytes) -> None:
    """Read the fields the gateway needs; the body itself is forwarded as bytes. Raises `ApiError` (400)."""
    fields = _object(body)
    _refuse_ambiguity(body, fields)
    _take(call, body, fields)


def read_object(body: bytes) -> dict[str, Any]:
    """The fields of a JSON object, none of them twice. Raises `ApiError` (400)."""
    fields = _object(body)
    _refuse_ambiguity(body, fields)
    return fields


async def read_form(call: Call, body: bytes) -> None:
    """Form and fields of a call; files are hashed, long ones in a thread. Raises `ApiError` (400)."""
    content_type = call.headers.get(b"content-type", b"").decode("latin-1")
    try:
        if len(body) > LONG_FORM_BYTES:
            form, fields = await asyncio.to_thread(_read_form, content_type, body)
        else:
            form, fields = _read_form(content_type, body)
    except FormError as error:
        raise ApiError(400, "invalid_form", f"The form cannot be read: {error}.", param=error.field) from error
    call.form, call.fields = form, fields


async def parse_form(call: Call, body: bytes) -> None:
    """As `parse`, for an endpoint that takes forms."""
    await read_form(call, body)
    form, fields = call.form, call.fields
    assert form is not None
    if fields.get("stream") in ("true", "false"):
        fields["stream"] = fields["stream"] == "true"
    elif fields.get("stream") == "":
        del fields["stream"]
    if call.endpoint.required in ("file", "image") and form.file(call.endpoint.required) is None:
        raise _invalid(f"'{call.endpoint.required}' is required and must be a file", call.endpoint.required)
    _take(call, body, fields)


def _read_form(content_type: str, body: bytes) -> tuple[Form, dict[str, Any]]:
    form = Form.read(content_type, body)
    return form, form.fields()


def _take(call: Call, body: bytes, fields: dict[str, Any]) -> None:
    model = fields.get("model") or call.endpoint.default_model or fields.get("model")
    if not isinstance(model, str) or not model:
        raise _invalid("you must provide a model parameter" if model is None else "model must be a string", "model")
    if len(model) > MAX_NAME_CHARS:
        raise _invalid(f"model is longer than {MAX_NAME_CHARS} characters", "model")
    required = call.endpoint.required
    is_kept_elsewhere = fields.get(required) is None and any(fields.get(name) for name in call.endpoint.instead)
    if not isinstance(fields.get(required), call.endpoint.required_types) and not is_kept_elsewhere:
        names = " or ".join(_JSON_TYPES[kind] for kind in call.endpoint.required_types)
        raise _invalid(f"'{required}' is required and must be: {names}", required)
    if required == "messages" and not all(isinstance(message, dict) for message in fields["messages"]):
        raise _invalid("each element of 'messages' must be an object", "messages")
    stream = fields.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise _invalid("'stream' must be a boolean", "stream")
    if call.endpoint.dialect in (OPENAI_CHAT, OPENAI_COMPLETIONS):
        _check_stream_options(fields.get("stream_options"))
    call.body, call.fields, call.model = body, fields, model
    call.is_stream = bool(stream) and call.endpoint.streams
    if call.endpoint.is_binary:
        call.is_stream = fields.get("stream_format") == "sse"


def _check_stream_options(options: object) -> None:
    """The gateway adds to them, so it has to understand them."""
    if options is not None and not isinstance(options, dict):
        raise _invalid("'stream_options' must be an object", "stream_options")


_JSON_TYPES: dict[type, str] = {list: "array", str: "string", dict: "file"}


def _dumped(fields: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields)
    except TypeError:  # a number that only the slow parser took
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        fields = _slowly(body, error)
    if not isinstance(fields, dict):
        raise ApiError(400, "invalid_json", "The body must be a JSON object.")
    return fields


def _slowly(body: bytes, error: ValueError) -> object:
    """Valid JSON that the fast parser refuses (a number beyond a double); anything else is the caller's mistake."""
    try:
        text = body.decode("utf-8")  # of bytes, `json` would guess UTF-16 and UTF-32, which no provider reads
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as reason:
        told = error if isinstance(reason, json.JSONDecodeError | UnicodeDecodeError) else fault_of(reason)
        raise ApiError(400, "invalid_json", f"The body is not valid JSON: {told}.") from error


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _refuse_ambiguity(body: bytes, fields: Mapping[str, Any]) -> None:
    """A repeated key would let the provider read another model, or another limit, than the gateway did."""
    try:
        jsonsplice.refuse_duplicates(body, fields)
    except jsonsplice.DuplicateKeyError as error:
        raise ApiError(400, "duplicate_key", f"The body has the key {error} twice.", param=str(error)) from error
    except RecursionError as error:
        raise ApiError(400, "invalid_json", "The body is nested too deeply.") from error
    if not jsonsplice.is_too_long_to_scan(body):
        return
    if any(jsonsplice.needs_scan(body, key, fields) for key in SPLICED_KEYS):
        raise ApiError(400, "invalid_json", f"The body has more than {jsonsplice.MAX_SCANNED:,} parts.")


def _invalid(message: str, param: str) -> ApiError:
    return ApiError(400, "invalid_request", message, param=param)


# ---- what a line says of the request ---------------------------------------------------------------------------------
def clean(text: str, limit: int) -> str:
    """Text as the database takes it: no NUL, no lone surrogate, bounded (rule 10)."""
    return _UNCLEAN.sub("�", text)[:limit]


def _text(header: bytes) -> str:
    """A header's text: UTF-8, which callers send today, else Latin-1, which takes any bytes (RFC 9110 §5.5)."""
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError:
        return header.decode("latin-1")


def tags(call: Call) -> dict[str, str] | None:
    """`X-Gateway-Tags: k=v,…` → map, bounded; None without one."""
    raw = call.headers.get(b"x-gateway-tags")
    if not raw:
        return None
    pairs = (item.partition("=") for item in _text(raw).split(",")[:MAX_TAGS])
    named = ((key.strip(), value.strip()) for key, separator, value in pairs if separator and key.strip())
    found = {clean(key, MAX_TAG_CHARS): clean(value, MAX_TAG_CHARS) for key, value in named}
    return found or None


def end_user(call: Call) -> str | None:
    header = call.headers.get(b"x-gateway-end-user")
    value = _text(header) if header else _user_of(call)
    return clean(value, MAX_NAME_CHARS) if isinstance(value, str) and value else None


def _user_of(call: Call) -> object:
    """OpenAI's `user` or its successor, or Anthropic's `metadata.user_id`."""
    if call.endpoint.is_anthropic:
        metadata = call.fields.get("metadata")
        return metadata.get("user_id") if isinstance(metadata, dict) else None
    return call.fields.get("user") or call.fields.get("safety_identifier")


@lru_cache(maxsize=4096)
def ip_hash(address: str) -> str:
    return credentials.keyed_hash("client-ip", address.encode()).hex()


def fingerprints(call: Call) -> dict[str, str]:
    """Keyed hashes of the canonical request and of its successive prompt prefixes; no body is stored."""
    stable = {key: value for key, value in call.fields.items() if key not in VOLATILE}
    try:
        canonical = orjson.dumps(stable, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # numbers or text that only the slow parser took: the body as it came identifies it
        return {"request_hmac": credentials.keyed_hash("request", call.body).hex()}
    found = {"request_hmac": credentials.keyed_hash("request", canonical).hex()}
    turns = call.turns
    if turns is not None and len(call.body) > PREFIX_BLOCK_BYTES:
        before = [call.fields[name] for name in PREFIX_FIELDS if name in call.fields] or [None]
        prompt = orjson.dumps([*before, turns])
        ends = range(PREFIX_BLOCK_BYTES, len(prompt) + 1, PREFIX_BLOCK_BYTES)[:MAX_PREFIXES]
        if len(ends):
            found["prefix_hmacs"] = credentials.prefix_hashes(prompt, ends).hex()
    return found
