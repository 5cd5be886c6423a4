"""`x-sdk` of the management API, by rule: where an operation stands in a client, from its path. Pure.

The static words at the beginning of a path are the resource, when something below it has an id, or when it can be
listed and created; else the last of them is a method of the rest. What follows an id is a method too. What reads badly
by rule stands in `overrides.yaml` by its operationId.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdkgen.ir.names import snake

PREFIX = "/api/v1/"
ROOT = "manage"
PLAIN = {"get": "get", "post": "create", "put": "replace", "patch": "update", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Place:
    """In a client: `("manage", "api_keys")` and `rotate`."""

    resource: tuple[str, ...]
    method: str


def places(operations: Iterable[tuple[str, str]], overrides: Mapping[str, str]) -> dict[tuple[str, str], Place]:
    """`(path, http method)` → its place. `overrides`: `"GET /api/v1/…"` → dotted place below `manage`."""
    known = sorted(operations)
    methods: dict[str, set[str]] = {}
    for path, http in known:
        methods.setdefault(path, set()).add(http)
    found = {}
    for path, http in known:
        said = overrides.get(f"{http.upper()} {path}")
        if said is not None:
            *resource, name = said.split(".")
            found[path, http] = Place((ROOT, *resource), name)
        else:
            found[path, http] = _by_rule(path, http, methods)
    return found


def _by_rule(path: str, http: str, methods: Mapping[str, set[str]]) -> Place:
    parts = path.removeprefix(PREFIX).split("/")
    static = parts[: _first_id(parts)]
    rest = parts[len(static) :]
    if not rest:
        if _is_collection(path, methods):
            name = "list" if http == "get" else PLAIN[http]
            return Place(_resource(static), name)
        if len(static) == 1 or any(other.startswith(path + "/") for other in methods):
            return Place(_resource(static), PLAIN[http])
        return Place(_resource(static[:-1]), _verb(static[-1:], path, http, methods))
    words = [part for part in rest if not part.startswith("{")]
    if not words:
        return Place(_resource(static), PLAIN[http])
    return Place(_resource(static), _verb(words, path, http, methods))


def _first_id(parts: list[str]) -> int:
    return next((index for index, part in enumerate(parts) if part.startswith("{")), len(parts))


def _resource(parts: list[str]) -> tuple[str, ...]:
    return (ROOT, *(snake(part) for part in parts))


def _is_collection(path: str, methods: Mapping[str, set[str]]) -> bool:
    below = any(other.startswith(path + "/{") for other in methods)
    return below or {"get", "post"} <= methods[path]


def _verb(words: list[str], path: str, http: str, methods: Mapping[str, set[str]]) -> str:
    """A lone method has the name of its word; where a path takes several, they are told apart."""
    name = "_".join(snake(word) for word in words)
    if len(methods[path]) == 1 and http in ("get", "post"):
        return name
    if http == "get":
        return f"list_{name}" if "post" in methods[path] else f"get_{name}"
    return f"{PLAIN[http]}_{name}"
