"""Types of the representation as JSON Schema for the arguments of a tool: inline, bounded in depth and size. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from sdkgen.ir.nodes import (
    AnyValue,
    Binary,
    Const,
    Declaration,
    Enum,
    Field,
    ListOf,
    MapOf,
    Model,
    Nullable,
    Parameter,
    Prim,
    Ref,
    Scalar,
    Type,
    Union,
)
from sdkgen.languages.base.escaping import one_line

DEEPEST = 6
LARGEST = 16_000
"""Characters of the schema of one tool; deeper levels become plain objects until it fits."""
MOST_WORDS = 60
TEXT = 300
KEPT = frozenset({"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"})
"""Constraints that are passed on; patterns are not, since their dialects differ."""

Json = dict[str, Any]


def text(said: str, most: int = TEXT) -> str:
    """One line of a document's text, without control characters, cut to `most`."""
    line = one_line(said)
    return line if len(line) <= most else line[: most - 1] + "…"


class Schemas:
    """Of one API."""

    def __init__(self, types: Mapping[str, Declaration]) -> None:
        self._types = types

    def of_arguments(self, arguments: Mapping[str, Field | Parameter]) -> Json:
        """Of an object with these members, as deep as it may be."""
        for depth in range(DEEPEST, -1, -1):
            found: Json = {
                "type": "object",
                "properties": {name: self._member(one, depth) for name, one in arguments.items()},
                "required": [name for name, one in arguments.items() if one.required],
                "additionalProperties": False,
            }
            if len(json.dumps(found)) <= LARGEST:
                break
        return found

    def _member(self, one: Field | Parameter, depth: int) -> Json:
        found = self._of(one.type, depth)
        if one.doc:
            said = f"{one.doc} {found['description']}" if "description" in found else one.doc
            found["description"] = text(said)
        if isinstance(one.constraints, dict):
            found |= {name: value for name, value in one.constraints.items() if name in KEPT and "type" in found}
        return found

    def _of(self, of: Type, depth: int) -> Json:
        match of:
            case Prim("string", form):
                return {"type": "string", **({"format": form} if form in ("date", "date-time", "uuid") else {})}
            case Prim(kind, _):
                return {"type": kind}
            case Scalar(kinds):
                return {"type": list(kinds)}
            case Const(value):
                return {"const": value}
            case ListOf(items):
                return {"type": "array", "items": self._of(items, depth - 1) if depth > 0 else {}}
            case MapOf(values):
                return {"type": "object", "additionalProperties": self._of(values, depth - 1) if depth > 0 else {}}
            case Nullable(inner):
                found = self._of(inner, depth)
                if isinstance(found.get("type"), str) and "enum" not in found:
                    return {**found, "type": [found["type"], "null"]}
                return {"anyOf": [found, {"type": "null"}]}
            case Ref(name):
                return self._declared(self._types[name], depth)
            case AnyValue() | Binary():
                return {}

    def _declared(self, declared: Declaration, depth: int) -> Json:
        match declared:
            case Enum(values=values):
                shown = ", ".join(text(value, 80) for value in values[:MOST_WORDS])
                return {"type": "string", "description": f"One of: {shown}{' …' if len(values) > MOST_WORDS else ''}."}
            case Union(variants=variants):
                if depth <= 0:
                    return {}
                return {"anyOf": [self._of(one.type, depth - 1) for one in variants]}
            case Model(fields=fields):
                if depth <= 0:
                    return {"type": "object"}
                return {
                    "type": "object",
                    "properties": {one.name: self._member(one, depth - 1) for one in fields},
                    "required": [one.name for one in fields if one.required],
                }
