"""The formats by the dialect names of `endpoints`."""

from gateway.dataplane.endpoints import ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_COMPLETIONS, OPENAI_RESPONSES
from gateway.dataplane.formats import anthropic, openai_chat, openai_completions, openai_responses
from gateway.dataplane.formats.base import Format

FORMATS: dict[str, Format] = {
    OPENAI_CHAT: openai_chat,
    OPENAI_COMPLETIONS: openai_completions,
    OPENAI_RESPONSES: openai_responses,
    ANTHROPIC_MESSAGES: anthropic,
}
