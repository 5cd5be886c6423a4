"""What the hot path knows of the configuration: immutable rows in memory, refreshed by the keeper."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.dataplane.routing.policy import DEFAULT, Policy
from gateway.dataplane.upstream import Origin, Timeouts

PLATFORM = ""
"""Organization id of platform-wide catalog rows."""
NO_TARGET = "no_target"
ROUTE_MISCONFIGURED = "route_misconfigured"


@dataclass(frozen=True, slots=True)
class KeyView:
    """A usable virtual key with the ids every line needs."""

    id: str
    organization: str
    project: str
    team: str | None
    user: str | None
    scopes: frozenset[str]
    allowed_models: frozenset[str]
    rpm_limit: int | None
    tpm_limit: int | None
    budget_amount: Decimal | None
    expires_at: datetime | None
    fails_closed: bool = False
    lineage: str = ""
    """First key of its chain of rotations, itself when it is the first: what its budget is kept under."""

    def may_use(self, model: str) -> bool:
        return not self.allowed_models or model in self.allowed_models


@dataclass(frozen=True, slots=True)
class ProviderView:
    """An enabled upstream. `authorization` is the ready header value, empty without a credential."""

    id: str
    slug: str
    kind: str
    price_list: str
    origin: Origin
    path_prefix: str
    credential: str
    timeouts: Timeouts
    options: Mapping[str, str] = field(default_factory=dict)
    price_region: str = ""

    def price_context(self, said: Mapping[str, str]) -> Mapping[str, str]:
        """What a call is priced with: what its answer `said`, and where this provider is said to answer."""
        return {"region": self.price_region, **said} if self.price_region else said


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider: where an attempt goes. `drop_unsupported` is the route's word."""

    name: str
    upstream_name: str
    provider: ProviderView
    created: int = 0
    max_output_tokens: int | None = None
    priority: int = 0
    weight: int = 1
    capabilities: frozenset[str] = frozenset()
    drop_unsupported: bool = False
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """`(organization or PLATFORM, name)` → targets; aliases are routes, other names models.

    `unusable` are enabled routes that lead nowhere, by the error's code: `route_misconfigured` (nobody understands the
    row) or `no_target` (none of its targets is enabled). Such an alias hides what else has its name: a call must not
    go where the route's owner did not send it.
    """

    models: dict[tuple[str, str], tuple[Target, ...]] = field(default_factory=dict)
    routes: dict[tuple[str, str], tuple[Target, ...]] = field(default_factory=dict)
    policies: dict[tuple[str, str], Policy] = field(default_factory=dict)
    unusable: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, organization: str, name: str) -> tuple[tuple[Target, ...], Policy]:
        """Targets and how they are used; the organization's own rows win over the platform's, routes over models.
        None for an unknown name, and for a route that leads nowhere (`why_unusable`)."""
        for owner in (organization, PLATFORM):
            if targets := self.routes.get((owner, name)):
                return targets, self.policies[owner, name]
            if (owner, name) in self.unusable:
                break
            if targets := self.models.get((owner, name)):
                return targets, DEFAULT
        return (), DEFAULT

    def why_unusable(self, organization: str, name: str) -> str | None:
        """The code for a name that `find` has no targets for; None when nothing has that name."""
        return self.unusable.get((organization, name)) or self.unusable.get((PLATFORM, name))

    def names_for(self, organization: str) -> dict[str, Target]:
        """Every name an organization may ask for, with its first target."""
        found: dict[str, Target] = {}
        for owner in (PLATFORM, organization):
            for table in (self.models, self.routes):
                found |= {name: targets[0] for (holder, name), targets in table.items() if holder == owner}
            for holder, name in self.unusable:
                if holder == owner:
                    found.pop(name, None)
        return found


@dataclass(slots=True)
class Snapshot:
    """The process's configuration. Entries are replaced, never changed."""

    keys: dict[bytes, KeyView] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    allowed_upstreams: frozenset[str] = frozenset()
    extras: dict[str, Any] = field(default_factory=dict)
    version: int = -1
    confirmed_at: float = 0.0

    def put_key(self, digest: bytes, key: KeyView) -> None:
        former = self.digests.get(key.id)
        if former is not None and former != digest:
            self.keys.pop(former, None)
        self.digests[key.id] = digest
        self.keys[digest] = key

    def drop_key(self, key_id: str) -> None:
        digest = self.digests.pop(key_id, None)
        if digest is not None:
            self.keys.pop(digest, None)
