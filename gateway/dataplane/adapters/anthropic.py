"""Anthropic: Messages and token counting pass as bytes; every other dialect is translated to Messages.

Sources: Anthropic API documentation, "API overview" (headers `x-api-key`, `anthropic-version`, `anthropic-beta`),
"Versions", "Token counting".
"""

from collections.abc import Collection
from typing import ClassVar

from gateway.dataplane.adapters.openai import capped
from gateway.dataplane.adapters.wire import WireAdapter, post
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import ANTHROPIC_COUNT, ANTHROPIC_MESSAGES
from gateway.dataplane.errors import ApiError
from gateway.dataplane.formats.budgets import MIN_BUDGET, lowered_budget, no_room
from gateway.dataplane.formats.ir import Json
from gateway.dataplane.views import Target

VERSION = "2023-06-01"  # the one whose Messages take temperature, top_p and top_k
PATHS = {ANTHROPIC_MESSAGES: "/messages", ANTHROPIC_COUNT: "/messages/count_tokens"}
PASSED_HEADERS = ("anthropic-version", "anthropic-beta")


def _thinking_within(thinking: Json, cap: int, target: Target) -> dict[str, object]:
    """Thinking that leaves room for an answer under a cap that the gateway set. Raises 400 where there is none."""
    budget = lowered_budget(thinking["budget_tokens"], cap)
    if cap <= MIN_BUDGET:
        message = f"thinking: {no_room(cap)} (model '{target.name}')."
        raise ApiError(400, "unsupported_parameter", message, param="thinking.budget_tokens")
    return {} if budget == thinking["budget_tokens"] else {"thinking": {**thinking, "budget_tokens": budget}}


class AnthropicAdapter(WireAdapter):
    """Stateless; one instance serves every provider of the kind."""

    vendor: ClassVar[str] = "anthropic"

    def natives(self, target: Target) -> Collection[str]:
        return PATHS

    def wire(self, target: Target) -> str:
        return ANTHROPIC_MESSAGES

    def default_limit(self, target: Target) -> int | None:
        """Anthropic requires a limit: the model's own where it is known, else the format's default."""
        return target.max_output_tokens

    def native_changes(self, call: Call, target: Target) -> dict[str, object]:
        if call.output_cap is None or call.endpoint.dialect != ANTHROPIC_MESSAGES:
            return {}
        changes = capped(call, "max_tokens", call.output_cap)
        thinking = call.fields.get("thinking")
        if not changes or not isinstance(thinking, dict) or not isinstance(thinking.get("budget_tokens"), int):
            return changes
        return changes | _thinking_within(thinking, call.output_cap, target)

    def http(self, call: Call, target: Target, attempt_id: str, dialect: str, body: bytes) -> bytes:
        """Our credential; the caller's version and beta headers when the call passes as it came."""
        headers = {"content-type": "application/json", "anthropic-version": VERSION, "x-request-id": call.request_id}
        if call.endpoint.dialect == dialect:
            for name in PASSED_HEADERS:
                if value := call.headers.get(name.encode()):
                    headers[name] = value.decode("latin-1")
        if target.provider.credential:
            headers["x-api-key"] = target.provider.credential
        prefix = "" if target.provider.path_prefix.endswith("/v1") else "/v1"
        return post(target, prefix + PATHS[dialect], headers, body)
