"""A month of a company, its ledger and the vendor's export of it, which agree exactly; and gaps to plant between them.

Pure and seeded. `Export` holds what a vendor would bill, as rows; every gap changes one side as the real cause would.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from costs.invoices.items import Billed, BilledLine, Booked, Collector

FIRST = date(2026, 6, 1)
DAYS = 30
PRICES = {
    "gpt-4.1": {"input": "2", "cache_read": "0.5", "output": "8"},
    "gpt-4.1-mini": {"input": "0.4", "cache_read": "0.1", "output": "1.6"},
    "claude-sonnet-4-5": {
        "input": "3", "cache_read": "0.3", "cache_write_5m": "3.75", "cache_write_1h": "6", "output": "15",
    },
    "o4-mini": {"input": "1.1", "cache_read": "0.275", "output": "4.4"},
}  # fmt: skip
TIER_FACTORS = {"batch": Decimal("0.5"), "flex": Decimal("0.5"), "priority": Decimal("1.75")}
MILLION = Decimal(1_000_000)


def unit(model: str, meter: str, tier: str = "") -> Decimal:
    return Decimal(PRICES[model][meter]) / MILLION * TIER_FACTORS.get(tier, Decimal(1))


class Book:
    """`Prices` of the tests. `former`: model → factor of the prices that stood before the month."""

    def __init__(self, former: dict[str, Decimal] | None = None) -> None:
        self.former = former or {}

    def unit(self, model: str, meter: str, day: date, tier: str = "") -> Decimal | None:
        return unit(model, meter, tier) if meter in PRICES.get(model, {}) else None

    def others(self, model: str, meter: str, day: date) -> Sequence[tuple[date, Decimal]]:
        if model not in self.former or meter not in PRICES.get(model, {}):
            return ()
        return ((date(2026, 1, 1), unit(model, meter) * self.former[model]),)


@dataclass(frozen=True)
class Use:
    """Tokens of a day, model, meter and tier."""

    day: date
    model: str
    meter: str
    tier: str
    quantity: int

    @property
    def cost(self) -> Decimal:
        return self.quantity * unit(self.model, self.meter, self.tier)


@dataclass
class Month:
    """The two sides. `rows`: use, unit price on the bill, how often the row stands there."""

    random: random.Random
    uses: list[Use]
    rows: list[tuple[Use, Decimal]]
    extras: list[Billed] = field(default_factory=list)
    booked: list[Use] = field(default_factory=list)
    unpriced: set[tuple[date, str]] = field(default_factory=set)
    repeated: list[tuple[Use, Decimal]] = field(default_factory=list)
    book: Book = field(default_factory=Book)
    total: Decimal = Decimal(0)

    def lines(self, *, decimals: int | None = None, quantities: bool = True, tiers: bool = True) -> list[BilledLine]:
        """The export, with amounts rounded to `decimals`, without quantities or tiers where it has none."""
        collector = Collector()
        rows = [(*row, False) for row in self.rows] + [(*row, True) for row in self.repeated]
        for number, (use, price, is_repeat) in enumerate(rows, 1):
            cost = use.quantity * price
            if decimals is not None:
                cost = cost.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
            quantity = Decimal(use.quantity) if quantities else None
            tier = use.tier if tiers else None
            collector.add(
                Billed(number, use.day, use.model, use.meter, tier, quantity, cost, "USD", is_repeat=is_repeat)
            )
        for extra in self.extras:
            collector.add(extra)
        return list(collector.lines.values())

    def ledger(self) -> list[Booked]:
        sums: dict[tuple[date, str, str, str], list[Decimal]] = {}
        for use in self.booked:
            sides = sums.setdefault((use.day, use.model, use.meter, use.tier), [Decimal(0)] * 3)
            if (use.day, use.model) in self.unpriced:
                sides[2] += use.quantity
            else:
                sides[0] += use.quantity
                sides[1] += use.cost
        return [Booked(*key, *sides) for key, sides in sums.items()]


def month(seed: int) -> Month:
    """Both sides agree to the last digit."""
    chance = random.Random(seed)
    uses = []
    for index in range(DAYS):
        day = FIRST + timedelta(days=index)
        for model, meters in PRICES.items():
            scale = chance.uniform(0.5, 1.5) * (0.4 if day.weekday() > 4 else 1.0)
            whole = int(scale * 4_000_000)
            cached = int(whole * chance.uniform(0.2, 0.5))
            parts = {"input": whole - cached, "cache_read": cached, "output": int(whole * chance.uniform(0.1, 0.3))}
            if "cache_write_5m" in meters:
                parts["cache_write_5m"] = int(whole * 0.05)
            for meter, quantity in parts.items():
                batch = int(quantity * 0.1) if model == "gpt-4.1" and meter != "cache_read" else 0
                uses.append(Use(day, model, meter, "", quantity - batch))
                if batch:
                    uses.append(Use(day, model, meter, "batch", batch))
    rows = [(use, unit(use.model, use.meter, use.tier)) for use in uses]
    return Month(chance, uses, rows, booked=list(uses), total=sum((use.cost for use in uses), Decimal(0)))


def cached_detail(made: Month, amount: Decimal) -> None:
    """The ledger lost the detail of cached input: it priced it as other input."""
    left = amount
    for index, use in enumerate(made.booked):
        if use.meter != "cache_read" or left <= 0:
            continue
        saved = unit(use.model, "input") - unit(use.model, "cache_read")
        moved = min(use.quantity, int(left / saved))
        left -= moved * saved
        made.booked[index] = replace(use, quantity=use.quantity - moved)
        made.booked.append(Use(use.day, use.model, "input", "", moved))


def tier(made: Month, amount: Decimal) -> None:
    """Usage was served as batch, and the ledger priced it as standard."""
    left = amount
    for index, (use, _) in enumerate(list(made.rows)):
        if use.tier or left <= 0:
            continue
        moved = min(use.quantity, int(left / (unit(use.model, use.meter) / 2)))
        left -= moved * unit(use.model, use.meter) / 2
        made.rows[index] = (replace(use, quantity=use.quantity - moved), unit(use.model, use.meter))
        made.rows.append((replace(use, quantity=moved, tier="batch"), unit(use.model, use.meter, "batch")))


def price(made: Month, amount: Decimal) -> None:
    """The vendor bills the dearest model at another price than the book has, from some day on."""
    model = "claude-sonnet-4-5"
    after = FIRST + timedelta(days=made.random.randrange(0, 12))
    concerned = [
        index for index, (use, _) in enumerate(made.rows) if use.model == model and use.day >= after and not use.tier
    ]
    base = sum((made.rows[index][0].cost for index in concerned), Decimal(0))
    factor = 1 + amount / base
    for index in concerned:
        use, known = made.rows[index]
        made.rows[index] = (use, known * factor)


def outside(made: Month, amount: Decimal) -> None:
    """Somebody calls the vendor with a key of their own: more quantity, at the same prices."""
    left = amount
    uses = list(made.uses)
    made.random.shuffle(uses)
    for use in uses:
        if left <= 0:
            break
        price_of = unit(use.model, use.meter, use.tier)
        extra = min(int(use.quantity * made.random.uniform(0.3, 0.9)), int(left / price_of))
        left -= extra * price_of
        made.rows.append((replace(use, quantity=extra), price_of))


def unknown_model(made: Month, amount: Decimal) -> None:
    """A model is billed that never passed through the gateway."""
    quantity = int(amount / DAYS / (Decimal(10) / MILLION))
    for index in range(DAYS):
        use = Use(FIRST + timedelta(days=index), "o3-pro", "output", "", quantity)
        made.rows.append((use, Decimal(10) / MILLION))


def missing_days(made: Month, amount: Decimal) -> None:
    """The export lacks days, until they come to the amount."""
    left = amount
    while left > 0:
        day = made.random.choice(sorted({use.day for use, _ in made.rows})[1:-1])
        left -= sum((use.quantity * rate for use, rate in made.rows if use.day == day), Decimal(0))
        made.rows = [(use, rate) for use, rate in made.rows if use.day != day]


def lost_days(made: Month, amount: Decimal) -> None:
    """The ledger lacks days: the gateway was passed by, or its usage was not imported."""
    left = amount
    while left > 0:
        day = made.random.choice(sorted({use.day for use in made.booked}))
        left -= sum((use.cost for use in made.booked if use.day == day), Decimal(0))
        made.booked = [use for use in made.booked if use.day != day]


def credit(made: Month, amount: Decimal) -> None:
    """A free credit on the bill."""
    day = FIRST + timedelta(days=made.random.randrange(DAYS))
    made.extras.append(Billed(9_000, day, "", "", None, None, -amount, "USD", "credit", "free credit"))


def duplicate(made: Month, amount: Decimal) -> None:
    """Rows are billed twice."""
    left = amount
    rows = list(made.rows)
    made.random.shuffle(rows)
    for use, rate in rows:
        if left <= 0:
            break
        left -= use.quantity * rate
        made.repeated.append((use, rate))


def unpriced(made: Month, amount: Decimal) -> None:
    """No price was known here for a model on some days."""
    left = amount
    for day, model in made.random.sample(sorted({(use.day, use.model) for use in made.uses}), k=120):
        if left <= 0:
            break
        left -= sum((use.cost for use in made.booked if (use.day, use.model) == (day, model)), Decimal(0))
        made.unpriced.add((day, model))


GAPS: dict[str, tuple[Callable[[Month, Decimal], None], str]] = {
    "cached_detail": (cached_detail, "cached_detail"),
    "tier": (tier, "tier"),
    "price": (price, "price"),
    "outside": (outside, "outside"),
    "unknown_model": (unknown_model, "outside"),
    "missing_days": (missing_days, "missing_in_export"),
    "lost_days": (lost_days, "missing_in_ledger"),
    "credit": (credit, "credit"),
    "duplicate": (duplicate, "duplicate"),
    "unpriced": (unpriced, "unpriced"),
}
"""Gap → how it is planted, the cause that must be found."""


def late_minutes(made: Month, share: float = 0.01) -> None:
    """Noise: calls around midnight count to the next day on the bill."""
    for index, (use, rate) in enumerate(list(made.rows)):
        if use.day < FIRST + timedelta(days=DAYS - 1) and not use.tier:
            moved = int(use.quantity * made.random.uniform(0, share))
            made.rows[index] = (replace(use, quantity=use.quantity - moved), rate)
            made.rows.append((replace(use, quantity=moved, day=use.day + timedelta(days=1)), rate))
