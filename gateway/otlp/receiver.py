"""`POST /otlp/v1/traces`: OTLP/HTTP with a key of scope `ingest`. Lines go through the spool like those of calls.

Source: OTLP specification 1.x, "OTLP/HTTP": same media type back, partial success, errors as `google.rpc.Status`,
429 and 503 are retried by clients. A span sent again makes the same line id, so it adds nothing.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from gateway.choices import Scope
from gateway.dataplane import call as call_module
from gateway.dataplane.app import read_body
from gateway.dataplane.endpoints import unknown
from gateway.dataplane.errors import ApiError
from gateway.dataplane.metrics import count_error
from gateway.dataplane.protocols import Receive, Send
from gateway.dataplane.stages import identify
from gateway.imports.records import BadValueError
from gateway.ledger.ids import ms_of, uuid7
from gateway.ledger.spool import SpoolFullError
from gateway.otlp import genai, messages
from gateway.otlp.genai import Generation
from gateway.otlp.spans import JSON, PROTOBUF, Span, TooLongError, UndecodableError, decode, unpacked

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.views import KeyView

DEFAULT_PROVIDER = "openai"
UNKNOWN_MODEL = "unknown"
SLICE = 100
RETRY_AFTER_S = "5"


class Traces:
    """The handler, one a process."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._spans: Counter[str] = Counter()

    def metrics(self) -> list[str]:
        lines = ["# HELP gateway_otlp_spans_total Spans received, by what became of them.",
                 "# TYPE gateway_otlp_spans_total counter"]  # fmt: skip
        results = ("recorded", "ignored", "rejected")
        return lines + [f'gateway_otlp_spans_total{{result="{name}"}} {self._spans[name]}' for name in results]

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
        answer_as = media_type if media_type in (JSON, PROTOBUF) else JSON
        call = call_module.new_call(unknown(scope["path"]), headers, (scope.get("client") or ("", 0))[0])
        try:
            if scope["method"] != "POST":
                raise ApiError(405, "method_not_allowed", "Traces are sent with POST.", headers={"Allow": "POST"})
            key = self._key(call)
            body = await read_body(headers, receive)
            if body is None:
                return
            if media_type not in (JSON, PROTOBUF):
                raise ApiError(415, "unsupported_media_type", f"Send {PROTOBUF} or {JSON}.")
            rejected, reason = await self._take(body, media_type, headers, key)
            await _answer(send, 200, messages.success(rejected, reason, answer_as), answer_as, call.request_id)
        except ApiError as error:
            count_error(error)
            body = messages.status(error.status, error.message, answer_as)
            await _answer(send, error.status, body, answer_as, call.request_id, error.headers)

    def _key(self, call: call_module.Call) -> "KeyView":
        key = identify(call, self._runtime)
        if Scope.INGEST.value not in key.scopes:
            raise ApiError(403, "scope_missing", "This key may not send traces (scope 'ingest').")
        return key

    async def _take(
        self, body: bytes, media_type: str, headers: Mapping[bytes, bytes], key: "KeyView"
    ) -> tuple[int, str]:
        """Journal what is a call of a model; how many spans no line could be made of, and why the first not."""
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        try:
            spans = await asyncio.to_thread(_decoded, body, encoding, media_type)
        except TooLongError:
            raise ApiError(413, "request_too_large", "The unpacked body is larger than 64 MiB.") from None
        except UndecodableError as error:
            raise ApiError(400, "invalid_body", f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
        host = headers.get(b"host", b"").decode("latin-1")
        wanted = [span for span in genai.generations(spans) if not genai.is_of_server(span, host)]
        self._spans["ignored"] += len(spans) - len(wanted)
        return await self._record(wanted, key)

    async def _record(self, spans: list[Span], key: "KeyView") -> tuple[int, str]:
        now, rejected, reason = datetime.now(UTC), 0, ""
        for index, span in enumerate(spans):
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)  # calls come first
            try:
                line = self._line(genai.read(span, now), key)
            except BadValueError as error:
                rejected, reason = rejected + 1, reason or str(error)
                continue
            try:
                self._runtime.spool.line(line["id"], orjson.dumps(line))
            except SpoolFullError:
                raise ApiError(503, "ledger_unavailable", "The gateway cannot record spans at the moment.",
                               headers={"Retry-After": RETRY_AFTER_S}) from None  # fmt: skip
        self._spans["rejected"] += rejected
        self._spans["recorded"] += len(spans) - rejected
        return rejected, reason

    def _line(self, found: Generation, key: "KeyView") -> dict[str, Any]:
        line: dict[str, Any] = {
            "id": str(identity(key.organization, found.span, found.at)),
            "request_id": f"{found.span.trace_id}-{found.span.span_id}",
            "organization": key.organization,
            "team": key.team,
            "project": key.project,
            "api_key": key.id,
            "user": key.user,
            "kind": "attempt",
            "is_final": True,
            "model_requested": found.model or UNKNOWN_MODEL,
            "model_served": found.model,
            "provider": found.provider or (DEFAULT_PROVIDER if found.model else None),
            "usage_source": "imported",
            "origin": "otlp",
            **found.counts,
            **found.values,
        }
        line |= self._prices(found, line["provider"], key)
        return {name: value for name, value in line.items() if value is not None or name in ("cost", "list_cost")}

    def _prices(self, found: Generation, provider: str | None, key: "KeyView") -> Mapping[str, Any]:
        """By the price book at the span's time. Without a model or any usage the cost is unknown, never 0."""
        if found.model is None or provider is None or not found.counts:
            return {"price_status": "unpriced", "cost": None, "list_cost": None}
        return self._runtime.pricer.price(
            found.counts,
            price_list=provider,
            model=found.model,
            at=found.at,
            organization=key.organization,
            context={"service_tier": found.tier} if found.tier else {},
        )


def identity(organization: str, span: Span, at: datetime) -> UUID:
    """The span's millisecond and a hash of organization, trace and span (rule 7)."""
    content = f"{organization}\0otlp\0{span.trace_id}\0{span.span_id}"
    bits = int.from_bytes(hashlib.sha256(content.encode()).digest()[:10], "big") & ((1 << 74) - 1)
    return uuid7(ms_of(at), bits)


def _decoded(body: bytes, encoding: str, media_type: str) -> list[Span]:
    return decode(unpacked(body, encoding), media_type)


async def _answer(
    send: Send, status: int, body: bytes, media_type: str, request_id: str, more: Mapping[str, str] | None = None
) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode(), value.encode("latin-1", "replace")) for name, value in (more or {}).items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
