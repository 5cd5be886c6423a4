"""What both sides of a reconciliation are made of. Pure.

Meters are those of `costs.pricing.meters`; a meter of "" is a cost that the export does not split. Tiers: "" standard,
`batch`, `flex`, `priority`, `long_context` and whatever else a vendor names; None where the export does not say.
Days are half-open UTC days, money is Decimal in one currency, quantities are single tokens, images, seconds or calls.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from costs.pricing import meters as m

USAGE = "usage"
CREDIT = "credit"
TAX = "tax"
DISCOUNT = "discount"
FEE = "fee"
KINDS = (USAGE, CREDIT, TAX, DISCOUNT, FEE)
LONG_CONTEXT = "long_context"
STATED = "stated"
"""The ledger's meter of a cost that came with an import and is not split."""
ZERO = Decimal(0)
MOST_DECIMALS = 10
MOST_PERCENT = Decimal(10) ** 9

STANDARD_TIERS = frozenset({"", "standard", "default", "auto", "on_demand", "regular", "realtime", "standard_only"})
OUTPUT_PARTS = frozenset({m.REASONING})


def tier_of(name: str | None) -> str | None:
    """A vendor's name for a tier as reconciliation has it; None stays unknown."""
    if name is None:
        return None
    lower = name.strip().lower().replace(" ", "_").replace("-", "_")
    return "" if lower in STANDARD_TIERS else lower


@dataclass(frozen=True, slots=True)
class Billed:
    """One record of an export. `quantity` or `cost` is None where the export does not state it."""

    line: int
    day: date
    model: str
    meter: str
    tier: str | None
    quantity: Decimal | None
    cost: Decimal | None
    currency: str
    kind: str = USAGE
    label: str = ""
    is_repeat: bool = False


class LineKey(NamedTuple):
    """What records are summed by."""

    day: date
    model: str
    meter: str
    tier: str | None
    kind: str
    currency: str
    label: str


@dataclass(slots=True)
class BilledLine:
    """Records of one key. `repeated_…`: of records that stood in the file before, word for word."""

    key: LineKey
    quantity: Decimal | None = None
    cost: Decimal | None = None
    rows: int = 0
    repeated_rows: int = 0
    repeated_quantity: Decimal = ZERO
    repeated_cost: Decimal = ZERO

    def add(self, item: Billed) -> None:
        self.rows += 1
        if item.quantity is not None:
            self.quantity = (self.quantity or ZERO) + item.quantity
        if item.cost is not None:
            self.cost = (self.cost or ZERO) + item.cost
        if item.is_repeat:
            self.repeated_rows += 1
            self.repeated_quantity += item.quantity or ZERO
            self.repeated_cost += item.cost or ZERO


@dataclass(slots=True)
class Collector:
    """Sums records as they are read: memory grows with days × models × meters, not with the file."""

    lines: dict[LineKey, BilledLine] = field(default_factory=dict)
    days: set[date] = field(default_factory=set)
    rows: int = 0
    decimals: int = 0

    def see(self, day: date) -> None:
        """A day that the export covers, with or without usage."""
        self.days.add(day)

    def add(self, item: Billed) -> None:
        self.rows += 1
        self.days.add(item.day)
        label = "" if item.kind == USAGE else item.label
        key = LineKey(item.day, item.model, item.meter, item.tier, item.kind, item.currency, label)
        self.lines.setdefault(key, BilledLine(key)).add(item)
        if item.cost is not None:
            self.decimals = max(self.decimals, min(MOST_DECIMALS, decimals_of(item.cost)))


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    """Part of the whole, to four digits; None of nothing, and of so little that the figure would say nothing."""
    if not whole or abs(part) >= abs(whole) * (MOST_PERCENT / 100):
        return None
    return (part / whole * 100).quantize(Decimal("1e-4"), ROUND_HALF_EVEN)


def decimals_of(amount: Decimal) -> int:
    """Digits behind the point that say something."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


@dataclass(frozen=True, slots=True)
class Booked:
    """The ledger's sum of one day, model, meter and tier. `unpriced`: quantity of lines whose price is unknown, which
    is in neither `quantity` nor `cost`."""

    day: date
    model: str
    meter: str
    tier: str
    quantity: Decimal
    cost: Decimal
    unpriced: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Zoned:
    """The ledger by the vendor's days, which begin `ahead` hours before UTC's."""

    ahead: int
    booked: Sequence[Booked]


def currencies(lines: Iterable[BilledLine]) -> list[str]:
    """Of lines with a cost, those with the most of them first."""
    counts: dict[str, int] = {}
    for line in lines:
        if line.cost is not None:
            counts[line.key.currency] = counts.get(line.key.currency, 0) + line.rows
    return sorted(counts, key=lambda name: (-counts[name], name))
