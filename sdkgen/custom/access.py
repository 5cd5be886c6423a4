"""Which operations a key may call, by its scopes. The management API's views say it themselves."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import SAFE_METHODS

from gateway.api.permissions import ANYONE, SIGNED_IN
from gateway.choices import Role, Scope
from sdkgen.ir.nodes import Api, Method

INFERENCE = frozenset({Scope.INFERENCE.value})
WRITES = frozenset({Scope.MANAGE_WRITE.value})
READS = frozenset({Scope.MANAGE_READ.value, Scope.MANAGE_WRITE.value})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """Of one operation. `is_for_keys`: a key, which acts as an administrator, may call it at all. `reads`: it changes
    nothing, whatever its method."""

    is_for_keys: bool
    reads: bool


@cache
def grants() -> Mapping[tuple[str, str], Grant]:
    """`(path of the document, method)` → what its view says. No queries."""
    generator = SchemaGenerator()
    generator._initialise_endpoints()
    found = {}
    for path, _, http, view in generator._get_paths_and_endpoints():
        who = getattr(view, "roles", {}).get(getattr(view, "action", None) or http.lower())
        is_for_keys = who in (SIGNED_IN, ANYONE) or (isinstance(who, frozenset) and Role.ADMIN in who)
        reads = http.upper() in SAFE_METHODS or bool(getattr(view, "only_reads", False))
        found[path, http.upper()] = Grant(is_for_keys, reads)
    return found


def reads(method: Method) -> bool:
    """Whether an operation changes nothing, and calls no model."""
    if method.auth == "key":
        return method.http == "GET"
    grant = grants().get((method.path, method.http))
    return grant.reads if grant is not None else method.http == "GET"


def scopes_for(method: Method) -> frozenset[str]:
    """A key needs one of these; none of them helps where they are empty."""
    if method.auth == "key":
        return INFERENCE
    grant = grants().get((method.path, method.http))
    if method.auth == "none" or grant is None or not grant.is_for_keys:
        return NOBODY
    return READS if grant.reads else WRITES


def allowed(api: Api, scopes: Collection[str]) -> list[str]:
    """Ids of the operations that a key with `scopes` may call."""
    had = frozenset(scopes)
    return [method.id for resource in api.resources for method in resource.methods if had & scopes_for(method)]
