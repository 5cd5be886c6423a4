"""Reading the limits for the snapshot, with plain psycopg."""

from typing import Any

import psycopg

from gateway.dataplane.limits.views import CONCURRENCY, REQUESTS, TOKENS, LimitIndex, LimitView

SNAPSHOT = "limits"
LIMITS_SQL = """
SELECT id::text, organization_id::text, name, scope, scope_value, is_shadow, rpm, tpm, concurrency
FROM gateway_ratelimit WHERE is_enabled ORDER BY id
"""


class LimitLoader:
    """Brings the limits into `runtime.snapshot.extras`; see `gateway.dataplane.protocols.Loader`."""

    name = SNAPSHOT
    entities = frozenset({"rate_limit"})

    def load(self, connection: psycopg.Connection[Any]) -> LimitIndex:
        return LimitIndex(_view(*row) for row in connection.execute(LIMITS_SQL))


def _view(
    identity: str, organization: str, name: str, scope: str, value: str, is_shadow: bool, *caps: int | None
) -> LimitView:
    kinds = zip((REQUESTS, TOKENS, CONCURRENCY), caps, strict=True)
    stated = tuple((kind, cap) for kind, cap in kinds if cap is not None)
    return LimitView(identity, organization, name, scope, value, stated, is_shadow)
