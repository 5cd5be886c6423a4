"""Who uses a type: whether it is sent, received or both, and which part of a client it belongs to. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sdkgen.ir.nodes import Api, Declaration, ListOf, MapOf, Method, Model, Nullable, Ref, Type, Union

SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Usage:
    """Names of declared types: those that are sent, those that are received; and for every one its group."""

    sent: frozenset[str]
    received: frozenset[str]
    groups: Mapping[str, str]

    def group_of(self, name: str) -> str:
        return self.groups.get(name, SHARED)


def refs_of(of: Type | None) -> Iterator[str]:
    """Names that a type refers to directly."""
    match of:
        case Ref(name):
            yield name
        case ListOf(inner) | MapOf(inner) | Nullable(inner):
            yield from refs_of(inner)


def parts_of(declared: Declaration) -> Iterator[Type]:
    match declared:
        case Model():
            yield from (field.type for field in declared.fields)
            if declared.extra is not None:
                yield declared.extra
        case Union():
            yield from (variant.type for variant in declared.variants)


def closure(roots: Iterable[str], types: Mapping[str, Declaration]) -> set[str]:
    """The types, and all that they need."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [ref for part in parts_of(types[name]) for ref in refs_of(part)]
    return found


def sent_by(method: Method) -> set[str]:
    roots = {ref for one in method.parameters for ref in refs_of(one.type)}
    return roots | set(refs_of(method.body.type if method.body else None))


def received_by(method: Method) -> set[str]:
    roots = {ref for one in method.answers for ref in refs_of(one.type)}
    return roots | set(refs_of(method.stream.event if method.stream else None))


def group_of(path: tuple[str, ...]) -> str:
    """`("manage", "api_keys")` → `manage_api_keys`, `("chat", "completions")` → `chat`."""
    return "_".join(path[:2]) if path[0] == "manage" else path[0]


def usage_of(api: Api) -> Usage:
    """A type belongs to the group that alone uses it, else it is shared."""
    types = {declared.name: declared for declared in api.types}
    sent: set[str] = set()
    received: set[str] = set()
    users: dict[str, set[str]] = {}
    for resource in api.resources:
        for method in resource.methods:
            goes, comes = closure(sent_by(method), types), closure(received_by(method), types)
            sent |= goes
            received |= comes
            for name in goes | comes:
                users.setdefault(name, set()).add(group_of(resource.path))
    groups = {name: next(iter(found)) if len(found) == 1 else SHARED for name, found in users.items()}
    return Usage(frozenset(sent), frozenset(received), groups)
