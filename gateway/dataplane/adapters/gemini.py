"""Google Gemini: prompts become generateContent, embeddings batchEmbedContents.

Sources: Gemini API reference, "Authentication" (`x-goog-api-key`), "Generating content", "Embeddings"; guide
"Troubleshooting" (errors as google.rpc.Status, with `RetryInfo`).
"""

import base64
import struct
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from gateway.dataplane.adapters.outbound import Answer, Outbound, Watcher
from gateway.dataplane.adapters.passed import load_answer
from gateway.dataplane.adapters.wire import WireAdapter, malformed, post, unwritable
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import OPENAI_EMBEDDINGS
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.formats import checks
from gateway.dataplane.formats.base import Malformed
from gateway.dataplane.formats.ir import Json
from gateway.dataplane.formats.registry import GEMINI
from gateway.dataplane.usage import Usage
from gateway.dataplane.views import Target

DEFAULT_PREFIX = "/v1beta"
EMBEDDING_FIELDS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})


def _status_of(body: bytes) -> Json:
    """The google.rpc.Status of an error body; streams without events wrap it in an array."""
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(said, list) and said:
        said = said[0]
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, dict) else {}


def _details(body: bytes) -> list[Json]:
    details = _status_of(body).get("details")
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


KEY_REASONS = frozenset(
    {
        "API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED",
        "API_KEY_ANDROID_APP_BLOCKED", "API_KEY_IOS_APP_BLOCKED", "SERVICE_DISABLED", "BILLING_DISABLED",
        "CONSUMER_INVALID", "CONSUMER_SUSPENDED", "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING",
    }
)  # fmt: skip
"""Reasons about the gateway's key. Source: googleapis, `google/api/error_reason.proto`."""


def judge(status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
    """A bad key is a 400 or 403 here; when to come back stands in the body."""
    for detail in _details(body):
        reason = detail.get("reason")
        if isinstance(reason, str) and reason in KEY_REASONS:
            status = 401
        delay = detail.get("retryDelay")
        if retry_after is None and isinstance(delay, str) and delay.endswith("s"):
            retry_after = delay[:-1].encode("ascii", "ignore")
    return status, retry_after


def read_error(status: int, body: bytes) -> ApiError | None:
    error = _status_of(body)
    if not isinstance(error.get("message"), str):
        return None
    code = error["status"].lower() if isinstance(error.get("status"), str) else "upstream_error"
    return ApiError(status, code, error["message"], kind="invalid_request_error")


class GeminiAdapter(WireAdapter):
    """Stateless; one instance serves every provider of the kind."""

    vendor: ClassVar[str] = "gemini"
    read_error = staticmethod(read_error)
    judge = staticmethod(judge)

    def natives(self, target: Target) -> Collection[str]:
        return ()

    def wire(self, target: Target) -> str:
        return GEMINI

    def http(self, call: Call, target: Target, attempt_id: str, dialect: str, body: bytes) -> bytes:
        verb = "streamGenerateContent?alt=sse" if call.is_stream else "generateContent"
        return self._post(target, verb, body)

    def prepare(self, call: Call, target: Target) -> Outbound:
        if call.endpoint.dialect != OPENAI_EMBEDDINGS:
            return super().prepare(call, target)
        try:
            body = orjson.dumps(embedding_request(call.fields, target))
        except Malformed as error:
            raise malformed(error) from error
        except TypeError as error:
            raise unwritable(call, error) from error
        return Embeddings(call, lambda attempt_id: self._post(target, "batchEmbedContents", body))

    def _post(self, target: Target, verb: str, body: bytes) -> bytes:
        provider = target.provider
        headers = {"content-type": "application/json"}
        if provider.credential:
            headers["x-goog-api-key"] = provider.credential
        prefix = "" if provider.path_prefix else DEFAULT_PREFIX
        return post(target, f"{prefix}/models/{quote(_bare(target.upstream_name), safe='')}:{verb}", headers, body)


def _bare(name: str) -> str:
    """The vendor's lists name models `models/…`."""
    return name.removeprefix("models/")


def embedding_request(fields: Json, target: Target) -> Json:
    """OpenAI's embeddings request as one batch. Raises `Malformed`, or `ApiError` for what has no counterpart."""
    given = fields["input"]
    texts = [given] if isinstance(given, str) else given
    if not texts or not all(isinstance(text, str) for text in texts):
        raise _unsupported("input", target, "the target embeds texts, not token numbers")
    if (encoding := fields.get("encoding_format")) not in (None, "float", "base64"):
        raise Malformed("encoding_format", f"must be 'float' or 'base64', not {encoding!r}")
    extra: Json = {}
    checks.leftovers(fields, EMBEDDING_FIELDS, "", extra)
    for name in extra:
        if not target.drop_unsupported:
            raise _unsupported(name, target, f"'{name}' has no counterpart in Gemini embeddings")
    dimensions = checks.optional(fields, "dimensions", checks.integer)
    size = {} if dimensions is None else {"outputDimensionality": dimensions}
    model = f"models/{_bare(target.upstream_name)}"
    return {"requests": [{"model": model, "content": {"parts": [{"text": text}]}, **size} for text in texts]}


def _unsupported(field: str, target: Target, why: str) -> ApiError:
    message = f"{field}: {why} (model '{target.name}')."
    return ApiError(400, "unsupported_parameter", message, param=field)


class Embeddings:
    """An `Outbound` from OpenAI's embeddings to Gemini's batch."""

    def __init__(self, call: Call, build: Callable[[str], bytes]) -> None:
        self.dropped: Sequence[str] = ()
        self._call = call
        self._build = build

    def request(self, attempt_id: str) -> bytes:
        return self._build(attempt_id)

    def answer(self, body: bytes) -> Answer:
        said = load_answer(body)
        rows = said.get("embeddings")
        if not isinstance(rows, list) or not all(isinstance(_values(row), list) for row in rows):
            raise UpstreamError("invalid_answer", "the provider's answer has no embeddings")
        is_base64 = self._call.fields.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _encoded(_values(row), is_base64=is_base64)}
            for index, row in enumerate(rows)
        ]
        metadata = said.get("usageMetadata")
        tokens = metadata.get("promptTokenCount") if isinstance(metadata, dict) else None
        used = Usage({"input_tokens": tokens, "output_tokens": 0}, "reported") if isinstance(tokens, int) else None
        counts = {"prompt_tokens": tokens or 0, "total_tokens": tokens or 0}
        answer = {"object": "list", "data": data, "model": self._call.model, "usage": counts}
        return Answer(orjson.dumps(answer), used)

    def watcher(self) -> Watcher:
        raise UpstreamError("invalid_answer", "embeddings are not streamed")

    def raw_watcher(self) -> Watcher:
        raise NotImplementedError("embeddings are no file")

    def refusal(self, status: int, body: bytes) -> ApiError | None:
        return read_error(status, body)

    def judged(self, status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
        return judge(status, retry_after, body)


def _values(row: object) -> Any:
    return row.get("values") if isinstance(row, dict) else None


def _encoded(values: list[float], *, is_base64: bool) -> list[float] | str:
    """Little-endian float32 in base64, as OpenAI's clients ask for by default."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode() if is_base64 else values
