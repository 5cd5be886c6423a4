"""The filter that screens what comes back from a provider, whole and streamed."""

from typing import TYPE_CHECKING

import orjson

from gateway.dataplane import call as call_module
from gateway.dataplane import sse
from gateway.dataplane.call import Call
from gateway.dataplane.errors import Denied
from gateway.dataplane.guard.rules import Rules
from gateway.guardrails import texts
from gateway.guardrails.rails import Hit, Verdict, is_clean, screen
from gateway.guardrails.streaming import StreamGuard

if TYPE_CHECKING:
    from gateway.dataplane.guard.service import GuardService

HEADER = b"x-gateway-guardrail"


def refusal(hit: Hit) -> Denied:
    """What the caller is told: which guardrail and what kind of thing, never the text."""
    message = f"The guardrail '{hit.rail.name}' blocked this: {', '.join(hit.whats)}."
    return Denied(403, "guardrail_blocked", message, kind="permission_error")


def tell(call: Call, verdict: Verdict) -> None:
    """`X-Gateway-Guardrail: name=redact` for each guardrail that found something."""
    for hit in verdict.hits:
        call.response_headers.append((HEADER, f"{hit.rail.name}={hit.rail.action}".encode("latin-1", "replace")))


class OutputGuard:
    """An `OutputFilter`: one call's answer, in the client's wire format."""

    def __init__(self, call: Call, rules: Rules, service: "GuardService") -> None:
        self._call = call
        self._rails = rules.back
        self._service = service
        self._verdict = Verdict()
        self._stream: StreamGuard | None = None

    def whole(self, body: bytes) -> bytes:
        answer = orjson.loads(body)
        if is_clean(texts.answer_texts(answer), self._rails):
            return body
        changed = texts.change_answer(answer, lambda text: screen(text, self._rails, self._verdict))
        tell(self._call, self._verdict)
        self._count()
        if self._verdict.blocked_by is not None:
            raise refusal(self._verdict.blocked_by)
        return body if changed == answer else orjson.dumps(changed)

    def feed(self, data: bytes) -> bytes:
        if self._stream is None:
            self._stream = StreamGuard(self._call.endpoint.dialect, self._rails, self._verdict)
        out = b"".join(self._event(event) for event in sse.events(data))
        self._stop_if_blocked()
        return out

    def finish(self) -> bytes:
        if self._stream is None:
            return b""
        rest = self._stream.encode(self._stream.finish())
        self._stop_if_blocked()
        self._count()
        return rest

    def _event(self, event: bytes) -> bytes:
        value = sse.load(event)
        if value is None or self._stream is None:  # a comment, `[DONE]`, a ping without data
            return event
        return self._stream.encode(self._stream.event(value))

    def _stop_if_blocked(self) -> None:
        """What was in the same piece is not sent either."""
        if self._verdict.blocked_by is not None:
            self._count()
            raise refusal(self._verdict.blocked_by)

    def _count(self) -> None:
        hits, self._verdict.hits = self._verdict.hits, []
        if hits:
            self._service.count(self._call, hits, call_module.ip_hash(self._call.client_ip))
