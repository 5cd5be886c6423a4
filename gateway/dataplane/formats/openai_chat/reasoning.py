"""Reasoning on chat messages: text in `reasoning_content`, what a vendor wants back in `reasoning_details`.

Sources: DeepSeek API documentation, "Thinking mode" (`reasoning_content`); OpenRouter documentation, "Reasoning tokens"
(`reasoning`, `reasoning_details` with their types and formats).
"""

from typing import Any

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.ir import Json, Part, Thinking

FORMATS = {"anthropic": "anthropic-claude-v1", "openai": "openai-responses-v1", "gemini": "google-gemini-v1"}
VENDORS = {name: vendor for vendor, name in FORMATS.items()}


def read_thinking(message: Json, at: str) -> list[Part]:
    """The reasoning of an assistant message; the details win, since the text stands in them too."""
    details = checks.optional(message, "reasoning_details", checks.listing, f"{at}.")
    if details:
        return [_detail(checks.mapping(item, f"{at}.reasoning_details[{i}]"), f"{at}.reasoning_details[{i}]")
                for i, item in enumerate(details)]  # fmt: skip
    for name in ("reasoning_content", "reasoning"):
        text = checks.optional(message, name, checks.text, f"{at}.")
        if text:
            return [Thinking(text, at=f"{at}.{name}")]
    return []


def _detail(detail: Json, at: str) -> Thinking:
    vendor = VENDORS.get(str(detail.get("format")), "")
    identity = checks.optional(detail, "id", checks.text, f"{at}.") or ""
    if detail.get("type") == "reasoning.encrypted":
        data = checks.required(detail, "data", checks.text, f"{at}.")
        return Thinking(redacted=data, vendor=vendor, id=identity, at=at)
    text = detail.get("text") if detail.get("type") == "reasoning.text" else detail.get("summary")
    signature = checks.optional(detail, "signature", checks.text, f"{at}.") or ""
    return Thinking(checks.text(text or "", at), signature, vendor=vendor, id=identity, at=at)


def detail_of(part: Thinking, index: int) -> Json:
    """One entry of `reasoning_details`."""
    common: Json = {"id": part.id or None, "format": FORMATS.get(part.vendor, "unknown"), "index": index}
    if part.redacted:
        return {"type": "reasoning.encrypted", "data": part.redacted, **common}
    return {"type": "reasoning.text", "text": part.text, "signature": part.signature or None, **common}


def write_thinking(parts: list[Part]) -> Json:
    """The fields of a message for its reasoning; nothing when there is none."""
    thoughts = [part for part in parts if isinstance(part, Thinking)]
    fields: dict[str, Any] = {}
    if text := "".join(part.text for part in thoughts):
        fields["reasoning_content"] = text
    if any(part.signature or part.redacted for part in thoughts):
        fields["reasoning_details"] = [detail_of(part, index) for index, part in enumerate(thoughts)]
    return fields
