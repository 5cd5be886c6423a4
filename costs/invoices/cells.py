"""Both sides on one grid: model group × day × meter × tier, only as fine as the export is. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from costs.invoices.items import OUTPUT_PARTS, STATED, USAGE, ZERO, BilledLine, Booked
from costs.invoices.names import ALL, groups
from costs.pricing import meters as m

WHOLE = ""
"""The meter of a cost that is not split."""
CACHE_METERS = (m.CACHE_READ, m.CACHE_WRITE_5M, m.CACHE_WRITE_1H)
INPUT_SIDE = (m.INPUT, *CACHE_METERS)
_FOLDS = {
    m.CACHE_READ: m.INPUT, m.CACHE_WRITE_5M: m.INPUT, m.CACHE_WRITE_1H: m.CACHE_WRITE_5M, m.AUDIO_INPUT: m.INPUT,
    m.IMAGE_INPUT: m.INPUT, m.REASONING: m.OUTPUT, m.AUDIO_OUTPUT: m.OUTPUT, m.IMAGE_OUTPUT: m.OUTPUT,
}  # fmt: skip
_TOKENS = frozenset(m.TOKEN_METERS)


class Prices(Protocol):
    """The price book as reconciliation asks it. Amounts are per unit; None where nobody states one."""

    def unit(self, model: str, meter: str, day: date, tier: str = "") -> Decimal | None: ...

    def others(self, model: str, meter: str, day: date) -> Sequence[tuple[date, Decimal]]:
        """Prices that the book states for other times, with the day from which each stands."""
        ...


class Spot(NamedTuple):
    """A place on a model's grid. `tier` None: not told apart."""

    day: date
    meter: str
    tier: str | None


@dataclass(slots=True)
class Cell:
    """The two sides of a spot. Quantities of `None` are implied later. `rows`: of the export. `moved…`: how much more
    the ledger has in the vendor's day than in the UTC day of that name, where the vendor's zone is another one."""

    billed_quantity: Decimal | None = None
    billed_cost: Decimal | None = None
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    unpriced: Decimal = ZERO
    moved_quantity: Decimal = ZERO
    moved_cost: Decimal = ZERO
    rows: int = 0
    repeated_rows: int = 0
    repeated_quantity: Decimal = ZERO
    repeated_cost: Decimal = ZERO

    @property
    def utc_cost(self) -> Decimal:
        """The ledger's cost of the UTC day."""
        return self.cost - self.moved_cost

    @property
    def drift(self) -> Decimal:
        return (self.billed_cost or ZERO) - self.utc_cost


@dataclass(slots=True)
class ModelGrid:
    """One model group. `name` is the ledger's, `is_billed` and `is_booked` say on which sides it is. `whole_input`:
    the export does not tell cached input from the rest, so that the ledger's is summed up too."""

    name: str
    cells: dict[Spot, Cell] = field(default_factory=dict)
    is_billed: bool = False
    is_booked: bool = False
    whole_input: bool = False
    input_price: dict[date, Decimal] = field(default_factory=dict)

    def cell(self, spot: Spot) -> Cell:
        return self.cells.setdefault(spot, Cell())


def build(
    lines: Iterable[BilledLine], booked: Sequence[Booked], zoned: Sequence[Booked] | None = None
) -> list[ModelGrid]:
    """Grids by model group, in order of their names. Only usage lines; others have no model to be compared with.
    `zoned`: the ledger by the vendor's days, where they are not UTC's; it is what the bill is set against then."""
    usage = [line for line in lines if line.key.kind == USAGE]
    theirs, ours = groups({line.key.model for line in usage}, {row.model for row in (*booked, *(zoned or ()))})
    by_group: dict[str, tuple[list[BilledLine], list[Booked], list[Booked]]] = defaultdict(lambda: ([], [], []))
    for line in usage:
        by_group[theirs[line.key.model]][0].append(line)
    for row in booked if zoned is None else zoned:
        by_group[ours[row.model]][1].append(row)
    for row in () if zoned is None else booked:
        by_group[ours[row.model]][2].append(row)
    names_tiers = any(line.key.tier is not None for line in usage)  # then what it does not name is standard
    return [_grid(name, *sides, has_tiers=names_tiers) for name, sides in sorted(by_group.items())]


def _grid(
    name: str, lines: Sequence[BilledLine], booked: Sequence[Booked], utc: Sequence[Booked], *, has_tiers: bool
) -> ModelGrid:
    """`utc`: the ledger by UTC days where `booked` is by others."""
    grid = ModelGrid(name, is_billed=bool(lines), is_booked=bool(booked))
    has_tiers = has_tiers and name != ALL
    fold = _fold_of(lines, (*booked, *utc))
    grid.whole_input = fold.get(m.CACHE_READ) == m.INPUT
    for line in lines:
        tier = line.key.tier or "" if has_tiers else None
        cell = grid.cell(Spot(line.key.day, fold.get(line.key.meter, line.key.meter), tier))
        cell.rows += line.rows
        cell.repeated_rows += line.repeated_rows
        cell.repeated_quantity += line.repeated_quantity
        cell.repeated_cost += line.repeated_cost
        if line.quantity is not None:
            cell.billed_quantity = (cell.billed_quantity or ZERO) + line.quantity
        if line.cost is not None:
            cell.billed_cost = (cell.billed_cost or ZERO) + line.cost
    for row in booked:
        tier = row.tier if has_tiers else None
        cell = grid.cell(Spot(row.day, fold.get(row.meter, row.meter), tier))
        cell.quantity += row.quantity
        cell.cost += row.cost
        cell.unpriced += row.unpriced
        if row.meter == m.INPUT and row.quantity:
            grid.input_price[row.day] = row.cost / row.quantity
    if utc:
        _set_apart(grid, utc, fold, has_tiers=has_tiers)
    if WHOLE in fold.values():
        for cell in grid.cells.values():  # quantities of different meters do not add up: money is compared
            cell.billed_quantity = None
            cell.quantity, cell.moved_quantity = cell.cost, cell.moved_cost
    return grid


def _set_apart(grid: ModelGrid, utc: Iterable[Booked], fold: Mapping[str, str], *, has_tiers: bool) -> None:
    for row in utc:
        grid.cell(Spot(row.day, fold.get(row.meter, row.meter), row.tier if has_tiers else None))
    for cell in grid.cells.values():
        cell.moved_quantity, cell.moved_cost = cell.quantity + cell.unpriced, cell.cost
    for row in utc:
        cell = grid.cell(Spot(row.day, fold.get(row.meter, row.meter), row.tier if has_tiers else None))
        cell.moved_quantity -= row.quantity + row.unpriced
        cell.moved_cost -= row.cost


def _fold_of(lines: Sequence[BilledLine], booked: Sequence[Booked]) -> Mapping[str, str]:
    """Meter → the meter it is compared in. Everything is `WHOLE` when the export has a cost that is not split."""
    stated = {line.key.meter for line in lines}
    known = stated | {row.meter for row in booked}
    if WHOLE in stated or (lines and STATED in known):
        return dict.fromkeys(known, WHOLE)
    fold = {meter: _FOLDS[meter] for meter in OUTPUT_PARTS & known}
    if not lines:
        return fold
    for meter in known - stated - fold.keys():
        at = meter
        while at not in stated and at in _FOLDS:
            at = _FOLDS[at]
        if at != meter:
            fold[meter] = at
    return fold
