"""Counts what guardrails found, and stores the counts as security events (never the texts)."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg

from gateway.guardrails.rails import Hit
from gateway.ledger.ids import uuid7

if TYPE_CHECKING:
    from gateway.dataplane.call import Call
    from gateway.dataplane.runtime import Runtime

STORE_SQL = """
INSERT INTO gateway_securityevent
  (id, at, kind, organization, api_key, prefix, client_ip_hash, count, guardrail, action, details)
VALUES (%s, now(), 'guardrail', %s, %s, '', %s, %s, %s, %s, %s)
"""
Place = tuple[str, str, str, str, str, str]


class GuardService:
    """A `Service`. Counts live until the keeper's next visit to the database."""

    name = "guard"

    def __init__(self, runtime: "Runtime") -> None:
        self.totals: Counter[tuple[str, str]] = Counter()
        self._counts: Counter[Place] = Counter()
        runtime.keeper.on_poll.append(self.store)

    async def start(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """What was counted since the last poll is lost with the process: counts, not calls."""

    def count(self, call: "Call", hits: list[Hit], client: str) -> None:
        """One event for each guardrail that found something in this call."""
        key = call.key
        assert key is not None
        for hit in hits:
            details = ",".join(hit.whats)[:200]
            self._counts[(key.organization, key.id, client, hit.rail.id, hit.rail.action, details)] += 1
            self.totals[(hit.rail.kind, hit.rail.action)] += 1

    def store(self, connection: psycopg.Connection[Any]) -> None:
        """Called by the keeper's thread after each poll."""
        counts, self._counts = self._counts, Counter()
        rows = [
            (uuid7(), organization, key, bytes.fromhex(client), count, rail, action, details)
            for (organization, key, client, rail, action, details), count in counts.items()
        ]
        if rows:
            connection.cursor().executemany(STORE_SQL, rows)

    def report(self) -> dict[str, Any]:
        return {}

    def metrics(self) -> list[str]:
        lines = ["# TYPE gateway_guardrail_hits_total counter"]
        lines += [
            f'gateway_guardrail_hits_total{{kind="{kind}",action="{action}"}} {count}'
            for (kind, action), count in sorted(self.totals.items())
        ]
        return lines
