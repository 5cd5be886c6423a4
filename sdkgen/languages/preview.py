"""The public names that a client would have, in every language, before it is made. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sdkgen.ir.nodes import Api, Method, Resource
from sdkgen.ir.select import place_of
from sdkgen.languages.base.casing import camel, pascal
from sdkgen.languages.base.names import Lock, Name, NameCollisionError, Names, settle
from sdkgen.languages.go.naming import exported
from sdkgen.languages.registry import LANGUAGES
from sdkgen.languages.typescript.naming import place_name

MOST = 500
"""Operations, and types, that a preview lists."""


@dataclass(frozen=True, slots=True)
class Called:
    """How one operation or type is called: language → name. A language that cannot name the part is left out."""

    id: str
    pointer: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Preview:
    """`collisions`: language → why it has no names. `left_out`: operations and types beyond the first `MOST`."""

    operations: tuple[Called, ...]
    types: tuple[Called, ...]
    collisions: Mapping[str, str]
    left_out: int


def preview(part: Api) -> Preview:
    """Names in force: those that are published stay."""
    settled: dict[str, Names] = {}
    collisions: dict[str, str] = {}
    for language, found in LANGUAGES.items():
        try:
            settled[language] = settle(found.propose(part), _lock(language))
        except NameCollisionError as error:
            collisions[language] = str(error)
    methods = [(resource, method) for resource in part.resources for method in resource.methods]
    operations = tuple(
        Called(method.id, method.pointer, {one: _call(one, resource, method, of) for one, of in settled.items()})
        for resource, method in methods[:MOST]
    )
    types = tuple(
        Called(declared.name, declared.pointer, {
            one: name for one, of in settled.items() if (name := _type(declared.pointer, of))
        })
        for declared in part.types[:MOST]
    )  # fmt: skip
    left_out = max(0, len(methods) - MOST) + max(0, len(part.types) - MOST)
    return Preview(operations, types, collisions, left_out)


def _call(language: str, resource: Resource, method: Method, names: Names) -> str:
    """As a program writes it behind the client's name."""
    own = names.find("method", method.pointer, method.name).rpartition(".")[2]
    match language:
        case "python":
            return ".".join(("client", *resource.path, own))
        case "typescript":
            places = (place_name(names, resource.path[:depth]) for depth in range(1, len(resource.path) + 1))
            return ".".join(("client", *places, own))
        case "java":
            return ".".join(("gateway", *(f"{camel(one)}()" for one in resource.path), own))
        case "go":
            return ".".join(("client", *_of_go(resource, names), own))
        case "csharp":
            return ".".join(("client", *(pascal(one) for one in resource.path), own + "Async"))
    return place_of(resource, method)


def _of_go(resource: Resource, names: Names) -> list[str]:
    """Fields by which a resource is reached; the first is one of the client."""
    found = []
    for depth in range(1, len(resource.path) + 1):
        place = ".".join(resource.path[:depth])
        name: Name | None = names.by_key.get(f"method #/x-sdk/resources/{place}")
        found.append(name.text.rpartition(".")[2] if name else exported(resource.path[depth - 1]))
    return found


def _type(pointer: str, names: Names) -> str:
    return names.find("type", pointer, "") or names.find("param", pointer, "")


@cache
def _lock(language: str) -> Lock:
    return LANGUAGES[language].lock()
