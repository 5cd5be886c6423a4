"""A guardrail that somebody else runs: texts go out signed, a verdict comes back in time or not at all.

Request: `POST` JSON `{guardrail, direction, request_id, model, texts[]}` with `X-Gateway-Signature: sha256=<hex>`, an
HMAC-SHA-256 of the body. Answer: `{"action": "allow" | "flag" | "block" | "redact", "texts": […]}`; `redact` gives the
texts back, as many and in the same order. The address is bound by the same rules as an upstream's.
"""

import hashlib
import hmac
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gateway.dataplane.call import Call
from gateway.dataplane.errors import ApiError, UpstreamError
from gateway.dataplane.guard.rules import Webhook
from gateway.dataplane.upstream import Timeouts
from gateway.guardrails.finding import Finding
from gateway.guardrails.rails import BLOCK, FLAG, INPUT, REDACT, WEBHOOK, Rail

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
ANSWER_LIMIT_BYTES = 20 * 1024 * 1024
FINDING = Finding(WEBHOOK, 0, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict other than `allow`. `texts` None: unchanged."""

    action: str
    texts: list[str] | None = None


class NoCheck:
    """Stands in a `Rail` for a check that ran elsewhere."""

    window = 0
    is_whole = True

    def find(self, text: str) -> list[Finding]:
        return []


def rail_of(hook: Webhook, action: str) -> Rail:
    return Rail(hook.id, hook.name, WEBHOOK, action, NoCheck())


async def ask(hook: Webhook, call: Call, texts: list[str], runtime: "Runtime", direction: str = INPUT) -> Answer | None:
    """The webhook's verdict; None: the call goes on unchanged. Raises 503 when it is silent and fails closed."""
    try:
        return _verdict(await _exchange(hook, call, texts, runtime, direction), len(texts))
    except (UpstreamError, ValueError) as error:
        logger.warning("guardrail webhook %s: %s", hook.name, error)
        if hook.fails_open:
            return None
        message = f"The guardrail '{hook.name}' cannot be asked right now, and calls wait for its word."
        raise ApiError(503, "guardrail_unavailable", message, kind="api_error", headers={"Retry-After": "5"}) from error


def _dumped(question: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(question)
    except TypeError:  # half a character, which JSON can only escape
        return json.dumps(question).encode()


async def _exchange(hook: Webhook, call: Call, texts: list[str], runtime: "Runtime", direction: str) -> bytes:
    body = _dumped({
        "guardrail": hook.name, "direction": direction, "request_id": call.request_id, "model": call.model,
        "texts": texts,
    })  # fmt: skip
    signature = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {hook.path} HTTP/1.1\r\nhost: {hook.origin.authority}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-gateway-signature: sha256={signature}\r\naccept-encoding: identity\r\n\r\n"
    )
    timeouts = Timeouts(hook.timeout_s, hook.timeout_s, hook.timeout_s, hook.timeout_s)
    exchange = await runtime.client.pool(hook.origin).start(head.encode("latin-1") + body, timeouts)
    try:
        await exchange.head()
        answer = await exchange.read(ANSWER_LIMIT_BYTES)
    finally:
        exchange.release()
    if exchange.status != 200:
        raise ValueError(f"status {exchange.status}")
    return answer


def _verdict(body: bytes, count: int) -> Answer | None:
    """Raises `ValueError` for an answer that says nothing we know."""
    said: Any = orjson.loads(body)
    action = said.get("action") if isinstance(said, dict) else None
    if action == "allow":
        return None
    if action in (BLOCK, FLAG):
        return Answer(action)
    texts = said.get("texts") if isinstance(said, dict) else None
    is_whole = isinstance(texts, list) and len(texts) == count and all(isinstance(text, str) for text in texts)
    if action == REDACT and is_whole:
        return Answer(REDACT, texts)
    raise ValueError("the answer is not a verdict")
