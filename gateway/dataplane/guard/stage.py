"""The stage that screens what goes to a provider: changes the body, refuses it, or only remembers."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from gateway.dataplane import call as call_module
from gateway.dataplane.call import Call
from gateway.dataplane.guard import webhook
from gateway.dataplane.guard.output import OutputGuard, refusal, tell
from gateway.dataplane.guard.review import WebhookReview
from gateway.dataplane.guard.rules import Rules, rules_for
from gateway.dataplane.guard.service import GuardService
from gateway.guardrails import texts
from gateway.guardrails.rails import Rail, Verdict, is_clean, screen
from gateway.guardrails.window import TextWindow

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

LONG_CHARS = 50_000
"""Texts longer than this in sum are screened in slices, so that other calls are served in between."""
GUARDED_OUTPUT = frozenset({"openai-chat", "openai-completions", "openai-responses", "anthropic-messages"})


def guard_input(call: Call, runtime: "Runtime") -> Awaitable[None] | None:
    """Run the guardrails of the call's organization and project. Without any: nothing but a look-up."""
    found = runtime.snapshot.extras.get("guardrails")
    if not found:
        return None
    key, service = call.key, runtime.services["guard"]
    assert key is not None
    assert isinstance(service, GuardService)
    rules = rules_for(found, key.organization, key.project)
    if not rules.stamps:
        return None
    call.cache_marks.append(f"guardrails:{rules.version}")
    if rules.back and call.endpoint.dialect in GUARDED_OUTPUT:
        call.filters.append(OutputGuard(call, rules, service))
    if rules.reviews and call.endpoint.dialect in GUARDED_OUTPUT:
        call.reviewers.append(WebhookReview(call, rules.reviews, runtime, service))
    given = texts.request_texts(call.fields) if rules.into else []
    if rules.webhooks or sum(map(len, given)) > LONG_CHARS:
        return _guard_slowly(call, runtime, rules, service)
    if not is_clean(given, rules.into):
        verdict = Verdict()
        changed = texts.change_request(call.fields, lambda text: screen(text, rules.into, verdict))
        _conclude(call, changed, verdict, service)
    return None


async def _guard_slowly(call: Call, runtime: "Runtime", rules: Rules, service: GuardService) -> None:
    if rules.into:
        verdict = Verdict()
        screened = [await _screen_long(text, rules.into, verdict) for text in texts.request_texts(call.fields)]
        _conclude(call, _replaced(call.fields, screened), verdict, service)
    for hook in rules.webhooks:
        given = texts.request_texts(call.fields)
        answer = await webhook.ask(hook, call, given, runtime)
        if answer is not None:
            verdict = Verdict()
            verdict.add(webhook.rail_of(hook, answer.action), [webhook.FINDING])
            _conclude(call, _replaced(call.fields, answer.texts or given), verdict, service)


async def _screen_long(text: str, rails: Sequence[Rail], verdict: Verdict) -> str:
    """As `screen`, in slices: a finding on the border of two is held until it is whole."""
    if len(text) <= LONG_CHARS:
        return screen(text, rails, verdict)
    window, out = TextWindow(rails, verdict), []
    for start in range(0, len(text), LONG_CHARS):
        out.append(window.feed(text[start : start + LONG_CHARS]))
        await asyncio.sleep(0)
    return "".join([*out, window.flush()])


def _replaced(fields: dict[str, Any], screened: Sequence[str]) -> dict[str, Any]:
    """The request with its texts, in order, replaced."""
    queue = iter(screened)
    return texts.change_request(fields, lambda _text: next(queue))


def _conclude(call: Call, changed: dict[str, Any], verdict: Verdict, service: GuardService) -> None:
    """Count, refuse, or go on with what the guardrails left."""
    if not verdict.hits:
        return
    service.count(call, verdict.hits, call_module.ip_hash(call.client_ip))
    tell(call, verdict)
    if verdict.blocked_by is not None:
        raise refusal(verdict.blocked_by)
    if changed != call.fields:
        call.replace(changed)
