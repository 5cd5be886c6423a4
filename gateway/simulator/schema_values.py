"""Values that satisfy a JSON Schema (the subset OpenAI's function tools and structured outputs use).

Source of the subset: https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas". `pattern` and
`not` are not honoured. A recursive schema ends at `MAX_DEPTH` by leaving optional properties and items out.
"""

import math
import random
from typing import Any

MAX_DEPTH = 6
_FORMATS = {
    "date-time": "2026-01-15T09:30:00Z",
    "date": "2026-01-15",
    "time": "09:30:00Z",
    "duration": "P3D",
    "email": "alex@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
    "uri": "https://example.com/item",
    "uuid": "3f2b8c1e-6f0a-4b6d-9a51-0d4f8f6f2a10",
}
_STRINGS = ("Zürich", "quarterly report", "customer support", "north", "invoice 1042", "blue", "pending review")


def make_value(schema: Any, rng: random.Random, root: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """A value valid for `schema`; `root` resolves `#/…` references and defaults to `schema` itself."""
    if not isinstance(schema, dict):
        return "value"
    root = schema if root is None else root
    schema = _resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return make_value(_branch(schema[key], rng, depth), rng, root, depth + 1)
    return _make_typed(schema, rng, root, depth)


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow `$ref` and merge `allOf`; a reference that leads nowhere is an empty schema."""
    for _ in range(MAX_DEPTH):
        if "$ref" in schema:
            target: Any = root
            for part in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                key = part.replace("~1", "/").replace("~0", "~")
                target = target.get(key, {}) if isinstance(target, dict) and key else target
            schema = target if isinstance(target, dict) else {}
        elif schema.get("allOf"):
            merged = {key: value for key, value in schema.items() if key != "allOf"}
            for branch in schema["allOf"]:
                added = _resolve(branch, root)
                properties = merged.get("properties", {}) | added.get("properties", {})
                required = [*merged.get("required", []), *added.get("required", [])]
                merged |= added | {"properties": properties, "required": required} if properties else added
            schema = merged
        else:
            break
    return schema


def _branch(branches: list[Any], rng: random.Random, depth: int) -> Any:
    """One of the alternatives; deep down the `null` one, which ends a recursion."""
    if depth >= MAX_DEPTH:
        return next((item for item in branches if isinstance(item, dict) and item.get("type") == "null"), branches[0])
    return rng.choice(branches)


def _make_typed(schema: dict[str, Any], rng: random.Random, root: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if depth >= MAX_DEPTH and "null" in kind else rng.choice(kind)
    if kind == "object" or (kind is None and "properties" in schema):
        return _make_object(schema, rng, root, depth)
    if kind == "array" or (kind is None and "items" in schema):
        return _make_array(schema, rng, root, depth)
    if kind in ("integer", "number"):
        return _make_number(schema, rng, whole=kind == "integer")
    if kind == "boolean":
        return rng.random() < 0.5
    return None if kind == "null" else _make_string(schema, rng)


def _make_object(schema: dict[str, Any], rng: random.Random, root: dict[str, Any], depth: int) -> dict[str, Any]:
    properties: dict[str, Any] = schema.get("properties", {})
    required = schema.get("required", [])
    names = [name for name in properties if depth < MAX_DEPTH or name in required]
    value = {name: make_value(properties[name], rng, root, depth + 1) for name in names}
    return value | {name: "value" for name in required if name not in value}


def _make_array(schema: dict[str, Any], rng: random.Random, root: dict[str, Any], depth: int) -> list[Any]:
    least = int(schema.get("minItems", 0))
    length = least if depth >= MAX_DEPTH else max(least, min(rng.randint(1, 3), int(schema.get("maxItems", 3))))
    return [make_value(schema.get("items", {}), rng, root, depth + 1) for _ in range(length)]


def _make_number(schema: dict[str, Any], rng: random.Random, *, whole: bool) -> float | int:
    step = schema.get("multipleOf") or (1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 1 if high is None else min(1, high - 10 * step)
    if high is None:
        high = low + 20 * step
    first = math.floor(low / step) + 1 if low == schema.get("exclusiveMinimum") else math.ceil(low / step)
    last = math.ceil(high / step) - 1 if high == schema.get("exclusiveMaximum") else math.floor(high / step)
    value = rng.randint(first, max(first, last)) * step
    return int(value) if whole else value


def _make_string(schema: dict[str, Any], rng: random.Random) -> str:
    value = _FORMATS.get(schema.get("format", "")) or rng.choice(_STRINGS)
    if len(value) < (least := int(schema.get("minLength", 0))):
        value = (value + " ") * (least // (len(value) + 1) + 1)
    most = schema.get("maxLength")
    return value[: max(least, int(most))] if most is not None else value
