"""Webhooks that are asked about answers, once they are complete."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from gateway.dataplane import call as call_module
from gateway.dataplane import sse
from gateway.dataplane.call import Call
from gateway.dataplane.errors import ApiError, Denied
from gateway.dataplane.guard import webhook
from gateway.dataplane.guard.output import refusal, tell
from gateway.dataplane.guard.rules import Webhook
from gateway.guardrails import texts
from gateway.guardrails.rails import BLOCK, OUTPUT, REDACT, Verdict
from gateway.guardrails.streaming import stream_texts

if TYPE_CHECKING:
    from gateway.dataplane.guard.service import GuardService
    from gateway.dataplane.runtime import Runtime


class WebhookReview:
    """A `Reviewer`: each webhook in order, each seeing what the one before left."""

    def __init__(self, call: Call, hooks: Sequence[Webhook], runtime: "Runtime", service: "GuardService") -> None:
        self._call, self._hooks, self._runtime, self._service = call, hooks, runtime, service

    async def whole(self, body: bytes) -> bytes:
        answer = orjson.loads(body)
        for hook in self._hooks:
            given: list[str] = []
            texts.change_answer(answer, lambda text, given=given: given.append(text) or text)  # type: ignore[misc]
            replaced = await self._judge(hook, given)
            if replaced is not None:
                queue = iter(replaced)
                answer = texts.change_answer(answer, lambda _text, queue=queue: next(queue))  # type: ignore[misc]
                body = orjson.dumps(answer)
        return body

    async def stream(self, data: bytes) -> None:
        """Events cannot be rewritten any more: a verdict to redact refuses them."""
        events = [value for event in sse.events(data) if (value := sse.load(event)) is not None]
        given = stream_texts(self._call.endpoint.dialect, events)
        for hook in self._hooks:
            await self._judge(hook, given, redacting=BLOCK)

    async def _judge(self, hook: Webhook, given: list[str], redacting: str = REDACT) -> list[str] | None:
        """Texts to put in place of `given`, None to leave them. Raises `Denied`."""
        if not given:
            return None
        try:
            answer = await webhook.ask(hook, self._call, given, self._runtime, OUTPUT)
        except ApiError as error:  # silent, and fails closed: the provider's work is paid for all the same
            raise Denied(503, "guardrail_unavailable", error.message, kind=error.kind, headers=error.headers) from error
        if answer is None:
            return None
        action = redacting if answer.action == REDACT else answer.action
        verdict = Verdict()
        verdict.add(webhook.rail_of(hook, action), [webhook.FINDING])
        self._service.count(self._call, verdict.hits, call_module.ip_hash(self._call.client_ip))
        if verdict.blocked_by is not None:
            raise refusal(verdict.blocked_by)
        tell(self._call, verdict)
        return answer.texts
