"""Where texts stand in a request or an answer, whatever its wire format: strings under the names that hold prose.

Structure (roles, ids, model names, types, URLs of images, encoded files) is never looked at nor changed.
"""

from collections.abc import Callable
from typing import Any

TEXT_KEYS = frozenset(
    {"content", "text", "input", "prompt", "instructions", "system", "arguments", "refusal", "reasoning",
     "reasoning_content", "thinking", "output_text", "output", "delta", "partial_json", "suffix"}
)  # fmt: skip
OPAQUE_KEYS = frozenset({"image_url", "input_audio", "file", "source", "inline_data", "audio", "data", "signature"})
REQUEST_KEYS = frozenset({"messages", "input", "prompt", "instructions", "system", "suffix"})

Change = Callable[[str], str]


def request_texts(fields: dict[str, Any]) -> list[str]:
    """Every text of a request, in the order in which `change_request` comes by."""
    found: list[str] = []
    for name, value in fields.items():
        if name in REQUEST_KEYS:
            _collect(value, name in TEXT_KEYS, False, found)
    return found


def _collect(value: Any, is_text: bool, is_free: bool, found: list[str]) -> None:
    if isinstance(value, str):
        if is_text and value:
            found.append(value)
    elif isinstance(value, list):
        for item in value:
            _collect(item, is_text, is_free, found)
    elif isinstance(value, dict):
        for name, item in value.items():
            if is_free or name not in OPAQUE_KEYS:
                inner = is_free or _is_free(name, item)
                if inner or item.__class__ is not str:
                    _collect(item, inner or name in TEXT_KEYS, inner, found)
                elif item and name in TEXT_KEYS:
                    found.append(item)


def _is_free(name: str, value: Any) -> bool:
    """The arguments of a tool call as an object: its names are the tool's, every string in it is text."""
    return name in ("input", "args", "arguments") and isinstance(value, dict)


def change_request(fields: dict[str, Any], change: Change) -> dict[str, Any]:
    """A copy of a request whose texts went through `change`."""
    return {name: _changed(value, change, name in TEXT_KEYS) if name in REQUEST_KEYS else value
            for name, value in fields.items()}  # fmt: skip


def answer_texts(body: dict[str, Any]) -> list[str]:
    """Every text of a whole answer, in the order in which `change_answer` comes by."""
    found: list[str] = []
    for name, value in body.items():
        if name not in OPAQUE_KEYS:
            _collect(value, name in TEXT_KEYS, False, found)
    return found


def change_answer(body: dict[str, Any], change: Change) -> dict[str, Any]:
    """A copy of an answer, or of an event that repeats parts of it, whose texts went through `change`."""
    return {name: _changed(value, change, name in TEXT_KEYS) if name not in OPAQUE_KEYS else value
            for name, value in body.items()}  # fmt: skip


def _changed(value: Any, change: Change, is_text: bool, is_free: bool = False) -> Any:
    if isinstance(value, str):
        return change(value) if is_text and value else value
    if isinstance(value, list):
        return [_changed(item, change, is_text, is_free) for item in value]
    if isinstance(value, dict):
        return {name: _changed_member(name, item, change, is_free) for name, item in value.items()}
    return value


def _changed_member(name: str, item: Any, change: Change, is_free: bool) -> Any:
    if name in OPAQUE_KEYS and not is_free:
        return item
    inner = is_free or _is_free(name, item)
    return _changed(item, change, inner or name in TEXT_KEYS, inner)
