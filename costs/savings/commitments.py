"""What a search needs to know of a commitment: throughput or a monthly fee that is paid whether it is used or not."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol


class Commitment(Protocol):
    """One commitment. `monthly_cost` is paid for 30 days, pro rata; `start` to `end` (None: open), half-open.

    `covered`: what the lines that it paid for would have cost without it, in the searched window. `used`: the highest
    share of its capacity in use at any time there (0 to 1), None where it has no capacity. `sizes`: capacities, as
    shares of this one, to which it can be cut. `reference` names it for good; `name` is for people.
    """

    @property
    def reference(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime | None: ...
    @property
    def monthly_cost(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def covered(self) -> Decimal: ...
    @property
    def used(self) -> Decimal | None: ...
    @property
    def sizes(self) -> Sequence[Decimal]: ...
