"""The server for the keys at hand."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from drf_spectacular.settings import spectacular_settings

from gateway.choices import Scope
from sdkgen import builds
from sdkgen.custom.access import allowed, reads
from sdkgen.mcp.calls import Gateway
from sdkgen.mcp.protocol import Server
from sdkgen.mcp.schema import Schemas
from sdkgen.mcp.tools import Tool, tools_of

OF_CALLS = frozenset({Scope.INFERENCE.value})
OF_MANAGEMENT = frozenset({Scope.MANAGE_READ.value, Scope.MANAGE_WRITE.value})


def server(*, gateway: Gateway, scopes: Collection[str], may_write: bool, only: Iterable[str] = ()) -> Server:
    """Tools of what keys with `scopes` may do; those that change something only if `may_write`. No queries."""
    patterns = tuple(only)

    def tools() -> tuple[Mapping[str, Tool], Schemas]:
        api = builds.representation()
        methods = [method for resource in api.resources for method in resource.methods]
        found = tools_of(
            api, allowed=frozenset(allowed(api, scopes)), reads={one.id for one in methods if reads(one)},
            may_write=may_write, only=patterns,
        )  # fmt: skip
        return found, Schemas({declared.name: declared for declared in api.types})

    return Server(version=_version(), tools=tools, caller=gateway)


def _version() -> str:
    settings: Any = spectacular_settings
    return str(settings.VERSION)
