"""Which rate stands on which day, and amounts by it. `RateTable` is pure; `table_of` reads."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from costs.currencies.models import ExchangeRate
from costs.pricing.cards import COST_QUANTUM, EXACT
from gateway.conversion import Conversion, Step

ONE = Decimal(1)


class Stated(NamedTuple):
    """A rate as it stands in the table. `is_own`: the organization's own; `is_turned`: stated the other way round, so
    one divided by it stands."""

    valid_from: date
    rate: Decimal
    source: str
    is_own: bool
    is_turned: bool

    @property
    def factor(self) -> Decimal:
        """What an amount is multiplied by."""
        return EXACT.divide(ONE, self.rate) if self.is_turned else self.rate

    def words(self, base: str, quote: str) -> str:
        """`1 EUR = 1.08 USD from 2026-11-02, European Central Bank`."""
        one, other = (quote, base) if self.is_turned else (base, quote)
        return f"1 {one} = {self.rate.normalize():f} {other} from {self.valid_from:%Y-%m-%d}, {self.source}"


@dataclass(frozen=True, slots=True)
class RateTable:
    """Rates of a pair by day: `steps[i]` stands from its day (UTC) until the next one's. Before the first: none."""

    base: str
    quote: str
    starts: tuple[date, ...] = ()
    steps: tuple[Stated, ...] = ()

    def on(self, day: date) -> Stated | None:
        """The rate that stands on `day`; None when none was stated by then. Never 1 by itself."""
        place = bisect_right(self.starts, day)
        return self.steps[place - 1] if place else None

    def convert(self, amounts: Iterable[tuple[date, Decimal]]) -> Decimal | None:
        """The sum of `(day, amount)`, each by its day's rate, rounded half-even to ten places at the end only. None
        when an amount other than 0 has no rate."""
        total = Decimal(0)
        for day, amount in amounts:
            if not amount:
                continue
            stated = self.on(day)
            if stated is None:
                return None
            total = EXACT.add(total, EXACT.multiply(amount, stated.factor))
        return EXACT.quantize(total, COST_QUANTUM)

    def as_conversion(self) -> Conversion:
        """In instants, with the words of each rate."""
        pairs = zip(self.starts, self.steps, strict=True)
        return Conversion(
            self.base, self.quote,
            tuple(
                Step(datetime.combine(day, time.min, UTC), stated.factor, stated.words(self.base, self.quote))
                for day, stated in pairs
            ),
        )  # fmt: skip


def same(currency: str) -> RateTable:
    """A currency in itself: one for one, since ever."""
    return RateTable(currency, currency, (date.min,), (Stated(date.min, ONE, "the same currency", False, False),))


def resolved(base: str, quote: str, known: Iterable[Stated]) -> RateTable:
    """Which rate stands from when. `known`: in the order in which they were stated. An own rate stands before the
    platform's, a later day before an earlier one, what was stated last before what was stated first."""
    steps: dict[date, Stated] = {}
    standing: Stated | None = None
    for row in sorted(known, key=lambda row: row.valid_from):  # of one day, as they were stated
        if standing is None or row.is_own >= standing.is_own:
            standing = row
        steps[row.valid_from] = standing
    return RateTable(base, quote, tuple(steps), tuple(steps.values()))


def table_of(organization: UUID | None, base: str, quote: str, until: date | None = None) -> RateTable:
    """The rates from `base` to `quote` as the organization has them (None: the platform's). One query; none for a
    currency in itself."""
    if base == quote:
        return same(base)
    straight, turned = Q(base=base, quote=quote), Q(base=quote, quote=base)
    rows = ExchangeRate.objects.filter(straight | turned, Q(organization=organization) | Q(organization=None))
    if until is not None:
        rows = rows.filter(valid_from__lte=until)
    values = rows.order_by("created_at", "id").values_list("valid_from", "rate", "source", "organization", "base")
    known = (Stated(day, rate, source, own is not None, of != base) for day, rate, source, own, of in values)
    return resolved(base, quote, known)


def conversion_of(organization: UUID, base: str, quote: str) -> Conversion:
    """Implements `gateway.conversion.Converter`."""
    return table_of(organization, base, quote).as_conversion()
