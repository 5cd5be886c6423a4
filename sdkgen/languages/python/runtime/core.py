"""A call without its input and output: what is sent, what an answer means, whether and when it is sent again.

`exchange` is a generator that yields what has to be done (`Send`, `Read`, `Sleep`) and is told the outcome, so that the
blocking client, the asynchronous ones and tests share every decision.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from . import errors
from .meta import GatewayInfo
from .model import decoder, encodable
from .options import Retry, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from .multipart import Form
    from .options import Cancel, RequestOptions

SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
REPEATABLE = frozenset({408, 429, 500, 502, 503, 504, 529})
BASE_S, MOST_S, JITTER = 0.5, 8.0, 0.25


class Op:
    """An operation: made once a method, by the generated code. `query` and `headers` list attributes, as `attr` or
    `attr=wire`; `answer` is a type as in annotations of the types' module `group`, or one for each status."""

    __slots__ = (
        "_decoders", "answer", "body", "done", "event", "fold", "group", "headers", "http", "idempotent", "last",
        "management", "names", "page", "param", "path", "query",
    )  # fmt: skip

    def __init__(
        self,
        http: str,
        path: str,
        *,
        query: str = "",
        headers: str = "",
        body: str = "",
        names: Mapping[str, str] | None = None,
        answer: str | Mapping[int, str] = "",
        idempotent: bool = False,
        management: bool | None = False,
        page: tuple[str, str, str, str] | None = None,
        event: str = "",
        param: str = "",
        done: str = "",
        last: Iterable[str] = (),
        fold: str = "",
        group: str = "shared",
    ) -> None:
        self.group = group
        self.http = http
        self.path = path
        self.query = _pairs(query)
        self.headers = _pairs(headers)
        self.body = body
        self.names = names or {}
        self.answer = answer
        self.idempotent = idempotent
        self.management = management
        self.page = page
        self.event = event
        self.param = param
        self.done = done.encode()
        self.last = frozenset(last)
        self.fold = fold
        self._decoders: dict[str, Any] = {}

    def decoder_of(self, said: str, types: str) -> Callable[[Any], Any] | None:
        """`types` is the name of the package of types."""
        if said not in self._decoders:
            from importlib import import_module

            self._decoders[said] = decoder(said, import_module(f"{types}.{self.group}"))
        found: Callable[[Any], Any] | None = self._decoders[said]
        return found


def _pairs(said: str) -> dict[str, str]:
    parted = (one.partition("=") for one in said.split())
    return {attr: wire or attr for attr, _, wire in parted}


class Request(NamedTuple):
    """What a transport sends. `body` is a `Form` when it is sent in pieces."""

    http: str
    path: str
    headers: dict[str, str]
    body: bytes | Form | None
    timeouts: Timeouts
    deadline: float
    cancel: Cancel | None


class Send(NamedTuple):
    request: Request


class Read(NamedTuple):
    """The whole body; it is closed then."""

    reply: Reply


class Sleep(NamedTuple):
    seconds: float
    cancel: Cancel | None


class Reply:
    """The head of an answer; transports add how its body is read. Header names are in lower case."""

    __slots__ = ("body", "headers", "retries", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.retries = 0


class Settings:
    """Of a client, shared by its copies. `clock`, `random` and `sleep` are those of the standard library but in
    tests."""

    def __init__(
        self,
        *,
        api_key: str | None,
        management_key: str | None,
        base_url: str,
        timeouts: Timeouts,
        max_retries: int,
        headers: Mapping[str, str],
        telemetry: str | None,
        codes: Mapping[str, type[errors.APIError]],
        types: str,
        max_retry_after_s: float = 60.0,
        organization: str | None = None,
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None:
        import random
        import time

        self.api_key = api_key
        self.management_key = management_key
        self.base_url = base_url
        self.timeouts = timeouts
        self.max_retries = max_retries
        self.headers = headers
        self.telemetry = telemetry
        self.codes = codes
        self.types = types
        self.max_retry_after_s = max_retry_after_s
        self.organization = organization
        self.on_retry = on_retry
        self.clock: Callable[[], float] = time.monotonic
        self.random: Callable[[], float] = random.random
        self.log: Callable[[str], None] | None = None


def prepare(
    settings: Settings, op: Op, args: Sequence[object], params: Mapping[str, Any], *, streamed: bool = False
) -> tuple[Request, RequestOptions]:
    """The request of a call. Raises ConfigurationError and TypeError."""
    given = dict(params)
    options: RequestOptions = given.pop("request_options", {})
    if op.param and op.param in given:
        raise TypeError(f"{op.param!r} is no argument: the method stream() answers with events")
    query = {wire: given.pop(attr) for attr, wire in op.query.items() if attr in given}
    headers = _headers(settings, op, options, streamed=streamed)
    for attr, wire in op.headers.items():
        if given.get(attr) is not None:
            headers[wire.lower()] = str(given[attr])
        given.pop(attr, None)
    body = _body(op, given, options, headers, streamed=streamed)
    headers.update({name.lower(): value for name, value in options.get("headers", {}).items()})
    _key(op, options, headers)
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            raise ValueError(f"the header {name} has a line break")
    timeouts = settings.timeouts.replaced(dict(options.get("timeouts", {})))
    deadline = settings.clock() + timeouts.total
    path = _path(op, args) + _query({**query, **options.get("query", {})})
    return Request(op.http, path, headers, body, timeouts, deadline, options.get("cancel")), options


def _headers(settings: Settings, op: Op, options: RequestOptions, *, streamed: bool) -> dict[str, str]:
    headers = {"accept": "application/json, text/event-stream, */*"}
    key = settings.management_key if op.management else settings.api_key
    if op.management is None:  # signing in
        key = ""
    if key is None:
        name = "management_key (GATEWAY_MANAGEMENT_KEY)" if op.management else "api_key (GATEWAY_API_KEY)"
        raise errors.ConfigurationError(f"this call needs a key: set {name}")
    if key:
        headers["authorization"] = f"Bearer {key}"
    headers.update(settings.headers)
    if settings.telemetry is not None:
        via = "; via=stream" if streamed else ""
        headers["x-gateway-sdk"] = f"{settings.telemetry}; try=0{via}"
    if tags := options.get("tags"):
        headers["x-gateway-tags"] = ",".join(f"{name}={value}" for name, value in tags.items())
    for option, header in _OPTIONS:
        if (value := options.get(option)) is not None:
            headers[header] = str(value)
    if settings.organization and "x-organization" not in headers and op.management:
        headers["x-organization"] = settings.organization
    return headers


_OPTIONS = (
    ("end_user", "x-gateway-end-user"), ("cache", "x-gateway-cache"), ("route", "x-gateway-route"),
    ("organization", "x-organization"),
)  # fmt: skip


def _key(op: Op, options: RequestOptions, headers: dict[str, str]) -> None:
    """A repeat of a call that the gateway bills needs a key by which it knows the call again."""
    key = options.get("idempotency_key")
    if key is not None:
        headers["idempotency-key"] = key
    elif op.idempotent and "idempotency-key" not in headers:
        from secrets import token_hex

        headers["idempotency-key"] = "sdk-" + token_hex(16)


def _body(
    op: Op, given: dict[str, Any], options: RequestOptions, headers: dict[str, str], *, streamed: bool
) -> bytes | Form | None:
    extra = options.get("body", {})
    if not op.body:
        if given:
            raise TypeError(f"unknown argument: {', '.join(sorted(given))}")
        return None
    if op.body == "raw":
        return dumps(given["body"], headers)
    sent = {op.names.get(attr, attr): value for attr, value in given.items()}
    sent.update(extra)
    if streamed and op.param:
        sent[op.param] = True
    if op.body == "multipart":
        from .multipart import Form

        form = Form(sent, options.get("on_progress"))
        headers["content-type"] = form.content_type
        return form
    if op.body == "binary":
        headers["content-type"] = "application/octet-stream"
        content: bytes = given["body"]
        return content
    return dumps(sent, headers)


def dumps(value: Any, headers: dict[str, str]) -> bytes:
    headers["content-type"] = "application/json"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=encodable).encode("utf-8", "replace")


def _path(op: Op, args: Sequence[object]) -> str:
    if len(args) != op.path.count("{"):
        raise TypeError(f"{op.path} takes {op.path.count('{')} positional arguments, {len(args)} were given")
    if not args:
        return op.path
    from urllib.parse import quote

    parts = op.path.split("{")
    path = parts[0]
    for part, value in zip(parts[1:], args, strict=True):
        name, _, rest = part.partition("}")
        text = quote(str(value), safe="")
        if not text or text in (".", ".."):
            raise ValueError(f"{name!r} must not be {str(value)!r}: the path would lead elsewhere")
        path += text + rest
    return path


def _query(query: Mapping[str, Any]) -> str:
    said = [(name, _text(value)) for name, value in query.items() if value is not None]
    if not said:
        return ""
    from urllib.parse import urlencode

    return "?" + urlencode(said)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_text(one) for one in value)
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


# ---- the call ----------------------------------------------------------------------------------------------------
def exchange(
    settings: Settings, request: Request, options: RequestOptions, *, streamed: bool
) -> Generator[Send | Read | Sleep, Any, tuple[Reply, bytes]]:
    """The head of a success and, when it is not `streamed`, its body. Raises what `errors` has."""
    most = options.get("max_retries", settings.max_retries)
    retries = 0
    try:
        while True:
            try:
                _refuse_cancelled(request)
                reply = yield Send(request)
                if reply.status < 400:
                    content = b"" if streamed else (yield Read(reply))
                    reply.retries = retries
                    _log(settings, f"{request.http} {request.path.partition('?')[0]} {reply.status} retries={retries}")
                    return reply, content
                content = yield Read(reply)
                failure: errors.GatewayError = error_of(settings, reply.status, reply.headers, content)
            except errors.ConnectionFailed as broken:
                failure = broken
            if request.cancel is not None and request.cancel.is_set:
                raise errors.Cancelled("the call was cancelled") from failure
            delay = _delay(settings, request, failure, retries) if retries < most else None
            if delay is None or settings.clock() + delay >= request.deadline or not _rewound(request):
                raise failure
            retries += 1
            if settings.telemetry is not None:
                said = request.headers["x-gateway-sdk"]
                request.headers["x-gateway-sdk"] = said.replace(f"; try={retries - 1}", f"; try={retries}")
            status = failure.status if isinstance(failure, errors.APIError) else None
            _log(settings, f"{request.http} {request.path.partition('?')[0]} again in {delay:.2f} s: {failure}")
            if settings.on_retry is not None:
                settings.on_retry(Retry(retries, delay, status, str(failure)))
            yield Sleep(delay, request.cancel)
    finally:
        if request.body is not None and not isinstance(request.body, bytes):
            request.body.close()


def _refuse_cancelled(request: Request) -> None:
    if request.cancel is not None and request.cancel.is_set:
        raise errors.Cancelled("the call was cancelled")


def _rewound(request: Request) -> bool:
    return request.body is None or isinstance(request.body, bytes) or request.body.rewind()


def _delay(settings: Settings, request: Request, failure: errors.GatewayError, retries: int) -> float | None:
    """Seconds until the call is sent again; None when it is not."""
    repeatable = request.http in SAFE or "idempotency-key" in request.headers
    if isinstance(failure, errors.APIError):
        should = failure.headers.get("x-should-retry")
        if should == "false":
            return None
        if not (should == "true" or failure.status in REPEATABLE or failure.code == "idempotency_in_flight"):
            return None
        if not repeatable and failure.status != 429:  # a refusal that was made before anything was done
            return None
        asked = failure.retry_after_s
        if asked is not None:
            return asked if asked <= settings.max_retry_after_s else None
    elif isinstance(failure, errors.ConnectionFailed):
        if isinstance(failure, errors.TimedOut) and failure.phase == "total":
            return None
        if failure.sent and not repeatable:
            return None
    else:
        return None
    pause: float = min(MOST_S, BASE_S * 2**retries)
    return pause * (1 - JITTER * settings.random())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """`Retry-After-Ms`, or `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); never less than 0."""
    try:
        if (said := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(said) / 1000)
        said = headers.get("retry-after")
        if said is None:
            return None
        if said.strip().replace(".", "", 1).isdigit():
            return float(said)
        from email.utils import parsedate_to_datetime
        from time import time

        return max(0.0, parsedate_to_datetime(said).timestamp() - time())
    except ValueError:
        return None


def error_of(settings: Settings, status: int, headers: Mapping[str, str], content: bytes) -> errors.APIError:
    """OpenAI's, Anthropic's and RFC 9457's shapes; anything else is the message itself."""
    body: Any = None
    code = message = param = None
    try:
        body = json.loads(content)
    except ValueError:
        body = content.decode("utf-8", "replace")
    if isinstance(body, dict):
        said = body.get("error")
        if isinstance(said, dict):
            code, message, param = said.get("code"), said.get("message"), said.get("param")
        elif isinstance(said, str):
            message = said
        else:
            code, message = body.get("code"), body.get("detail") or body.get("title")
            listed = body.get("errors")
            if isinstance(listed, list) and listed and isinstance(listed[0], dict):
                param = listed[0].get("field")
    code = code if isinstance(code, str) else None
    made = settings.codes.get(code or "")
    by_status = errors.of_status(status)
    if made is None or not issubclass(made, by_status):
        made = by_status
    text = message if isinstance(message, str) else str(body)[:500] or "no message"
    return made(status, code, text, headers=headers, body=body, param=param if isinstance(param, str) else None)


def answer_of(settings: Settings, op: Op, reply: Reply, content: bytes) -> Any:
    """The typed answer. Raises DecodeError."""
    said = op.answer if isinstance(op.answer, str) else op.answer.get(reply.status, next(iter(op.answer.values())))
    info = GatewayInfo(reply.status, reply.headers, content, reply.retries)
    if said == "" or (reply.status == 204 and not content):
        return None
    if said == "bytes":
        return content
    if said == "text":
        return content.decode("utf-8", "replace")
    try:
        raw = json.loads(content)
    except ValueError as error:
        kind = reply.headers.get("content-type", "no content type")
        raise errors.DecodeError(f"the answer {reply.status} is no JSON ({kind}): {error}") from error
    made = op.decoder_of(said, settings.types)
    if made is None or raw is None:
        return raw
    if isinstance(made, type) and isinstance(raw, dict):
        return made(raw, info)
    return made(raw)


def _log(settings: Settings, text: str) -> None:
    if settings.log is not None:
        settings.log(text)
