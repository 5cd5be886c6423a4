"""Whether a JSON body fits its operation's schema, once what Django REST Framework reads generously is allowed for: "1"
for 1 and 1 for "1", words for truth, whatever stands in a field that is only answered. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

PREFIX = "/api/"
"""Of the data plane's bodies the provider is the judge: the gateway looks at the fields that it needs."""
EXCEPTED: dict[str, str] = {}
"""Operations, as `POST /path`, that take what their schema does not: each with its reason."""
_WORDS = ("t", "y", "yes", "true", "on", "1", "f", "n", "no", "false", "off", "0")
_TRUTH = [*{spelled for word in _WORDS for spelled in (word, word.capitalize(), word.upper())}, 0, 1]
_NUMBER = {"type": "string", "pattern": r"^\s*[+-]?[0-9._eE+-]+\s*$"}
_DATA = {"example", "examples", "default", "enum", "const"}
_ADDRESS = "urn:document"


def loosened(node: Any) -> Any:
    """The same document with every schema in it as generous as its reader."""
    if isinstance(node, list):
        return [loosened(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: value if name in _DATA else loosened(value) for name, value in node.items()}
    properties = node.get("properties")
    if isinstance(properties, dict):
        shown = {name for name, one in properties.items() if isinstance(one, dict) and one.get("readOnly")}
        made["properties"] = {name: {} if name in shown else one for name, one in made["properties"].items()}
        if "required" in made:
            made["required"] = [name for name in made["required"] if name not in shown]
    if isinstance(node.get("oneOf"), list):  # made generous, several may fit
        made["allOf"] = [*made.get("allOf", ()), {"anyOf": made.pop("oneOf")}]
    if node.get("format") == "decimal":
        made.pop("pattern", None)
    types = node.get("type")
    named = {types} if isinstance(types, str) else set(types) if isinstance(types, list) else set()
    if "string" in named and "enum" not in node:
        made["type"] = sorted({*named, "number"})
    if named & {"integer", "number"}:
        return {"anyOf": [made, _NUMBER]}
    if "boolean" in named:
        return {"anyOf": [made, {"enum": _TRUTH}]}
    return made


class Bodies:
    """Of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = loosened(dict(document))
        self._registry = jsonschema_rs.Registry([(_ADDRESS, self._document)], draft=jsonschema_rs.Draft202012)
        self._validator = lru_cache(maxsize=None)(self._made)

    def _made(self, method: str, path: str) -> jsonschema_rs.Draft202012Validator | None:
        operation = self._document["paths"].get(path, {}).get(method.lower(), {})
        if "application/json" not in operation.get("requestBody", {}).get("content", {}):
            return None
        place = path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
        pointer = f"paths/{place}/{method.lower()}/requestBody/content/application~1json/schema"
        return jsonschema_rs.Draft202012Validator(
            {"$ref": f"{_ADDRESS}#/{pointer}"}, registry=self._registry, validate_formats=False
        )

    def fault(self, method: str, path: str, body: Any) -> str | None:
        """Why a body should have been refused; None when it may be taken."""
        if not path.startswith(PREFIX) or f"{method.upper()} {path}" in EXCEPTED:
            return None
        validator = self._validator(method, path)
        if validator is None or validator.is_valid(body) or validator.is_valid(trimmed(body)):
            return None
        found = next(iter(validator.iter_errors(body)))
        return f"{'/'.join(map(str, found.instance_path)) or 'body'}: {found.message}"


def trimmed(value: Any) -> Any:
    """With the white space around texts gone, as most fields take them."""
    if isinstance(value, dict):
        return {name: trimmed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [trimmed(one) for one in value]
    return value.strip() if isinstance(value, str) else value
