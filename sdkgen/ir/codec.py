"""The representation as JSON and back, exactly. Pure.

A node is an object with its class under `node` and every field that differs from its default. The text is canonical:
sorted keys, no spaces, ASCII, so equal representations are equal bytes.
"""

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

from sdkgen.ir.nodes import FORMAT, NODES, Api


class CodecError(ValueError):
    """A file that is no representation, or one of another format."""


def to_json(api: Api) -> dict[str, Any]:
    """The representation as plain JSON values."""
    return {"format": FORMAT, "api": encode(api)}


def from_json(said: Any) -> Api:
    """The same representation again. Raises CodecError."""
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        found = said.get("format") if isinstance(said, dict) else type(said).__name__
        raise CodecError(f"this is no representation of format {FORMAT} (found: {found})")
    try:
        api = _decode(said["api"])
    except (KeyError, TypeError) as error:
        raise CodecError(f"the representation is damaged: {error}") from error
    if not isinstance(api, Api):
        raise CodecError("the representation holds no API")
    return api


def dumps(api: Api) -> str:
    """Canonical text."""
    return canonical(to_json(api)) + "\n"


def loads(text: str) -> Api:
    """Raises CodecError."""
    try:
        return from_json(json.loads(text))
    except json.JSONDecodeError as error:
        raise CodecError(f"this is not JSON: {error}") from error


def sha(api: Api) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(dumps(api).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with one way of writing each value, ASCII only: lone surrogates of a hostile document stay what they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def encode(value: Any) -> Any:
    """A node, or a tuple of nodes, as plain JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        said: dict[str, Any] = {"node": type(value).__name__}
        for field in fields(value):
            found = getattr(value, field.name)
            if found != field.default:
                said[field.name] = found if field.metadata.get("raw") else encode(found)
        return said
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def _decode(said: Any) -> Any:
    if isinstance(said, dict):
        node = NODES[said["node"]]
        is_raw = {field.name: bool(field.metadata.get("raw")) for field in fields(node)}
        given = {name: value for name, value in said.items() if name != "node"}
        return node(**{name: value if is_raw[name] else _decode(value) for name, value in given.items()})
    if isinstance(said, list):
        return tuple(_decode(item) for item in said)
    return said
