"""Adapters: one file a vendor. An adapter turns a call into upstream requests and reads the answers back."""

from collections.abc import Collection
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.call import Call
from gateway.dataplane.views import Target


class Adapter(Protocol):
    """What the relay needs of a vendor. One instance serves every provider of the kind."""

    def prepare(self, call: Call, target: Target) -> Outbound:
        """The call as this target gets it; nothing is sent yet.

        Raises `ApiError` 400 naming the field that the target cannot express.
        """

    def natives(self, target: Target) -> Collection[str]:
        """The dialects (`endpoints`) that this target takes as they are."""


# Every kind that speaks OpenAI's wire format.
OPENAI_COMPATIBLE = frozenset(
    {
        "openai", "mistral", "groq", "together", "fireworks", "cohere", "deepseek", "x-ai", "openrouter", "vllm",
        "ollama", "huggingface", "openai-compatible",
    }
)  # fmt: skip


def load() -> dict[str, Adapter]:
    """Adapter by provider kind: the settings' own, and OpenAI's for every compatible kind."""
    found: dict[str, Adapter] = {kind: import_string(path)() for kind, path in settings.GATEWAY_ADAPTERS.items()}
    return {**dict.fromkeys(OPENAI_COMPATIBLE, found["openai"]), **found}
