"""Where texts stand in a request or an answer, whatever its wire format: strings under the names that hold prose.

Structure (roles, ids, model names, types, URLs of images, encoded files) is never looked at nor changed.
"""

from collections.abc import Callable
from typing import Any

TEXT_KEYS = frozenset(
    {"content", "text", "input", "prompt", "instructions", "system", "arguments", "refusal", "reasoning",
     "reasoning_content", "thinking", "output_text", "output", "delta", "partial_json", "suffix", "title", "context"}
)  # fmt: skip
OPAQUE_KEYS = frozenset({"image_url", "input_audio", "file", "source", "inline_data", "audio", "data", "signature"})
REQUEST_KEYS = frozenset({"messages", "input", "prompt", "instructions", "system", "suffix"})
TOOL_KEYS = frozenset({"tools", "functions"})
"""What describes tools to the model: only descriptions are prose there."""

Change = Callable[[str], str]


def request_texts(fields: dict[str, Any]) -> list[str]:
    """Every text of a request, in the order in which `change_request` comes by."""
    found: list[str] = []
    for name, value in fields.items():
        if name in REQUEST_KEYS:
            _collect(value, name in TEXT_KEYS, False, found)
        elif name in TOOL_KEYS:
            _described(value, lambda text: found.append(text) or text)  # type: ignore[func-returns-value]
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
            if not is_free and name in OPAQUE_KEYS:
                if name == "source":
                    _collect_source(item, found)
            else:
                inner = is_free or _is_free(name, item)
                if inner or item.__class__ is not str:
                    _collect(item, inner or name in TEXT_KEYS, inner, found)
                elif item and name in TEXT_KEYS:
                    found.append(item)


def _collect_source(source: Any, found: list[str]) -> None:
    """A document may be written out, as text or as blocks, instead of being a file."""
    if (name := _written(source)) is not None:
        _collect(source[name], True, False, found)


def _written(source: Any) -> str | None:
    """The member of a document's source that holds its text, if it has one: `{"type": "text", "data": …}`."""
    if not isinstance(source, dict):
        return None
    name = {"text": "data", "content": "content"}.get(str(source.get("type")))
    return name if name in source else None


def _is_free(name: str, value: Any) -> bool:
    """The arguments of a tool call as an object: its names are the tool's, every string in it is text."""
    return name in ("input", "args", "arguments") and isinstance(value, dict)


def change_request(fields: dict[str, Any], change: Change) -> dict[str, Any]:
    """A copy of a request whose texts went through `change`."""
    return {name: _changed_field(name, value, change) for name, value in fields.items()}


def _changed_field(name: str, value: Any, change: Change) -> Any:
    if name in REQUEST_KEYS:
        return _changed(value, change, name in TEXT_KEYS)
    return _described(value, change) if name in TOOL_KEYS else value


def _described(value: Any, change: Change) -> Any:
    if isinstance(value, list):
        return [_described(item, change) for item in value]
    if isinstance(value, dict):
        return {name: _described_member(name, item, change) for name, item in value.items()}
    return value


def _described_member(name: str, item: Any, change: Change) -> Any:
    if name == "description" and isinstance(item, str):
        return change(item) if item else item
    return _described(item, change)


def change_every(value: Any, change: Change) -> Any:
    """A copy of anything whose strings all went through `change`, but for encoded files: names, labels and all."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [change_every(item, change) for item in value]
    if isinstance(value, dict):
        return {name: _every_member(name, item, change) for name, item in value.items()}
    return value


def _every_member(name: str, item: Any, change: Change) -> Any:
    if name not in OPAQUE_KEYS:
        return change_every(item, change)
    return _changed_source(item, change) if name == "source" else item


def _changed_source(source: Any, change: Change) -> Any:
    name = _written(source)
    return source if name is None else {**source, name: _changed(source[name], change, True)}


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
        return _changed_source(item, change) if name == "source" else item
    inner = is_free or _is_free(name, item)
    return _changed(item, change, inner or name in TEXT_KEYS, inner)
