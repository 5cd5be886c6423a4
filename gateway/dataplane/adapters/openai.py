"""OpenAI and the vendors that speak its formats: bodies pass as bytes but for model name, usage request and output cap.

Sources: OpenAI API reference, "Create chat completion", "Create embeddings", "Create a model response", "Debugging
requests" (`X-Client-Request-Id`); for what compatible vendors offer, the table in docs/wire-formats.md.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import ClassVar

from gateway.dataplane import jsonsplice
from gateway.dataplane.adapters.media import JSON_TYPE, Media
from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.adapters.wire import AGENT, WireAdapter
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import (
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    OPENAI_EMBEDDINGS,
    OPENAI_IMAGE_EDITS,
    OPENAI_IMAGE_VARIATIONS,
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_RESPONSES,
    OPENAI_SPEECH,
    OPENAI_TRANSCRIPTIONS,
    OPENAI_TRANSLATIONS,
)
from gateway.dataplane.errors import ApiError
from gateway.dataplane.formats.ir import Json
from gateway.dataplane.views import Target

PATHS = {
    OPENAI_CHAT: "/chat/completions",
    OPENAI_COMPLETIONS: "/completions",
    OPENAI_EMBEDDINGS: "/embeddings",
    OPENAI_RESPONSES: "/responses",
    OPENAI_MODERATIONS: "/moderations",
    OPENAI_IMAGES: "/images/generations",
    OPENAI_IMAGE_EDITS: "/images/edits",
    OPENAI_IMAGE_VARIATIONS: "/images/variations",
    OPENAI_SPEECH: "/audio/speech",
    OPENAI_TRANSCRIPTIONS: "/audio/transcriptions",
    OPENAI_TRANSLATIONS: "/audio/translations",
}
# Kinds with the further endpoints of OpenAI; a model's capability "completions" or "responses" adds to them.
OFFERS_COMPLETIONS = frozenset({"openai", "together", "fireworks", "openrouter", "vllm", "ollama", "openai-compatible"})
OFFERS_RESPONSES = frozenset({"openai", "x-ai", "groq", "fireworks", "openrouter", "vllm", "ollama"})
# Who offers what of images, audio and moderations. A server that only says it is compatible is asked.
OFFERS_MEDIA: dict[str, frozenset[str]] = {
    OPENAI_MODERATIONS: frozenset({"openai", "mistral", "openai-compatible"}),
    OPENAI_IMAGES: frozenset({"openai", "azure", "together", "x-ai", "openai-compatible"}),
    OPENAI_IMAGE_EDITS: frozenset({"openai", "azure", "openai-compatible"}),
    OPENAI_IMAGE_VARIATIONS: frozenset({"openai", "openai-compatible"}),
    OPENAI_SPEECH: frozenset({"openai", "azure", "groq", "together", "openai-compatible"}),
    OPENAI_TRANSCRIPTIONS: frozenset({"openai", "azure", "groq", "together", "mistral", "vllm", "openai-compatible"}),
    OPENAI_TRANSLATIONS: frozenset({"openai", "azure", "groq", "together", "vllm", "openai-compatible"}),
}
OPENAI_HOST = "api.openai.com"
TEXT_MODELS = ("gpt-3.5-turbo-instruct", "davinci-002", "babbage-002", "ft:davinci-002", "ft:babbage-002")
# Kinds whose chat endpoint takes more than OpenAI's, or names the limit as OpenAI once did.
TAKES_TOP_K = frozenset({"together", "fireworks", "openrouter", "vllm", "huggingface"})
TAKES_REASONING = frozenset({"deepseek", "vllm", "openrouter", "fireworks"})
KNOWS_MAX_COMPLETION_TOKENS = frozenset({"openai", "azure", "groq", "x-ai", "openrouter"})
CAP_FIELDS = {OPENAI_RESPONSES: "max_output_tokens", OPENAI_COMPLETIONS: "max_tokens"}


def _answers_only(capabilities: frozenset[str]) -> bool:
    return "responses" in capabilities and "chat" not in capabilities


@lru_cache(maxsize=4096)
def _natives(kind: str, host: str, model: str, capabilities: frozenset[str]) -> frozenset[str]:
    found = {OPENAI_EMBEDDINGS} if _answers_only(capabilities) else {OPENAI_CHAT, OPENAI_EMBEDDINGS}
    if kind in OFFERS_RESPONSES or "responses" in capabilities:
        found.add(OPENAI_RESPONSES)
    # OpenAI itself refuses its chat models at the legacy endpoint: they get the prompt as a message
    offers = model.startswith(TEXT_MODELS) if host == OPENAI_HOST else kind in OFFERS_COMPLETIONS
    if offers or "completions" in capabilities:
        found.add(OPENAI_COMPLETIONS)
    found |= {dialect for dialect, kinds in OFFERS_MEDIA.items() if kind in kinds}
    return frozenset(found)


class OpenAIAdapter(WireAdapter):
    """Stateless; one instance serves every provider of the kind."""

    vendor: ClassVar[str] = "openai"

    def natives(self, target: Target) -> Collection[str]:
        provider = target.provider
        return _natives(provider.kind, provider.origin.host, target.upstream_name, target.capabilities)

    def prepare(self, call: Call, target: Target) -> Outbound:
        if not call.endpoint.is_media or call.endpoint.dialect not in self.natives(target):
            return super().prepare(call, target)
        path = PATHS[call.endpoint.dialect]

        def build(attempt_id: str, content_type: str, body: bytes) -> bytes:
            return self.post(call, target, attempt_id, path, body, content_type)

        return Media(call, target, build)

    def wire(self, target: Target) -> str:
        """Chat, but for a model whose capabilities say that it is reached by Responses only."""
        return OPENAI_RESPONSES if _answers_only(target.capabilities) else OPENAI_CHAT

    def extensions(self, target: Target) -> Collection[str]:
        kind = target.provider.kind
        found = ["top_k"] if kind in TAKES_TOP_K else []
        return [*found, "reasoning_content"] if kind in TAKES_REASONING else found

    def finish(self, fields: Json, call: Call, target: Target) -> Json:
        if self.wire(target) == OPENAI_RESPONSES:
            return fields
        if "max_completion_tokens" in fields and target.provider.kind not in KNOWS_MAX_COMPLETION_TOKENS:
            fields["max_tokens"] = fields.pop("max_completion_tokens")
        if call.is_stream:
            fields["stream_options"] = {"include_usage": True}
        return fields

    def native_changes(self, call: Call, target: Target) -> dict[str, object]:
        changes: dict[str, object] = {}
        dialect = call.endpoint.dialect
        if call.is_stream and dialect != OPENAI_RESPONSES and not call.wants_usage:
            options = call.fields.get("stream_options")
            given = options if isinstance(options, dict) else {}
            changes["stream_options"] = {**given, "include_usage": True}
        if call.output_cap is not None and dialect != OPENAI_EMBEDDINGS:
            changes |= capped(call, self._cap_field(call, target), call.output_cap)
        return changes

    def _cap_field(self, call: Call, target: Target) -> str:
        if field := CAP_FIELDS.get(call.endpoint.dialect):
            return field
        if call.fields.get("max_completion_tokens") is not None:
            return "max_completion_tokens"
        knows = target.provider.kind in KNOWS_MAX_COMPLETION_TOKENS
        return "max_completion_tokens" if knows and call.fields.get("max_tokens") is None else "max_tokens"

    def http(self, call: Call, target: Target, attempt_id: str, dialect: str, body: bytes) -> bytes:
        return self.post(call, target, attempt_id, PATHS[dialect], body, JSON_TYPE)

    def post(self, call: Call, target: Target, attempt_id: str, path: str, body: bytes, content_type: str) -> bytes:
        """Our credential; our attempt id as the vendor's `X-Client-Request-Id`."""
        provider = target.provider
        head = (
            f"POST {provider.path_prefix}{path} HTTP/1.1\r\n"
            f"host: {provider.origin.authority}\r\n"
            f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
            f"x-client-request-id: {attempt_id}\r\nx-request-id: {call.request_id}\r\n"
            f"accept: {media_type(call)}\r\n"
        )
        if provider.credential:
            head += f"authorization: Bearer {provider.credential}\r\n"
        head += f"user-agent: {AGENT}\r\naccept-encoding: identity\r\n\r\n"
        return head.encode("latin-1") + body


def media_type(call: Call) -> str:
    """What the caller wants to be answered with."""
    if call.endpoint.is_media and not call.is_stream:
        return "*/*"
    return "text/event-stream" if call.is_stream else "application/json"


def capped(call: Call, field: str, cap: int) -> dict[str, object]:
    """The change that keeps the answer within the cap; none when the caller asked for no more. Raises 400."""
    given = call.fields.get(field)
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= cap:
        return {}
    if field in call.fields and jsonsplice.is_too_long_to_scan(call.body):
        raise ApiError(400, "invalid_json", f"The body has more than {jsonsplice.MAX_SCANNED:,} parts.", param=field)
    return {field: cap}
