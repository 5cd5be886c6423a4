"""What a batch of ledger lines changes besides the ledger: the spend of keys, and the minutes to add up again. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from gateway.ledger.ids import ms_of_text
from gateway.ledger.schema import DEFAULTS

ZERO = Decimal(0)
MINUTE_MS = 60_000
COUNTED = frozenset({"attempt", "cache_hit"})
"""Kinds of lines that are requests when they are final."""


@dataclass(slots=True)
class Spend:
    """What a batch adds to a key, money by currency; `last_ms` is the Unix millisecond of its latest line."""

    costs: dict[str, Decimal] = field(default_factory=dict)
    requests: int = 0
    last_ms: int = 0

    def plus(self, other: "Spend") -> "Spend":
        last_ms = max(self.last_ms, other.last_ms)
        costs = dict(self.costs)
        for currency, cost in other.costs.items():
            costs[currency] = costs.get(currency, ZERO) + cost
        return Spend(costs, self.requests + other.requests, last_ms)


@dataclass(slots=True)
class Effects:
    """`spend` by key id; `minutes`: (organization, minutes since the epoch) of every line; `adjusts`:
    whether there are adjusting entries among them."""

    spend: dict[str, Spend] = field(default_factory=dict)
    minutes: set[tuple[str, int]] = field(default_factory=set)
    adjusts: bool = False

    def add(
        self, organization: str, key: str | None, ms: int, cost: str | Decimal | None, requests: int, currency: str
    ) -> None:
        """One line. Raises `decimal.InvalidOperation` for a cost that is no number; None costs nothing."""
        self.minutes.add((organization, ms // MINUTE_MS))
        if key is None:
            return
        entry = self.spend.get(key)
        if entry is None:
            entry = self.spend[key] = Spend()
        if cost is not None:
            entry.costs[currency] = entry.costs.get(currency, ZERO) + Decimal(cost)
        entry.requests += requests
        if ms > entry.last_ms:
            entry.last_ms = ms

    def add_line(self, line: Mapping[str, Any]) -> None:
        """A line as a dictionary, its id in canonical text form."""
        key, cost = line.get("api_key"), line.get("cost")
        self.adjusts = self.adjusts or line["kind"] == "adjustment"
        counts = line.get("is_final", True) and line["kind"] in COUNTED
        self.add(
            str(line["organization"]),
            None if key is None else str(key),
            ms_of_text(line["id"]),
            None if cost is None else Decimal(str(cost)),
            int(line.get("request_count", 1)) if counts else 0,
            str(line.get("currency", DEFAULTS["currency"])),
        )

    def by_key(self) -> list[tuple[UUID, Spend]]:
        """What each key spent, in the order of their ids; a key is one key however its id was written."""
        merged: dict[UUID, Spend] = {}
        for text, entry in self.spend.items():
            known = merged.get(key := UUID(text))
            merged[key] = entry if known is None else known.plus(entry)
        return sorted(merged.items())

    @classmethod
    def of(cls, lines: Iterable[Mapping[str, Any]]) -> Self:
        """The effects of lines as dictionaries."""
        effects = cls()
        for line in lines:
            effects.add_line(line)
        return effects
