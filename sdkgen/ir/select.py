"""A part of an API: chosen operations and the types that they reach. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from sdkgen.ir.nodes import Api, Method, Resource
from sdkgen.ir.reach import closure, received_by, sent_by


class SelectionError(ValueError):
    """Patterns that choose nothing."""


def select(api: Api, patterns: Iterable[str]) -> Api:
    """Operations whose id or place (`chat.completions.create`) fits a pattern, such as `chat.*`. Raises SelectionError
    for a pattern that fits nothing."""
    wanted = list(patterns)
    used: set[str] = set()
    resources = []
    for resource in api.resources:
        chosen = tuple(method for method in resource.methods if _fits(resource, method, wanted, used))
        if chosen:
            resources.append(replace(resource, methods=chosen))
    if unused := [pattern for pattern in wanted if pattern not in used]:
        raise SelectionError(f"no operation fits {', '.join(unused)}")
    methods = [method for resource in resources for method in resource.methods]
    roots = {name for method in methods for name in sent_by(method) | received_by(method)}
    needed = closure(roots, {declared.name: declared for declared in api.types})
    types = tuple(declared for declared in api.types if declared.name in needed)
    return replace(api, resources=tuple(resources), types=types)


def _fits(resource: Resource, method: Method, patterns: list[str], used: set[str]) -> bool:
    place = ".".join((*resource.path, method.name))
    found = [one for one in patterns if fnmatchcase(method.id, one) or fnmatchcase(place, one)]
    used.update(found)
    return bool(found)
