"""What a batch adds to the sums of its `ImportRun`, in the transaction that books it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from gateway.imports.linemaker import cost_of
from gateway.ledger.booking import Booked


@dataclass(slots=True)
class Totals:
    """Counts of records, and sums over the lines that are new in the ledger."""

    imported: int = 0
    duplicates: int = 0
    quarantined: int = 0
    rejected: int = 0
    skipped: int = 0
    requests: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    first_at: str | None = None
    last_at: str | None = None

    @classmethod
    def of(cls, booked: Booked) -> "Totals":
        """Sums of what a batch became."""
        lines = booked.inserted
        costs = [cost_of(line) for line in lines]
        times = [line["started_at"] for line in lines]
        return cls(
            imported=len(lines),
            duplicates=booked.duplicates,
            quarantined=booked.quarantined,
            requests=sum(int(line.get("request_count", 1)) for line in lines),
            unpriced=costs.count(None),
            input_tokens=sum(int(line.get("input_tokens") or 0) for line in lines),
            output_tokens=sum(int(line.get("output_tokens") or 0) for line in lines),
            cost=sum((cost for cost in costs if cost is not None), Decimal(0)),
            first_at=min(times, default=None),
            last_at=max(times, default=None),
        )

    def add_to(self, connection: psycopg.Connection[Any], run: UUID, last_line: int) -> None:
        """Move the run's position and sums."""
        sums = ("imported", "duplicates", "quarantined", "rejected", "skipped", "requests", "unpriced",
                "input_tokens", "output_tokens", "cost")  # fmt: skip
        added = ", ".join(f"{name} = {name} + %s" for name in sums)
        connection.execute(
            f"UPDATE gateway_importrun SET line = %s, {added}, first_at = least(first_at, %s), "  # noqa: S608  (constants)
            "last_at = greatest(last_at, %s) WHERE id = %s",
            [last_line, *(getattr(self, name) for name in sums), self.first_at, self.last_at, run],
        )
