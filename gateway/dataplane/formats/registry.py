"""The formats by name: those of clients (the dialects of `endpoints`), and those that targets alone speak."""

from gateway.dataplane.endpoints import ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_COMPLETIONS, OPENAI_RESPONSES
from gateway.dataplane.formats import anthropic, bedrock, gemini, openai_chat, openai_completions, openai_responses
from gateway.dataplane.formats.base import Format, TargetFormat

GEMINI = "gemini-generate"
BEDROCK = "bedrock-converse"

FORMATS: dict[str, Format] = {
    OPENAI_CHAT: openai_chat,
    OPENAI_COMPLETIONS: openai_completions,
    OPENAI_RESPONSES: openai_responses,
    ANTHROPIC_MESSAGES: anthropic,
}
TARGET_FORMATS: dict[str, TargetFormat] = {**FORMATS, GEMINI: gemini, BEDROCK: bedrock}
