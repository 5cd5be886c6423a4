"""A change of cost split into price, volume, mix, size, cache and retry effects that add up exactly. Pure.

A chain of substitutions, each step on top of the ones before, in decimals of 60 digits: all requests grow alike at the
old mix (volume); parts get their new shares (mix); requests get their new tokens (size); input tokens move between
plain, read and written (cache); prices change (price). Retries are taken out first. Rounded once, at the end: the
rounding difference goes to the largest effect, so the sum is the change to the last digit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, localcontext

DIGITS = 60
"""More than any sum of money and tokens needs; what is not exact is far below what is shown."""
CENT = Decimal("0.0000000001")
INPUT_METERS = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Cell:
    """One part of a window (a model of a project, say). `requests`: final outcomes. `quantities`, `costs`: by meter,
    without retries; `retry_cost`: of attempts that were not the last."""

    requests: int
    quantities: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]
    retry_cost: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        return sum(self.costs.values(), Decimal(0)) + self.retry_cost


EMPTY = Cell(0, {}, {})


@dataclass(frozen=True, slots=True)
class Effects:
    """Amounts in the currency of the costs; their sum is `change`."""

    price: Decimal
    volume: Decimal
    mix: Decimal
    size: Decimal
    cache: Decimal
    retry: Decimal
    change: Decimal = field(default=Decimal(0))

    @property
    def parts(self) -> dict[str, Decimal]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "change"}


def decompose(before: Mapping[str, Cell], after: Mapping[str, Cell]) -> Effects:
    """Effects between two windows of equal meaning; cells are matched by name.

    A cell that is new is mix at its own prices, as is one that went. Without any request before, everything is volume.
    """
    names = sorted(before.keys() | after.keys())
    pairs = [(before.get(name, EMPTY), after.get(name, EMPTY)) for name in names]
    parts = dict.fromkeys(("price", "volume", "mix", "size", "cache", "retry"), NOTHING)
    with localcontext(prec=DIGITS):
        change = sum((new.total - old.total for old, new in pairs), NOTHING)
        parts["retry"] = sum((new.retry_cost - old.retry_cost for old, new in pairs), NOTHING)
        earlier, later = sum(old.requests for old, _ in pairs), sum(new.requests for _, new in pairs)
        if not earlier:
            parts["volume"] = change - parts["retry"]
            return _rounded(parts, change)
        growth = Decimal(later) / earlier
        for old, new in pairs:
            for name, amount in _steps(old, new, growth).items():
                parts[name] += amount
        return _rounded(parts, change)


def _steps(old: Cell, new: Cell, growth: Decimal) -> dict[str, Decimal]:
    """The chain for one cell, from its old cost to its new one."""
    first, last = _sum(old.costs), _sum(new.costs)
    grown = first * growth
    steps = {"volume": grown - first}
    if not old.requests or not new.requests:
        return steps | {"mix": last - grown}
    mixed = first * Decimal(new.requests) / old.requests
    prices = {meter: _price(old, new, meter) for meter in new.quantities.keys() | new.costs.keys()}
    at_old_prices = sum((_of(new.quantities, meter) * price for meter, price in prices.items()), NOTHING)
    at_old_shares = at_old_prices - _moved(old, new, prices)
    return steps | {
        "mix": mixed - grown,
        "size": at_old_shares - mixed,
        "cache": at_old_prices - at_old_shares,
        "price": last - at_old_prices,
    }


def _moved(old: Cell, new: Cell, prices: Mapping[str, Decimal]) -> Decimal:
    """What input costs more because it is divided otherwise between plain, read and written tokens, at old prices."""
    all_old = sum((_of(old.quantities, meter) for meter in INPUT_METERS), NOTHING)
    all_new = sum((_of(new.quantities, meter) for meter in INPUT_METERS), NOTHING)
    if not all_old or not all_new:
        return NOTHING
    moved = NOTHING
    for meter in INPUT_METERS:
        as_before = all_new * _of(old.quantities, meter) / all_old
        moved += (_of(new.quantities, meter) - as_before) * prices.get(meter, _price(old, new, meter))
    return moved


def _price(old: Cell, new: Cell, meter: str) -> Decimal:
    """The old price of a meter; the new one where there was none."""
    for cell in (old, new):
        quantity = _of(cell.quantities, meter)
        if quantity:
            return _of(cell.costs, meter) / quantity
    return NOTHING


def _of(values: Mapping[str, Decimal], meter: str) -> Decimal:
    return values.get(meter, NOTHING)


def _sum(values: Mapping[str, Decimal]) -> Decimal:
    return sum(values.values(), NOTHING)


def _rounded(parts: Mapping[str, Decimal], change: Decimal) -> Effects:
    amounts = {name: value.quantize(CENT) + 0 for name, value in parts.items()}  # never a negative nothing
    largest = max(amounts, key=lambda name: abs(amounts[name]))
    amounts[largest] += change - sum(amounts.values(), Decimal(0))
    return Effects(**amounts, change=change)
