"""What a search needs to know of a commitment: throughput or a monthly fee that is paid whether it is used or not."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

BURST = 2
"""Use is known by the hour; the busiest minute of an hour is taken to need this much of what the hour needs."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """One commitment. `monthly_cost` is paid for 30 days, pro rata; `start` to `end` (None: open), half-open.

    `covered`: what the lines that it paid for would have cost without it, in the searched window. `used`: the highest
    share of its capacity in use at any time there (0 to 1), None where it has no capacity. `sizes`: capacities, as
    shares of this one, to which it can be cut. `reference` names it for good; `name` is for people.
    """

    reference: str
    name: str
    provider: str
    model: str
    start: datetime
    end: datetime | None
    monthly_cost: Decimal
    currency: str
    covered: Decimal
    used: Decimal | None
    sizes: tuple[Decimal, ...]
