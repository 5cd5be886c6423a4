"""Adapters: one file a wire format. An adapter turns a call into an upstream request and reads usage back."""

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.dataplane.call import Call
from gateway.dataplane.sse import StreamWatcher
from gateway.dataplane.usage import Usage
from gateway.dataplane.views import Target


class Adapter(Protocol):
    """What the relay needs of a wire format."""

    def request(self, call: Call, target: Target, attempt_id: str) -> bytes:
        """The whole HTTP/1.1 request, head and body."""

    def watcher(self, call: Call) -> StreamWatcher:
        """A fresh stream watcher for one attempt."""

    def usage(self, body: Mapping[str, Any]) -> Usage | None:
        """Usage in a decoded answer or final chunk; None when the vendor reported none."""


# Every kind that speaks OpenAI's wire format.
OPENAI_COMPATIBLE = frozenset(
    {
        "openai", "mistral", "groq", "together", "fireworks", "cohere", "deepseek", "x-ai", "openrouter", "vllm",
        "ollama", "huggingface", "openai-compatible",
    }
)  # fmt: skip
