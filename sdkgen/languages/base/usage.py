"""Who uses a type: whether it is sent, received or both, and which part of a client it belongs to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdkgen.ir.nodes import Api
from sdkgen.ir.reach import closure, parts_of, received_by, refs_of, sent_by

__all__ = ["SHARED", "Usage", "closure", "group_of", "parts_of", "received_by", "refs_of", "sent_by", "usage_of"]

SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Usage:
    """Names of declared types: those that are sent, those that are received; and for every one its group."""

    sent: frozenset[str]
    received: frozenset[str]
    groups: Mapping[str, str]

    def group_of(self, name: str) -> str:
        return self.groups.get(name, SHARED)


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
