"""Tools are defined as the API wants them; each call is of one of them, has JSON arguments and one result."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from ..examples import Example
from .base import Check

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Tools(Check):
    def look(self, example: Example) -> None:
        if example.record is None:
            return
        asked = example.record.get("input") if example.is_pair else example.record
        record = asked if isinstance(asked, dict) else {}
        definitions, problem = _definitions(record)
        if problem:
            self.found("bad_tools", example, *problem[:1], path=problem[1])
        told = _unpaired(example, None if problem else definitions)
        if told:
            self.found("tool_pairing", example, told[0], path=told[1])


def _definitions(record: dict[str, Any]) -> tuple[set[str], tuple[str, str] | None]:
    """Names of the tools of a line, and what is wrong with the first bad one."""
    names: set[str] = set()
    for key in ("tools", "functions"):
        if key not in record:
            continue
        tools = record[key]
        if not isinstance(tools, list):
            return names, (f"`{key}` must be a list.", key)
        for place, tool in enumerate(tools):
            told = _definition(tool, is_tool=key == "tools")
            if told:
                return names, (told, f"{key}[{place}]")
            names.add(tool["function"]["name"] if key == "tools" else tool["name"])
    return names, None


def _definition(tool: object, *, is_tool: bool) -> str:
    if is_tool and not (isinstance(tool, dict) and tool.get("type") == "function"):
        return "A tool must be an object of type `function`."
    function = tool.get("function") if is_tool and isinstance(tool, dict) else tool
    if not isinstance(function, dict):
        return "A tool must have `function`."
    name = function.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return "A tool's name must have 1 to 64 letters, digits, `_` or `-`."
    parameters = function.get("parameters", {})
    if not isinstance(parameters, dict) or (parameters and parameters.get("type") != "object"):
        return f"The parameters of `{name}` must be a JSON schema of type `object`."
    return ""


def _unpaired(example: Example, known: set[str] | None) -> tuple[str, str] | None:
    """The first call or result that has no counterpart, with its path; ``known``: names of tools, None to trust all."""
    stem = "input.messages" if example.is_pair else "messages"
    open_ids: dict[str, str] = {}
    last = len(example.messages) - 1
    for place, message in enumerate(example.messages):
        path = f"{stem}[{place}]"
        if message.get("role") == "tool":
            called = message.get("tool_call_id")
            if not isinstance(called, str) or called not in open_ids:
                return "The result belongs to no open call: `tool_call_id` is missing, unknown or answered.", path
            del open_ids[called]
            continue
        if open_ids:
            return "A call has no result before the conversation goes on.", next(iter(open_ids.values()))
        for call_path, call in _calls(message, path):
            told = _bad_call(call, known)
            if told:
                return told, call_path
            if "id" in call or "function" in call:
                if not isinstance(call.get("id"), str) or not call["id"] or call["id"] in open_ids:
                    return "A call needs an `id` of its own.", call_path
                if place < last:
                    open_ids[call["id"]] = call_path
    return ("A call has no result.", next(iter(open_ids.values()))) if open_ids else None


def _calls(message: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    calls = message.get("tool_calls")
    for place, call in enumerate(calls if isinstance(calls, list) else ()):
        yield f"{path}.tool_calls[{place}]", call if isinstance(call, dict) else {}
    if isinstance(message.get("function_call"), dict):
        yield f"{path}.function_call", message["function_call"]


def _bad_call(call: dict[str, Any], known: set[str] | None) -> str:
    function = call.get("function", call)
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        return "A call must name its function."
    if known is not None and name not in known:
        return f"`{name[:64]}` is called but not among the line's tools."
    try:
        arguments = orjson.loads(function.get("arguments", ""))
    except (orjson.JSONDecodeError, TypeError):
        return f"The arguments of `{name[:64]}` are not JSON."
    return "" if isinstance(arguments, dict) else f"The arguments of `{name[:64]}` are no JSON object."
