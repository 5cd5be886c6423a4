"""Whether a vendor's days begin at another hour than UTC's: found from the ledger by hours. Pure.

A day of UTC+h has the calls of the 24 hours that begin h hours before UTC's day does. The offset under which the billed
days look most like the ledger's is taken, when it is clearly better than none. Each model counts with its own factor
between the two sides, so that another price, or a steady share of calls outside, hides nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from costs.invoices.items import USAGE, BilledLine, Booked
from costs.invoices.names import groups

OFFSETS = range(-12, 15)
"""Hours; there is no other time zone."""
WIDEST = timedelta(hours=max(-OFFSETS.start, OFFSETS.stop - 1))
LEAST_DAYS = 7
LEAST_GAP = 0.015
BETTER = 0.75
"""An offset must leave less than this part of the gap that is there without one."""
Days = Mapping[tuple[str, date], float]


@dataclass(frozen=True, slots=True)
class Hourly:
    """The ledger's sum of one hour (UTC, named by its start) and model. `cost` is of lines with a price."""

    hour: datetime
    model: str
    cost: float
    tokens: int


def is_suspect(lines: Sequence[BilledLine], booked: Sequence[Booked]) -> bool:
    """Whether days differ so much that their hours are worth reading."""
    has_costs = any(line.cost is not None for line in lines)
    ours: dict[tuple[str, date], float] = defaultdict(float)
    for row in booked:
        ours[row.model, row.day] += float(row.cost if has_costs else row.quantity + row.unpriced)
    theirs = _billed(lines, has_costs=has_costs)
    return len({day for _, day in theirs}) >= LEAST_DAYS and _gap(theirs, ours) > LEAST_GAP


def offset(lines: Sequence[BilledLine], hours: Iterable[Hourly]) -> int:
    """Hours that the vendor's days are ahead of UTC's; 0 where nothing says so. `hours` reach `WIDEST` beyond the
    period on both sides."""
    has_costs = any(line.cost is not None for line in lines)
    theirs = _billed(lines, has_costs=has_costs)
    rows = [(row.hour, row.model, row.cost if has_costs else float(row.tokens)) for row in hours]
    days = {day for _, day in theirs}
    gaps = {}
    for ahead in OFFSETS:
        ours: dict[tuple[str, date], float] = defaultdict(float)
        shift = timedelta(hours=ahead)
        for hour, model, amount in rows:
            if (day := (hour + shift).date()) in days:
                ours[model, day] += amount
        gaps[ahead] = _gap(theirs, ours)
    best = min(OFFSETS, key=lambda ahead: (gaps[ahead], abs(ahead)))
    return best if gaps[best] < BETTER * gaps[0] and gaps[0] > LEAST_GAP else 0


def _billed(lines: Iterable[BilledLine], *, has_costs: bool) -> Days:
    sums: dict[tuple[str, date], float] = defaultdict(float)
    for line in lines:
        value = line.cost if has_costs else line.quantity
        if line.key.kind == USAGE and value:
            sums[line.key.model, line.key.day] += float(value)
    return sums


def _gap(theirs: Days, ours: Days) -> float:
    """What the days of both sides differ by, as a share of what is billed; only days and models that both have."""
    left, right = groups({model for model, _ in theirs}, {model for model, _ in ours})
    pairs: dict[str, dict[date, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for side, (names, sums) in enumerate(((left, theirs), (right, ours))):
        for (model, day), amount in sums.items():
            pairs[names[model]][day][side] += amount
    gap = whole = 0.0
    for by_day in pairs.values():
        both = [(billed, booked) for billed, booked in by_day.values() if billed > 0 and booked > 0]
        if len(both) < LEAST_DAYS:
            continue
        factor = median(billed / booked for billed, booked in both)
        gap += sum(abs(billed - factor * booked) for billed, booked in both)
        whole += sum(billed for billed, _ in both)
    return gap / whole if whole else 0.0
