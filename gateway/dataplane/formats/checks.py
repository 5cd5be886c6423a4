"""Typed reading of a request's JSON: what has the wrong type is refused by the name of its place."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, TypeVar

import orjson

from gateway.dataplane.formats.base import Malformed
from gateway.dataplane.formats.ir import Json
from gateway.dataplane.formats.unwritable import MAX_INTEGER

T = TypeVar("T")
Check = Callable[[object, str], T]


def text(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise Malformed(at, "must be a string")
    return value


def boolean(value: object, at: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(at, "must be a boolean")
    return value


def integer(value: object, at: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(at, "must be an integer")
    if abs(value) > MAX_INTEGER:
        raise Malformed(at, "must be an integer of at most 64 bits")
    return value


def number(value: object, at: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Malformed(at, "must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise Malformed(at, "must be a number that a double can hold")
    return value


def mapping(value: object, at: str) -> Json:
    if not isinstance(value, dict):
        raise Malformed(at, "must be an object")
    return value


def listing(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed(at, "must be an array")
    return value


def strings(value: object, at: str) -> list[str]:
    return [text(item, at) for item in listing(value, at)]


def one_or_more(value: object, at: str) -> list[str]:
    """A string, or an array of strings."""
    return [value] if isinstance(value, str) else strings(value, at)


def optional(fields: Mapping[str, Any], name: str, check: Check[T], at: str = "") -> T | None:
    """A field that may be absent or null. `at` is the path of the object it stands in, with its separator."""
    value = fields.get(name)
    return None if value is None else check(value, at + name)


def required(fields: Mapping[str, Any], name: str, check: Check[T], at: str = "") -> T:
    if fields.get(name) is None:
        raise Malformed(at + name, "is required")
    return check(fields[name], at + name)


def leftovers(fields: Mapping[str, Any], known: Collection[str], at: str, extra: Json) -> None:
    """Notes fields that the reader does not know under their path; null says nothing and is no loss."""
    for name, value in fields.items():
        if name not in known and value is not None:
            extra[at + name] = value


def arguments(value: str, at: str) -> orjson.Fragment:
    """A tool call's arguments, which must be a JSON object, as they were written. Empty text is an empty object."""
    written = value.strip() or "{}"
    try:
        is_object = isinstance(orjson.loads(written), dict)
    except orjson.JSONDecodeError:
        is_object = False
    if not is_object:
        raise Malformed(at, "must be the JSON text of an object")
    return orjson.Fragment(written)


def cache_mark(value: object, at: str) -> Literal["5m", "1h"] | None:
    """Anthropic's `cache_control`, which OpenAI-compatible gateways take on parts too."""
    if value is None:
        return None
    mark = mapping(value, at)
    lifetime = mark.get("ttl") or "5m"
    if mark.get("type") != "ephemeral" or lifetime not in ("5m", "1h"):
        raise Malformed(at, "must be {'type': 'ephemeral'}, with a 'ttl' of '5m' or '1h' if any")
    return "1h" if lifetime == "1h" else "5m"


def data_url(url: str) -> tuple[str, str] | None:
    """`(media type, base64)` of a `data:` URL (RFC 2397); None for any other URL or encoding."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    kind, _, encoding = head.rpartition(";")
    return (kind.split(";")[0], data) if comma and encoding == "base64" else None
