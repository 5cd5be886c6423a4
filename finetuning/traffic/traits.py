"""What kind of example a conversation is, in a few words each: the strata of a sample, the axes of drift."""

from collections.abc import Mapping
from typing import Any

from finetuning.messages import text_of
from finetuning.quality.checks.refusals import READ_CHARACTERS, REFUSAL
from finetuning.quality.languages import language
from finetuning.quality.text import normalized

TRAITS = ("language", "length", "refusal")
LENGTHS = ((200, "up to 200"), (800, "up to 800"), (3_200, "up to 3,200"), (12_800, "up to 12,800"))
LONGER = "longer"
UNSURE = "unsure"


def traits_of(record: Mapping[str, Any]) -> dict[str, str]:
    """`language` of what the user asked last (ISO 639-1, or "unsure"), `length` of the whole conversation in
    characters, `refusal` of the answer: yes or no."""
    messages = record["messages"]
    texts = [text_of(message.get("content")) or "" for message in messages]
    asked = [text for message, text in zip(messages, texts, strict=True) if message["role"] == "user"]
    size = sum(map(len, texts))
    return {
        "language": language(asked[-1] if asked else "") or UNSURE,
        "length": next((name for limit, name in LENGTHS if size <= limit), LONGER),
        "refusal": "yes" if _refuses(messages[-1], texts[-1]) else "no",
    }


def _refuses(answer: Mapping[str, Any], text: str) -> bool:
    if answer.get("refusal"):
        return True
    return bool(REFUSAL.match(normalized(text[:READ_CHARACTERS]).lstrip("\"'“”*> ")))
