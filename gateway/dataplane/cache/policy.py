"""Cache policies in the snapshot, and what a caller wishes for one call."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from gateway.dataplane.call import Call

POLICIES_SQL = """
SELECT id::text, organization_id::text, coalesce(project_id::text, ''), is_enabled, ttl_s, is_shared, max_entry_bytes,
       generation, CASE WHEN is_semantic THEN embedding_model ELSE '' END, similarity_threshold
FROM gateway_cachepolicy
"""


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy as the hot path knows it; `embedding_model` is empty without the semantic cache."""

    id: str
    is_enabled: bool
    ttl_s: int
    is_shared: bool
    max_entry_bytes: int
    generation: int
    embedding_model: str = ""
    similarity_threshold: Decimal = Decimal(1)

    @property
    def namespace(self) -> str:
        """Entries of one generation; an erased generation's entries are deleted."""
        return f"{self.id}:{self.generation}"


Policies = Mapping[tuple[str, str], PolicyView]


class PolicyLoader:
    """`(organization, project or "") → PolicyView` for `snapshot.extras["cache_policies"]`."""

    name = "cache_policies"
    entities = frozenset({"cache_policy"})

    def load(self, connection: psycopg.Connection[Any]) -> Policies:
        rows = connection.execute(POLICIES_SQL).fetchall()
        return {(row[1], row[2]): PolicyView(row[0], *row[3:]) for row in rows}


def policy_of(policies: Policies, organization: str, project: str) -> PolicyView | None:
    """The project's policy, else the organization's; None when there is none or it is off."""
    found = policies.get((organization, project)) or policies.get((organization, ""))
    return found if found is not None and found.is_enabled else None


@dataclass(frozen=True, slots=True)
class Wish:
    """What `X-Gateway-Cache` asks for: `no-store` neither reads nor writes, `no-cache` writes only, `max-age=N` reads
    what is at most N seconds old."""

    reads: bool = True
    writes: bool = True
    max_age_s: float | None = None


ALL = Wish()


def wish_of(call: Call) -> Wish:
    """The caller's wish; directives that are not known are ignored (RFC 9111 §5.2.3)."""
    header = call.headers.get(b"x-gateway-cache")
    if not header:
        return ALL
    reads = writes = True
    max_age: float | None = None
    for directive in header.decode("latin-1").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name == "no-store":
            reads = writes = False
        elif name == "no-cache":
            reads = False
        elif name == "max-age" and value.isascii() and value.isdigit():
            max_age = float(value)
    return Wish(reads, writes, max_age)
