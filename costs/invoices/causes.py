"""The whole comparison: head figures, drift by day, model and meter, causes ranked by what they explain. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from costs.invoices import effects as e
from costs.invoices.cells import WHOLE, ModelGrid, Prices, Spot, build
from costs.invoices.items import USAGE, ZERO, BilledLine, Booked, Zoned, percent
from costs.invoices.names import ALL
from costs.invoices.words import arithmetic, sentence

PRECISION = 40
CENT = Decimal("1e-10")
MOST_PARTS = 5
NEGLIGIBLE = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Part:
    """What a cause explains for one model and meter, with the arithmetic of its largest day."""

    model: str
    meter: str
    amount: Decimal
    quantity: Decimal
    days: int
    arithmetic: str


@dataclass(frozen=True, slots=True)
class Cause:
    """`amount` is signed: positive where the bill is higher than the ledger. `share` of the sum of all amounts without
    their signs."""

    kind: str
    amount: Decimal
    share: float
    first_on: date
    last_on: date
    days: int
    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class DriftCell:
    """One day, model and meter. Sides that do not state a figure have None. `causes`: kind → amount."""

    day: date
    model: str
    meter: str
    billed_quantity: Decimal | None
    ledger_quantity: Decimal | None
    billed_cost: Decimal | None
    ledger_cost: Decimal
    drift: Decimal
    cause: str
    causes: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`billed` is everything on the bill, `billed_usage` without credits, taxes and fees; `drift` = billed − ledger,
    and the causes sum to it. `unpriced_share`: of the billed usage, what the ledger has without a price."""

    billed: Decimal
    billed_usage: Decimal
    ledger: Decimal
    drift: Decimal
    drift_percent: Decimal | None
    causes: tuple[Cause, ...]
    cells: tuple[DriftCell, ...]
    unpriced_share: float
    has_costs: bool


@dataclass(slots=True)
class _Work:
    effects: list[e.Effect] = field(default_factory=list)
    cells: list[DriftCell] = field(default_factory=list)


def reconcile(
    lines: Sequence[BilledLine], booked: Sequence[Booked], prices: Prices, *, decimals: int = 10,
    zoned: Zoned | None = None,
) -> Outcome:  # fmt: skip
    """Both sides of the same window, in one currency. `decimals`: of the export's amounts, for what rounding can do.
    `zoned`: the ledger by the vendor's days where they are not UTC's (`zones`); what that moves is a matter of time."""
    with localcontext() as context:
        context.prec = PRECISION
        has_costs = any(line.cost is not None for line in lines)
        grids = build(lines, booked, zoned.booked if zoned else None)
        if not has_costs:
            _value(grids, prices)
        work = _Work()
        for line in lines:
            if line.key.kind != USAGE:
                work.effects.append(_other(line))
        around = _context(lines, booked, grids, prices, decimals, zoned)
        for grid in grids:
            found = e.effects_of(grid, around)
            work.effects += found
            work.cells += _cells(grid, found, has_costs=has_costs)
        return _outcome(lines, booked, work, has_costs=has_costs, grids=grids)


def _value(grids: Iterable[ModelGrid], prices: Prices) -> None:
    """An export of quantities alone is valued at the ledger's own prices, so that its gaps have amounts."""
    for grid in grids:
        for spot, cell in grid.cells.items():
            if cell.billed_quantity is None:
                continue
            if cell.quantity:
                price = cell.cost / cell.quantity
            else:
                price = prices.unit(grid.name, spot.meter, spot.day, spot.tier or "") or ZERO
            cell.billed_cost = cell.billed_quantity * price
            cell.repeated_cost = cell.repeated_quantity * price


def _other(line: BilledLine) -> e.Effect:
    key = line.key
    label = key.label or key.kind
    return e.Effect(e.CREDIT, key.day, key.model, key.kind, line.cost or ZERO, detail=f"{key.kind}: {label}")


def _context(
    lines: Sequence[BilledLine], booked: Sequence[Booked], grids: Sequence[ModelGrid], prices: Prices, decimals: int,
    zoned: Zoned | None,
) -> e.Context:  # fmt: skip
    billed = frozenset(line.key.day for line in lines if line.key.kind == USAGE and (line.quantity or line.cost))
    known, partly = _days(booked), frozenset[date]()
    if zoned:
        lost = billed - known
        partly = lost | {day - e.ONE_DAY if zoned.ahead < 0 else day + e.ONE_DAY for day in lost}
        known = _days(zoned.booked)
    short = {max(billed)} if billed and _is_short(max(billed), grids) else set()
    # what is finer than eight digits is a number that was computed, not one that was rounded for a bill
    half = Decimal(5).scaleb(-decimals - 1) if decimals <= 8 else ZERO
    return e.Context(prices, billed, known, frozenset(short), partly, half, zoned.ahead if zoned else 0)


def _days(booked: Iterable[Booked]) -> frozenset[date]:
    return frozenset(row.day for row in booked if row.quantity or row.cost or row.unpriced)


def _is_short(day: date, grids: Sequence[ModelGrid]) -> bool:
    """Whether on this day every model of at least two, or the only one, was billed clearly less than was used."""
    found = []
    for grid in grids:
        cells = [cell for spot, cell in grid.cells.items() if spot.day == day]
        cost = sum((cell.cost for cell in cells), ZERO)
        if cost:
            billed = sum((cell.billed_cost or ZERO for cell in cells), ZERO)
            found.append(cost - billed > e.LATE_SHARE * cost)
    return bool(found) and all(found)


def _cells(grid: ModelGrid, found: Sequence[e.Effect], *, has_costs: bool) -> list[DriftCell]:
    """Tiers summed up; each with the causes of its day and meter."""
    amounts: dict[tuple[date, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for effect in found:
        amounts[effect.day, effect.meter][effect.cause] += effect.amount
    spots: dict[tuple[date, str], list[Spot]] = defaultdict(list)
    for spot in grid.cells:
        spots[spot.day, spot.meter].append(spot)
    result = []
    for (day, meter), same in sorted(spots.items()):
        cells = [grid.cells[spot] for spot in same]
        quantities = [cell.billed_quantity for cell in cells if cell.billed_quantity is not None]
        costs = [cell.billed_cost for cell in cells if cell.billed_cost is not None]
        cost = sum((cell.utc_cost for cell in cells), ZERO)
        billed = sum(costs, ZERO)
        causes = {kind: _round(amount) for kind, amount in amounts[day, meter].items() if abs(amount) > NEGLIGIBLE}
        result.append(
            DriftCell(
                day, grid.name, meter, sum(quantities, ZERO) if quantities else None,
                None if meter == WHOLE else sum(
                    (cell.quantity + cell.unpriced - cell.moved_quantity for cell in cells), ZERO
                ),
                _round(billed) if has_costs else None, _round(cost), _round(billed - cost),
                max(causes, key=lambda kind: abs(causes[kind])) if causes else "", causes,
            )
        )  # fmt: skip
    return result


def _outcome(
    lines: Sequence[BilledLine], booked: Sequence[Booked], work: _Work, *, has_costs: bool, grids: Sequence[ModelGrid]
) -> Outcome:
    usage = sum((cell.billed_cost or ZERO for grid in grids for cell in grid.cells.values()), ZERO)
    others = sum((line.cost or ZERO for line in lines if line.key.kind != USAGE), ZERO)
    ledger = sum((row.cost for row in booked), ZERO)
    drift = usage + others - ledger
    causes = _ranked(work.effects, drift)
    unpriced = sum((effect.amount for effect in work.effects if effect.cause == e.UNPRICED), ZERO)
    base = usage + others
    return Outcome(
        _round(base), _round(usage), _round(ledger), _round(drift),
        percent(drift, base), causes, tuple(sorted(work.cells, key=lambda cell: (cell.day, cell.model, cell.meter))),
        float(unpriced / usage) if usage else 0.0, has_costs,
    )  # fmt: skip


def _ranked(effects: Sequence[e.Effect], drift: Decimal) -> tuple[Cause, ...]:
    by_kind: dict[str, list[e.Effect]] = defaultdict(list)
    for effect in effects:
        by_kind[effect.cause].append(effect)
    sums = {kind: sum((effect.amount for effect in same), ZERO) for kind, same in by_kind.items()}
    rounded = {kind: _round(amount) for kind, amount in sums.items()}
    if rest := _round(drift) - sum(rounded.values(), ZERO):
        rounded[e.ROUNDING] = rounded.get(e.ROUNDING, ZERO) + rest
    everything = sum((abs(amount) for amount in rounded.values()), ZERO)
    ranked = sorted(rounded, key=lambda kind: (-abs(rounded[kind]), e.CAUSES.index(kind)))
    return tuple(
        _cause(kind, rounded[kind], by_kind[kind], float(abs(rounded[kind]) / everything))
        for kind in ranked
        if abs(rounded[kind]) > 0 and by_kind[kind]
    )


def _cause(kind: str, amount: Decimal, same: Sequence[e.Effect], share: float) -> Cause:
    days = {effect.day for effect in same}
    by_part: dict[tuple[str, str], list[e.Effect]] = defaultdict(list)
    for effect in same:
        by_part[effect.model, effect.meter].append(effect)
    parts = sorted((_part(*key, group) for key, group in by_part.items()), key=lambda part: -abs(part.amount))
    return Cause(
        kind, amount, share, min(days), max(days), len(days), sentence(kind, parts, len(days)),
        tuple(parts[:MOST_PARTS]),
    )  # fmt: skip


def _part(model: str, meter: str, same: Sequence[e.Effect]) -> Part:
    largest = max(same, key=lambda effect: abs(effect.amount))
    named = "" if largest.cause == e.CREDIT else model if model != ALL else "all models"
    return Part(
        named, meter, _round(sum((effect.amount for effect in same), ZERO)),
        sum((effect.quantity for effect in same), ZERO), len({effect.day for effect in same}), arithmetic(largest),
    )  # fmt: skip


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)
