"""The stage that has a call's bodies logged, and the tap that collects the answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from gateway.dataplane.call import Call
from gateway.dataplane.protocols import Line

if TYPE_CHECKING:
    from gateway.dataplane.bodies.service import BodyService
    from gateway.dataplane.runtime import Runtime
    from gateway.dataplane.settle import Outcome

POLICIES_SQL = """
SELECT organization_id::text, coalesce(project_id::text, ''), is_enabled, retention_days, max_body_bytes
FROM gateway_bodypolicy
"""


@dataclass(frozen=True, slots=True)
class BodyPolicyView:
    """A policy as the hot path knows it."""

    is_enabled: bool
    retention_days: int
    max_body_bytes: int


class BodyPolicyLoader:
    """`(organization, project or "") → BodyPolicyView` for `snapshot.extras["body_policies"]`."""

    name = "body_policies"
    entities = frozenset({"body_policy"})

    def load(self, connection: psycopg.Connection[Any]) -> Mapping[tuple[str, str], BodyPolicyView]:
        rows = connection.execute(POLICIES_SQL).fetchall()
        return {(row[0], row[1]): BodyPolicyView(*row[2:]) for row in rows}


@dataclass(frozen=True, slots=True)
class Captured:
    """One call's bodies as they were, in memory only; `at` is Unix seconds."""

    organization: str
    project: str
    api_key: str
    request_id: str
    endpoint: str
    dialect: str
    at: float
    retention_days: int
    limit_bytes: int
    fields: Mapping[str, Any]
    response: bytes
    is_stream: bool
    is_truncated: bool

    @property
    def size(self) -> int:
        return len(self.response) + self.limit_bytes


def log_bodies(call: Call, runtime: "Runtime") -> None:
    """Behind the guardrails: what they redacted is never seen here. A call that is refused is not logged."""
    policies = runtime.snapshot.extras.get("body_policies")
    key = call.key
    if not policies or key is None:
        return
    policy = policies.get((key.organization, key.project)) or policies.get((key.organization, ""))
    if policy is not None and policy.is_enabled:
        service: Any = runtime.services["bodies"]
        call.taps.append(BodyTap(call, policy, service))


class BodyTap:
    """Collects what the client is sent, and hands the pair over when the answer is complete."""

    def __init__(self, call: Call, policy: BodyPolicyView, service: "BodyService") -> None:
        self._call = call
        self._policy = policy
        self._service = service
        self._parts: list[bytes] = []
        self._size = 0

    def piece(self, data: bytes) -> None:
        room = self._policy.max_body_bytes - self._size
        if room > 0 and not self._call.endpoint.is_binary:
            self._parts.append(data[:room])
        self._size += len(data)

    def finished(self, outcome: "Outcome", line: Line) -> None:
        call, policy, key = self._call, self._policy, self._call.key
        assert key is not None
        self._service.offer(
            Captured(
                key.organization, key.project, key.id, call.request_id, call.endpoint.path, call.endpoint.dialect,
                time.time(), policy.retention_days, policy.max_body_bytes, call.fields, b"".join(self._parts),
                call.is_stream, self._size > policy.max_body_bytes,
            )
        )  # fmt: skip
