"""What rules may ask of a call, worked out when it is first asked for: a call without rules pays nothing."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from gateway.dataplane import call as call_module
from gateway.dataplane import usage
from gateway.dataplane.call import Call
from gateway.dataplane.routing.languages import SAMPLE_CHARS, language_of

# Content parts by the vendors' `type`: OpenAI Chat Completions and Responses, Anthropic Messages.
PART_MODALITIES = {
    "image_url": "image", "input_image": "image", "image": "image",
    "input_audio": "audio", "audio": "audio",
    "file": "file", "input_file": "file", "document": "file",
}  # fmt: skip
PATH_MODALITIES = (("/v1/audio/", "audio"), ("/v1/images/", "image"))
SESSION_TAG = "session"
MAX_DEPTH = 6


class Facts:
    """One call as rules and scorer see it."""

    def __init__(self, call: Call) -> None:
        self.call = call

    @cached_property
    def guess(self) -> dict[str, int]:
        return usage.guessed(self.call)

    @property
    def prompt_tokens(self) -> int:
        """Four bytes of the body a token, an encoded file 765: known before any tokenizer is asked."""
        return self.guess["input_tokens"]

    @cached_property
    def has_tools(self) -> bool:
        return bool(self.call.fields.get("tools") or self.call.fields.get("functions"))

    @property
    def is_stream(self) -> bool:
        return self.call.is_stream

    @cached_property
    def modalities(self) -> frozenset[str]:
        """`text`, and `image`, `audio`, `file` when the call carries such parts or asks for them by its path."""
        found = {PART_MODALITIES[kind] for kind in _part_types(self._prompt, 0) if kind in PART_MODALITIES}
        found |= {kind for prefix, kind in PATH_MODALITIES if self.call.endpoint.path.startswith(prefix)}
        asked = self.call.fields.get("modalities")
        if isinstance(asked, list):
            found |= {kind for kind in asked if kind == "audio"}
        return frozenset(found | {"text"})

    @cached_property
    def language(self) -> str | None:
        """Of the last text the user wrote."""
        return language_of(_last_text(self._prompt))

    @cached_property
    def tags(self) -> Mapping[str, str]:
        return call_module.tags(self.call) or {}

    @cached_property
    def end_user(self) -> str | None:
        return call_module.end_user(self.call)

    def identity(self, by: str) -> str | None:
        """What a caller is recognized by, for sticky choices; a session is the tag `session` or `prompt_cache_key`."""
        if by == "end_user":
            return self.end_user
        if by == "api_key":
            return self.call.key.id if self.call.key is not None else None
        session = self.tags.get(SESSION_TAG) or self.call.fields.get("prompt_cache_key")
        return session if isinstance(session, str) else None

    @property
    def _prompt(self) -> object:
        return self.call.fields.get(self.call.endpoint.required)


def _part_types(value: object, depth: int) -> Iterator[str]:
    """The `type` of every content part, however it is nested in messages and tool results."""
    if isinstance(value, list):
        for item in value:
            yield from _part_types(item, depth)
    elif isinstance(value, dict) and depth < MAX_DEPTH:
        kind = value.get("type")
        if isinstance(kind, str):
            yield kind
        content = value.get("content")
        if isinstance(content, list):
            yield from _part_types(content, depth + 1)


def _last_text(prompt: object) -> str:
    """The text of the last message of the user, else of the last item that has any."""
    if isinstance(prompt, str):
        return prompt[:SAMPLE_CHARS]
    if not isinstance(prompt, list):
        return ""
    texts = [(_is_users(item), text) for item in reversed(prompt) if (text := _text_of(item))]
    return next((text for is_users, text in texts if is_users), texts[0][1] if texts else "")


def _is_users(item: object) -> bool:
    return isinstance(item, dict) and item.get("role") == "user"


def _text_of(item: object) -> str:
    if isinstance(item, str):
        return item[:SAMPLE_CHARS]
    if not isinstance(item, dict):
        return ""
    content: Any = item.get("content", item.get("text"))
    if isinstance(content, str):
        return content[:SAMPLE_CHARS]
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return " ".join(texts)[:SAMPLE_CHARS]
