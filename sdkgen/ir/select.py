"""A part of an API: chosen operations and the types that they reach. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from sdkgen.ir.nodes import Api, Method, Resource
from sdkgen.ir.reach import closure, received_by, sent_by


class SelectionError(ValueError):
    """Patterns that choose nothing; `unknown`: each with the names that are nearest to it, best first."""

    def __init__(self, unknown: dict[str, list[str]]) -> None:
        self.unknown = unknown
        super().__init__(f"no operation fits {', '.join(unknown)}{self._nearest()}")

    def _nearest(self) -> str:
        said = [f"{pattern}: {', '.join(near)}" for pattern, near in self.unknown.items() if near]
        return f" (nearest: {'; '.join(said)})" if said else ""


def select(api: Api, patterns: Iterable[str]) -> Api:
    """Operations whose id or place (`chat.completions.create`) fits a pattern, such as `chat.*`, and those at or below
    a resource that is named (`chat`). Raises SelectionError for a pattern that fits nothing."""
    wanted = list(patterns)
    used: set[str] = set()
    chosen = set()
    for resource in api.resources:
        chosen |= {method.id for method in resource.methods if _fits(resource, method, wanted, used)}
    if unused := [pattern for pattern in wanted if pattern not in used]:
        raise SelectionError({pattern: nearest(api, pattern) for pattern in dict.fromkeys(unused)})
    return only(api, chosen)


def only(api: Api, ids: Iterable[str]) -> Api:
    """The operations with these ids, and the types that they reach."""
    wanted = frozenset(ids)
    resources = []
    for resource in api.resources:
        chosen = tuple(method for method in resource.methods if method.id in wanted)
        if chosen:
            resources.append(replace(resource, methods=chosen))
    return pruned(replace(api, resources=tuple(resources)))


def pruned(api: Api) -> Api:
    """Without the types that no operation reaches."""
    methods = [method for resource in api.resources for method in resource.methods]
    roots = {name for method in methods for name in sent_by(method) | received_by(method)}
    needed = closure(roots, {declared.name: declared for declared in api.types})
    return replace(api, types=tuple(declared for declared in api.types if declared.name in needed))


def nearest(api: Api, pattern: str, most: int = 3) -> list[str]:
    """Ids, places and resources that look like a pattern, best first."""
    names: dict[str, None] = {}
    for resource in api.resources:
        for length in range(1, len(resource.path) + 1):
            names[".".join(resource.path[:length])] = None
        for method in resource.methods:
            names[place_of(resource, method)] = names[method.id] = None
    plain = {name.lower(): name for name in names}
    asked = pattern.lower().rstrip("*?").strip(".").replace("-", "_").replace("/", ".")
    return [plain[one] for one in get_close_matches(asked, plain, most, 0.65)]


def place_of(resource: Resource, method: Method) -> str:
    """`chat.completions.create`."""
    return ".".join((*resource.path, method.name))


def _fits(resource: Resource, method: Method, patterns: list[str], used: set[str]) -> bool:
    place = place_of(resource, method)
    found = [
        one for one in patterns if fnmatchcase(method.id, one) or fnmatchcase(place, one) or place.startswith(f"{one}.")
    ]
    used.update(found)
    return bool(found)
