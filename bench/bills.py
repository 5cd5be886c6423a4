"""A month of a company by the hour, what its ledger has of it and what a vendor bills: gaps planted under noise.

Pure and seeded, and independent of `costs.invoices` but for its types. Tokens are integers per hour; the bill has a row
for each of the vendor's days, model, meter and tier. Every gap notes in `planted` what it comes to, by cause.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from costs.invoices.items import Billed, BilledLine, Booked, Collector
from costs.invoices.zones import Hourly

FIRST, DAYS = date(2026, 6, 1), 30
MARGIN = 24
"""Hours before the first day and after the last one, for vendors whose days are not UTC's."""
HOURS = DAYS * 24 + 2 * MARGIN
MILLION = Decimal(1_000_000)
PRICES = {
    "gpt-4.1": {"input": "2", "cache_read": "0.5", "output": "8"},
    "gpt-4.1-mini": {"input": "0.4", "cache_read": "0.1", "output": "1.6"},
    "claude-sonnet-4-5": {"input": "3", "cache_read": "0.3", "cache_write_5m": "3.75", "output": "15"},
    "claude-haiku-4-5": {"input": "1", "cache_read": "0.1", "cache_write_5m": "1.25", "output": "5"},
    "o4-mini": {"input": "1.1", "cache_read": "0.275", "output": "4.4"},
    "gemini-2.5-pro": {"input": "1.25", "cache_read": "0.31", "output": "10"},
}  # fmt: skip
FACTORS = {"": Decimal(1), "batch": Decimal("0.5")}


class Series(NamedTuple):
    """Whose tokens they are."""

    model: str
    meter: str
    tier: str

    @property
    def unit(self) -> Decimal:
        return Decimal(PRICES[self.model][self.meter]) / MILLION * FACTORS[self.tier]


class Book:
    """The price book: list prices, the same at all times."""

    def unit(self, model: str, meter: str, day: date, tier: str = "") -> Decimal | None:
        if meter not in PRICES.get(model, {}) or tier not in FACTORS:
            return None
        return Series(model, meter, tier).unit

    def others(self, model: str, meter: str, day: date) -> Sequence[tuple[date, Decimal]]:
        return ()


@dataclass(slots=True)
class Bill:
    """Both sides. `zone`: hours that the vendor's clock is ahead of UTC. `decimals`: of the amounts on the bill."""

    chance: random.Random
    ledger: dict[Series, list[int]]
    bill: dict[Series, list[int]]
    zone: int = 0
    decimals: int | None = None
    unpriced: set[tuple[str, int]] = field(default_factory=set)
    factors: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    twice: set[tuple[Series, int]] = field(default_factory=set)
    extras: list[Billed] = field(default_factory=list)
    planted: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def total(self) -> Decimal:
        """What the calls of the month's UTC days cost, before anything was planted."""
        return sum((each.unit * sum(hours[MARGIN:-MARGIN]) for each, hours in self.ledger.items()), Decimal(0))

    def lines(self) -> list[BilledLine]:
        """The export."""
        collector = Collector()
        for each, hours in self.bill.items():
            for day in range(DAYS):
                quantity = sum(_of_day(hours, day, self.zone))
                if day in self.dropped or not quantity:
                    continue
                cost = quantity * each.unit * self.factors.get((each.model, day), Decimal(1))
                if self.decimals is not None:
                    cost = cost.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_EVEN)
                for is_repeat in (False, True)[: 1 + ((each, day) in self.twice)]:
                    collector.add(
                        Billed(1, _date(day), each.model, each.meter, each.tier, Decimal(quantity), cost, "USD",
                               is_repeat=is_repeat)
                    )  # fmt: skip
        for extra in self.extras:
            collector.add(extra)
        return list(collector.lines.values())

    def booked(self, zone: int = 0) -> list[Booked]:
        """The ledger by days of that zone."""
        rows = []
        for each, hours in self.ledger.items():
            for day in range(DAYS):
                without = 0
                tokens = 0
                for hour in _hours_of(day, zone):
                    if (each.model, (hour - MARGIN) // 24) in self.unpriced:
                        without += hours[hour]
                    else:
                        tokens += hours[hour]
                if tokens or without:
                    rows.append(
                        Booked(_date(day), *each[:2], each.tier, Decimal(tokens), tokens * each.unit, Decimal(without))
                    )
        return rows

    def hourly(self) -> list[Hourly]:
        """The ledger by hours, the margins too."""
        sums: Counter[tuple[int, str]] = Counter()
        counts: Counter[tuple[int, str]] = Counter()
        for each, hours in self.ledger.items():
            for hour, tokens in enumerate(hours):
                counts[hour, each.model] += tokens
                if (each.model, (hour - MARGIN) // 24) not in self.unpriced:
                    sums[hour, each.model] += float(each.unit) * tokens  # type: ignore[assignment]
        first = datetime.combine(FIRST, datetime.min.time(), UTC) - timedelta(hours=MARGIN)
        return [
            Hourly(first + timedelta(hours=hour), model, sums[hour, model], tokens)
            for (hour, model), tokens in counts.items()
        ]


def _date(day: int) -> date:
    return FIRST + timedelta(days=day)


def _hours_of(day: int, zone: int) -> range:
    start = MARGIN + day * 24 - zone
    return range(start, start + 24)


def _of_day(hours: list[int], day: int, zone: int) -> list[int]:
    start = MARGIN + day * 24 - zone
    return hours[start : start + 24]


def month(seed: int) -> Bill:
    """Sides that agree: a working week, a working day, and chance."""
    chance = random.Random(f"bills {seed}")
    ledger: dict[Series, list[int]] = {}
    for model, meters in PRICES.items():
        size, cached, written = chance.uniform(0.5, 2.5), chance.uniform(0.2, 0.6), chance.uniform(0.05, 0.2)
        batch = chance.uniform(0.05, 0.2) if chance.random() < 0.5 else 0.0
        peak = chance.uniform(8, 18)
        for hour in range(HOURS):
            day, clock = divmod(hour - MARGIN, 24)
            if hour % 24 == 0:
                level = chance.uniform(0.6, 1.4) * (0.35 if _date(day).weekday() > 4 else 1.0)
            busy = max(0.1, 1 - abs(clock - peak) / 10)
            whole = size * level * busy * chance.uniform(0.7, 1.3) * 400_000
            parts = {"cache_read": whole * cached, "output": whole * chance.uniform(0.08, 0.25)}
            if "cache_write_5m" in meters:
                parts["cache_write_5m"] = whole * written
            parts["input"] = whole - whole * cached
            for meter, tokens in parts.items():
                apart = int(tokens * batch) if meter in ("input", "output") else 0
                ledger.setdefault(Series(model, meter, ""), []).append(int(tokens) - apart)
                if batch and meter in ("input", "output"):
                    ledger.setdefault(Series(model, meter, "batch"), []).append(apart)
    return Bill(chance, ledger, {each: list(hours) for each, hours in ledger.items()})


# ---- noise -----------------------------------------------------------------------------------------------------------
def disturb(made: Bill) -> None:
    """What every real bill has: another time zone, amounts rounded, lines that come late, a few calls outside."""
    made.zone = made.chance.choice((0, 0, -8, -7, -5, 1, 2, 8))
    made.decimals = made.chance.choice((None, 6, 4, 2))
    end = HOURS - MARGIN - made.zone
    for each, hours in made.bill.items():
        for hour in range(MARGIN - made.zone, end):
            if made.chance.random() < 0.02:  # in the hours up to two days later
                later = hour + made.chance.randrange(1, 48)
                tokens = int(hours[hour] * made.chance.uniform(0.1, 0.6))
                hours[hour] -= tokens
                if later < end:
                    hours[later] += tokens
                else:
                    made.planted["not_billed"] -= tokens * each.unit
    outside(made, made.total * Decimal(made.chance.randrange(5, 25)) / 10_000)


# ---- gaps ------------------------------------------------------------------------------------------------------------
def cached_detail(made: Bill, amount: Decimal) -> None:
    """From some hour on, the ledger lost the detail of cached input."""
    left = amount
    start = made.chance.randrange(MARGIN, HOURS // 2)
    for hour in [*range(start, HOURS - MARGIN), *range(MARGIN, start)]:
        for model in PRICES:
            source, target = Series(model, "cache_read", ""), Series(model, "input", "")
            saved = target.unit - source.unit
            moved = min(made.ledger[source][hour], int(left / saved))
            left -= moved * saved
            made.ledger[source][hour] -= moved
            made.ledger[target][hour] += moved
    made.planted["cached_detail"] -= amount - left


def tier(made: Bill, amount: Decimal) -> None:
    """Usage was served as batch; the ledger has it as standard."""
    left = amount
    for each in [each for each in made.bill if not each.tier and each.meter in ("input", "output")]:
        batch = each._replace(tier="batch")
        made.bill.setdefault(batch, [0] * HOURS)
        for hour in range(MARGIN, HOURS - MARGIN):
            moved = min(int(made.bill[each][hour] * 0.7), int(left / (each.unit / 2)))
            left -= moved * (each.unit / 2)
            made.bill[each][hour] -= moved
            made.bill[batch][hour] += moved
    made.planted["tier"] -= amount - left


def price(made: Bill, amount: Decimal) -> None:
    """A dear model is billed at another price than the book has, from some day on."""
    costs = {model: _cost(made, model, range(DAYS)) for model in PRICES}
    model = made.chance.choice(sorted(costs, key=lambda name: -costs[name])[:3])
    after = made.chance.randrange(0, 12)
    factor = 1 + amount / _cost(made, model, range(after, DAYS))
    made.factors.update({(model, day): factor for day in range(after, DAYS)})
    made.planted["price"] += amount


def outside(made: Bill, amount: Decimal) -> None:
    """Calls with a key that the gateway does not have."""
    left = amount
    places = [(each, hour) for each in made.ledger for hour in range(MARGIN, HOURS - MARGIN)]
    made.chance.shuffle(places)
    for each, hour in places:
        extra = min(int(made.ledger[each][hour] * made.chance.uniform(0.5, 3)), int(left / each.unit))
        left -= extra * each.unit
        made.bill[each][hour] += extra
        if left <= 0:
            break
    made.planted["outside"] += amount - left


def not_billed(made: Bill, amount: Decimal) -> None:
    """Calls of another account than the bill is of."""
    left = amount
    models = made.chance.sample(sorted(PRICES), 2)
    for each in [each for each in made.bill if each.model in models]:
        for hour in range(MARGIN, HOURS - MARGIN):
            gone = min(int(made.bill[each][hour] * made.chance.uniform(0.1, 0.9)), int(left / each.unit))
            left -= gone * each.unit
            made.bill[each][hour] -= gone
    made.planted["not_billed"] -= amount - left


def unknown_model(made: Bill, amount: Decimal) -> None:
    """A model is billed that never passed through the gateway."""
    unit = Decimal(10) / MILLION
    quantity = int(amount / DAYS / unit)
    for day in range(DAYS):
        made.extras.append(
            Billed(1, _date(day), "o3-pro", "output", "", Decimal(quantity), quantity * unit, "USD")
        )  # fmt: skip
    made.planted["outside"] += quantity * DAYS * unit


def missing_days(made: Bill, amount: Decimal) -> None:
    """The export lacks days."""
    left = amount
    while left > 0:
        day = made.chance.choice([day for day in range(1, DAYS - 1) if day not in made.dropped])
        cost = sum((_cost(made, model, (day,)) for model in PRICES), Decimal(0))
        made.dropped.add(day)
        made.planted["missing_in_export"] -= cost
        left -= cost


def lost_days(made: Bill, amount: Decimal) -> None:
    """The gateway was passed by for whole days."""
    left = amount
    while left > 0:
        day = made.chance.randrange(1, DAYS - 1)
        cost = Decimal(0)
        for each, hours in made.ledger.items():
            for hour in _hours_of(day, 0):
                cost += hours[hour] * each.unit
                hours[hour] = 0
        made.planted["missing_in_ledger"] += cost
        left -= cost


def credit(made: Bill, amount: Decimal) -> None:
    """A free credit."""
    made.extras.append(
        Billed(9, _date(made.chance.randrange(DAYS)), "", "", None, None, -amount, "USD", "credit", "free credit")
    )
    made.planted["credit"] -= amount


def duplicate(made: Bill, amount: Decimal) -> None:
    """Rows stand on the bill twice."""
    left = amount
    places = [(each, day) for each in made.bill for day in range(DAYS)]
    made.chance.shuffle(places)
    for each, day in places:
        cost = sum(_of_day(made.bill[each], day, made.zone)) * each.unit
        if cost <= left * Decimal("1.2"):
            made.twice.add((each, day))
            made.planted["duplicate"] += cost
            left -= cost


def unpriced(made: Bill, amount: Decimal) -> None:
    """No price was known here for a model on some days."""
    left = amount
    for model, day in made.chance.sample([(model, day) for model in PRICES for day in range(DAYS)], k=150):
        cost = sum((each.unit * sum(_of_day(hours, day, 0)) for each, hours in made.ledger.items()
                    if each.model == model), Decimal(0))  # fmt: skip
        if cost <= left * Decimal("1.2"):
            made.unpriced.add((model, day))
            made.planted["unpriced"] += cost
            left -= cost


def _cost(made: Bill, model: str, days: Sequence[int]) -> Decimal:
    return sum(
        (each.unit * sum(_of_day(hours, day, made.zone)) for each, hours in made.bill.items() if each.model == model
         for day in days),
        Decimal(0),
    )  # fmt: skip


GAPS: dict[str, tuple[Callable[[Bill, Decimal], None], str]] = {
    "cached_detail": (cached_detail, "cached_detail"),
    "tier": (tier, "tier"),
    "price": (price, "price"),
    "outside": (outside, "outside"),
    "not_billed": (not_billed, "not_billed"),
    "unknown_model": (unknown_model, "outside"),
    "missing_days": (missing_days, "missing_in_export"),
    "lost_days": (lost_days, "missing_in_ledger"),
    "credit": (credit, "credit"),
    "duplicate": (duplicate, "duplicate"),
    "unpriced": (unpriced, "unpriced"),
}
"""Gap → how it is planted, the cause that must be found."""
