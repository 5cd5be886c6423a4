"""What makes a bill differ from the ledger, taken apart into amounts that sum exactly to the difference. Pure.

For each model, in this order; every step works on what the steps before have left over. Where the vendor's days are
not UTC's, the ledger is compared by the vendor's days, and what that moves from day to day is a matter of time.

1. whole days that one side lacks; whole models that the ledger does not know;
2. rows that stand in the export twice, as far as the bill is higher than the ledger;
3. usage that the ledger has without a price: the billed amount of that usage;
4. tokens in another tier than here: the tokens that moved, times the difference of the two tiers' prices;
5. tokens in another class of input than here (cached or not): the same with the classes' prices;
6. the price: the quantity that both sides have, times the difference of unit prices;
7. quantity: what is left over in one day and lacks in one of the next two is a matter of time, the rest was billed and
   not booked (calls outside of the gateway) or booked and not billed;
8. differences within what rounding to the export's last digit can make, and what none of this explains.

With B, b the billed quantity and unit price and L, l the ledger's after steps 4 and 5: Bb − Ll = min(B, L)(b − l) +
(B − L)⁺b − (L − B)⁺l, the usual split of a variance into price and volume.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from costs.invoices.cells import INPUT_SIDE, WHOLE, Cell, ModelGrid, Prices, Spot
from costs.invoices.items import LONG_CONTEXT, ZERO
from costs.pricing import meters as m

CACHED, TIER, PRICE = "cached_detail", "tier", "price"
OUTSIDE, UNBILLED, TIMING = "outside", "not_billed", "timing"
NOT_IN_EXPORT, NOT_IN_LEDGER = "missing_in_export", "missing_in_ledger"
DUPLICATE, UNPRICED, CREDIT = "duplicate", "unpriced", "credit"
ROUNDING, UNEXPLAINED = "rounding", "unexplained"
CAUSES = (
    CACHED, TIER, PRICE, OUTSIDE, UNBILLED, TIMING, NOT_IN_EXPORT, NOT_IN_LEDGER, DUPLICATE, UNPRICED, CREDIT, ROUNDING,
    UNEXPLAINED,
)  # fmt: skip
SAME_PRICE = Decimal("0.0005")
"""Unit prices that differ by less are one price."""
STEADY = Decimal("0.01")
LATE_SHARE = Decimal("0.05")
TIMING_SHARE = Decimal("0.08")
MOST_DAYS_LATE = 2
DAYS_FOR_STEADY = 3
TIERS = ("batch", "flex", "priority", LONG_CONTEXT)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Effect:
    """A part of the difference. `quantity` in the meter's unit, `billed_price` and `price` per unit where they matter;
    `detail` names what the price or the move is."""

    cause: str
    day: date
    model: str
    meter: str
    amount: Decimal
    quantity: Decimal = ZERO
    billed_price: Decimal | None = None
    price: Decimal | None = None
    detail: str = ""


@dataclass(slots=True)
class Context:
    """What of the whole invoice a model's effects depend on. `short_days`: the export ends within them.
    `partly_booked`: the ledger lacks a UTC day that reaches into them. `half_digit`: the most that one rounded row is
    off. `ahead`: hours by which the vendor's days begin before UTC's."""

    prices: Prices
    billed_days: frozenset[date]
    booked_days: frozenset[date]
    short_days: frozenset[date] = frozenset()
    partly_booked: frozenset[date] = frozenset()
    half_digit: Decimal = ZERO
    ahead: int = 0


@dataclass(slots=True)
class _Left:
    """What a spot has left to be explained: quantities and unit prices after the steps so far."""

    spot: Spot
    cell: Cell
    billed: Decimal
    billed_price: Decimal
    booked: Decimal
    price: Decimal

    @property
    def gap(self) -> Decimal:
        return self.billed - self.booked


@dataclass(slots=True)
class _Model:
    """One model group on its way through the steps."""

    grid: ModelGrid
    context: Context
    found: list[Effect] = field(default_factory=list)

    def add(self, cause: str, spot: Spot, amount: Decimal, quantity: Decimal = ZERO, *,
            billed_price: Decimal | None = None, price: Decimal | None = None, detail: str = "") -> None:  # fmt: skip
        if amount or quantity:
            self.found.append(
                Effect(cause, spot.day, self.grid.name, spot.meter, amount, quantity, billed_price, price, detail)
            )


def effects_of(grid: ModelGrid, context: Context) -> list[Effect]:
    """All effects of a model group; their amounts sum to its drift."""
    model = _Model(grid, context)
    spots = dict(grid.cells)
    zone = f"the vendor's days are those of UTC{context.ahead:+}"
    for spot, cell in spots.items():
        model.add(TIMING, spot, cell.moved_cost, abs(cell.moved_quantity), detail=zone)
    for spot in _whole_gaps(model, spots):
        del spots[spot]
    left = [_left(model, spot, cell) for spot, cell in sorted(spots.items(), key=lambda item: _order(item[0]))]
    _imply_quantities(left)
    for one in left:
        _duplicates(model, one)
        _unpriced(model, one)
    by_day: dict[date, list[_Left]] = defaultdict(list)
    for one in left:
        by_day[one.spot.day].append(one)
    for day_left in by_day.values():
        _moved_tiers(model, day_left)
        _moved_classes(model, day_left)
    _prices(model, by_day)
    _volumes(model, left)
    return model.found + _remainders(model)


def _order(spot: Spot) -> tuple[date, str, str]:
    return spot.day, spot.meter, spot.tier or ""


def _whole_gaps(model: _Model, spots: dict[Spot, Cell]) -> Iterator[Spot]:
    """Step 1: spots that are explained by what one side lacks altogether."""
    grid, context = model.grid, model.context
    for spot, cell in list(spots.items()):
        billed = cell.billed_cost or ZERO
        if spot.day not in context.billed_days:
            model.add(NOT_IN_EXPORT, spot, -cell.cost, cell.quantity)
        elif spot.day not in context.booked_days and context.booked_days:
            model.add(NOT_IN_LEDGER, spot, billed, cell.billed_quantity or ZERO)
        elif not grid.is_booked:
            repeated = cell.repeated_cost
            model.add(DUPLICATE, spot, repeated, cell.repeated_quantity)
            model.add(
                OUTSIDE, spot, billed - repeated, (cell.billed_quantity or ZERO) - cell.repeated_quantity,
                detail="no call of this model is in the ledger",
            )  # fmt: skip
        elif not grid.is_billed:
            model.add(UNBILLED, spot, -cell.cost, cell.quantity, detail="the export does not have this model")
        else:
            continue
        yield spot


def _left(model: _Model, spot: Spot, cell: Cell) -> _Left:
    billed_cost, quantity = cell.billed_cost or ZERO, cell.billed_quantity
    price = cell.cost / cell.quantity if cell.quantity else None
    if price is None:
        known = Decimal(1) if spot.meter == WHOLE else model.context.prices.unit(
            model.grid.name, spot.meter, spot.day, spot.tier or ""
        )  # fmt: skip
        price = known if known is not None else (billed_cost / quantity if quantity else Decimal(1))
    if quantity is None:  # implied from the money; `_imply_quantities` takes it back where the price is another one
        quantity = billed_cost / price if price else cell.quantity
    billed_price = billed_cost / quantity if quantity else price
    return _Left(spot, cell, quantity, billed_price, cell.quantity, price)


def _imply_quantities(left: Sequence[_Left]) -> None:
    """Costs without quantities: a ratio to ours that is the same on every day is a price; one that varies is volume."""
    by_meter: dict[tuple[str, str | None], list[_Left]] = defaultdict(list)
    for one in left:
        if one.cell.billed_quantity is None and one.cell.billed_cost and one.cell.cost and one.booked:
            by_meter[one.spot.meter, one.spot.tier].append(one)
    for same in by_meter.values():
        ratios = sorted(one.cell.billed_cost / one.cell.cost for one in same if one.cell.billed_cost)
        middle = ratios[len(ratios) // 2]
        is_steady = len(ratios) >= DAYS_FOR_STEADY and ratios[-1] - ratios[0] <= STEADY * abs(middle)
        if is_steady and abs(middle - 1) > SAME_PRICE:
            for one in same:
                one.billed, one.billed_price = one.booked, (one.cell.billed_cost or ZERO) / one.booked


def _duplicates(model: _Model, one: _Left) -> None:
    cell = one.cell
    if not cell.repeated_rows:
        return
    if cell.billed_quantity is None:
        excess, repeated = (cell.billed_cost or ZERO) - cell.cost, cell.repeated_cost
    else:
        excess, repeated = one.gap - cell.unpriced, cell.repeated_quantity
    if repeated <= 0 or excess * 2 < repeated:
        return  # the ledger has that usage as often: the rows are not the same calls
    quantity = cell.repeated_quantity or cell.repeated_cost / (one.billed_price or Decimal(1))
    model.add(
        DUPLICATE, one.spot, quantity * one.billed_price, quantity, billed_price=one.billed_price,
        detail=f"{cell.repeated_rows} rows stand in the export more than once",
    )  # fmt: skip
    one.billed -= quantity


def _unpriced(model: _Model, one: _Left) -> None:
    quantity = min(one.cell.unpriced, max(one.gap, ZERO))
    if one.spot.meter == WHOLE:  # money: tokens without a price are as much of it as nothing else accounts for
        quantity = max(one.gap, ZERO) if one.cell.unpriced and not one.cell.quantity else ZERO
    if quantity > 0:
        model.add(UNPRICED, one.spot, quantity * one.billed_price, quantity, billed_price=one.billed_price)
        one.billed -= quantity


def _moved_tiers(model: _Model, left: Sequence[_Left]) -> None:
    """Step 4, where the export names tiers."""
    by_meter: dict[str, list[_Left]] = defaultdict(list)
    for one in left:
        by_meter[one.spot.meter].append(one)
    for same in by_meter.values():
        for source, target, quantity in _moves(same):
            amount = quantity * (target.price - source.price)
            names = f"{source.spot.tier or 'standard'} here, {target.spot.tier or 'standard'} on the bill"
            _move(model, TIER, source, target, quantity, amount, names)


def _moved_classes(model: _Model, left: Sequence[_Left]) -> None:
    """Step 5: tokens that are cached input on one side and other input on the other."""
    inputs = [one for one in left if one.spot.meter in INPUT_SIDE]
    for source, target, quantity in _moves(inputs):
        amount = quantity * (target.price - source.price)
        names = f"{_words(source.spot.meter)} here, {_words(target.spot.meter)} on the bill"
        _move(model, CACHED, source, target, quantity, amount, names)


def _words(meter: str) -> str:
    return meter.replace("_", " ")


def _move(
    model: _Model, cause: str, source: _Left, target: _Left, quantity: Decimal, amount: Decimal, detail: str
) -> None:
    model.add(
        cause, target.spot, amount, quantity, billed_price=target.price, price=source.price, detail=detail,
    )  # fmt: skip
    source.booked -= quantity
    target.booked += quantity


def _moves(spots: Sequence[_Left]) -> Iterator[tuple[_Left, _Left, Decimal]]:
    """From spots where the ledger has too much to those where it has too little, as far as they balance."""
    lacking = sorted((one for one in spots if one.gap > 0), key=lambda one: -one.gap)
    excess = sorted((one for one in spots if one.gap < 0), key=lambda one: one.gap)
    for target in lacking:
        for source in excess:
            quantity = min(target.gap, -source.gap)
            if quantity > 0:
                yield source, target, quantity


def _prices(model: _Model, by_day: dict[date, list[_Left]]) -> None:
    """Step 6."""
    different = {
        day: [one for one in left if min(one.billed, one.booked) > 0 and _differs(model, one)]
        for day, left in by_day.items()
    }
    mixed = _is_mixture(model, different)
    for left in different.values():
        cause, detail = _price_cause(model, left, is_mixture=mixed)
        for one in left:
            quantity = min(one.billed, one.booked)
            is_full = model.grid.whole_input and one.spot.meter == m.INPUT and _is_undiscounted(model, one)
            model.add(
                CACHED if is_full else cause, one.spot, quantity * (one.billed_price - one.price), quantity,
                billed_price=one.billed_price, price=one.price,
                detail="cached input is billed at the price of other input" if is_full else detail,
            )  # fmt: skip


def _differs(model: _Model, one: _Left) -> bool:
    gap = one.billed_price - one.price
    if abs(gap) <= SAME_PRICE * abs(one.price):
        return False
    return abs(gap * min(one.billed, one.booked)) > model.context.half_digit * one.cell.rows


def _is_undiscounted(model: _Model, one: _Left) -> bool:
    """Whether whole input is billed at our price of input that is not cached."""
    full = model.grid.input_price.get(one.spot.day)
    return full is not None and abs(one.billed_price - full) <= SAME_PRICE * 4 * full


def _price_cause(model: _Model, left: Sequence[_Left], *, is_mixture: bool) -> tuple[str, str]:
    """A price of another time, a tier's price, or a price that the book does not have."""
    if not left:
        return PRICE, ""
    prices, name = model.context.prices, model.grid.name
    if left[0].spot.meter == WHOLE:
        return PRICE, "every day costs the same share more or less than here"
    for at in _versions(model, left):
        return PRICE, f"the price book has this price from {at:%Y-%m-%d} on"
    for tier in TIERS:
        known = [(one, prices.unit(name, one.spot.meter, one.spot.day, tier)) for one in left]
        if all(unit is not None and _near(one.billed_price, unit) for one, unit in known):
            return TIER, f"billed at the price of {tier.replace('_', ' ')}"
    if is_mixture:
        return TIER, "a part is billed at another tier's price: the share differs from day to day"
    return PRICE, "the price book does not have this price"


def _versions(model: _Model, left: Sequence[_Left]) -> list[date]:
    """Days from which the book states exactly the billed prices, for every meter."""
    found: list[set[date]] = []
    for one in left:
        others = model.context.prices.others(model.grid.name, one.spot.meter, one.spot.day)
        found.append({day for day, unit in others if _near(one.billed_price, unit)})
    return sorted(set.intersection(*found)) if found else []


def _is_mixture(model: _Model, different: dict[date, list[_Left]]) -> bool:
    """Whether the price is lower or higher by one share for every meter of a day, and by another on the next day."""
    shares = []
    for left in different.values():
        ratios = sorted(one.billed_price / one.price for one in left if one.price)
        if len(ratios) < 2 or ratios[-1] - ratios[0] > STEADY * ratios[0]:
            continue
        shares.append(ratios[0])
    return len(shares) >= DAYS_FOR_STEADY and max(shares) - min(shares) > 2 * STEADY * min(shares)


def _near(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= SAME_PRICE * 2 * abs(other)


def _volumes(model: _Model, left: Sequence[_Left]) -> None:
    """Step 7."""
    by_meter: dict[tuple[str, str | None], list[_Left]] = defaultdict(list)
    for one in left:
        by_meter[one.spot.meter, one.spot.tier].append(one)
    for same in by_meter.values():
        at = {one.spot.day: one for one in same}
        for days in range(1, MOST_DAYS_LATE + 1):
            for before in same:
                if after := at.get(before.spot.day + days * ONE_DAY):
                    _late(model, before, after, days)
    for one in left:
        if one.gap > 0:
            is_lost = one.spot.day in model.context.partly_booked
            cause, detail = (NOT_IN_LEDGER, "the ledger lacks a part of this day") if is_lost else (OUTSIDE, "")
            amount = one.gap * one.billed_price
            model.add(cause, one.spot, amount, one.gap, billed_price=one.billed_price, detail=detail)
        elif one.gap < 0:
            is_short = one.spot.day in model.context.short_days
            cause, detail = (NOT_IN_EXPORT, "the export ends before the day does") if is_short else (UNBILLED, "")
            model.add(cause, one.spot, one.gap * one.price, -one.gap, price=one.price, detail=detail)


def _late(model: _Model, before: _Left, after: _Left, days: int) -> None:
    """Calls around midnight that the two sides count to different days, and lines that come some days late."""
    if before.gap * after.gap >= 0:
        return
    quantity = min(abs(before.gap), abs(after.gap))
    if quantity > TIMING_SHARE * max(before.booked, after.booked):
        return
    detail = "counted to the day before or after" if days == 1 else f"counted {days} days before or after"
    for one in (before, after):
        sign = 1 if one.gap > 0 else -1
        amount = sign * quantity * (one.billed_price if sign > 0 else one.price)
        model.add(TIMING, one.spot, amount, quantity, detail=detail)
        one.billed -= max(sign, 0) * quantity
        one.booked -= max(-sign, 0) * quantity


def _remainders(model: _Model) -> list[Effect]:
    """Step 8: what the amounts above leave of each day, as rounding where the export's last digit explains it."""
    explained: dict[date, Decimal] = defaultdict(Decimal)
    for effect in model.found:
        explained[effect.day] += effect.amount
    rows: dict[date, int] = defaultdict(int)
    drift: dict[date, Decimal] = defaultdict(Decimal)
    for spot, cell in model.grid.cells.items():
        rows[spot.day] += cell.rows
        drift[spot.day] += cell.drift
    found = []
    for day, total in drift.items():
        rest = total - explained[day]
        if rest:
            bound = max(model.context.half_digit, Decimal("1e-6")) * max(rows[day], 1) + abs(total) * SAME_PRICE
            bound = max(bound, SAME_PRICE * sum(
                (cell.cost for spot, cell in model.grid.cells.items() if spot.day == day), ZERO
            ))  # fmt: skip
            cause = ROUNDING if abs(rest) <= bound else UNEXPLAINED
            found.append(Effect(cause, day, model.grid.name, "", rest))
    return found
