"""An allocation from what the ledger says of each rule. Pure: amounts in, cost centres' amounts out.

Nothing is lost or counted twice: Σ items + unallocated = total, to the last digit, in every segment of time.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from costs.allocation.rules import Rule, Share
from costs.allocation.split import prorated, split, tiered

Range = tuple[datetime, datetime]
ZERO = Decimal(0)


class Charged(NamedTuple):
    """Lines of one rule (its place from 1; 0: of none), one value of its dimension and one currency."""

    rule: int
    value: str | None
    currency: str
    lines: int
    unpriced: int
    figures: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Segment:
    """A time in which the same rules are in force, within one calendar month."""

    window: Range
    month: Range
    rules: tuple[Rule, ...]


@dataclass(slots=True)
class Applied:
    """What a rule took, and how much of it nobody could be given."""

    rule: Rule
    amount: Decimal = ZERO
    lines: int = 0
    unallocated: Decimal = ZERO


@dataclass(slots=True)
class Allocation:
    """`amounts`: by cost centre; `basis`: by cost centre and rule. `other`: by currency, what is not in `currency`."""

    currency: str
    total: Decimal = ZERO
    fixed: Decimal = ZERO
    unallocated: Decimal = ZERO
    amounts: dict[UUID, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    basis: dict[tuple[UUID, UUID], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    applied: dict[UUID, Applied] = field(default_factory=dict)
    unpriced_lines: int = 0
    other: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def allocated(self) -> Decimal:
        return sum(self.amounts.values(), ZERO)


def segments(window: Range, months: Sequence[Range], rules: Iterable[Rule]) -> Iterator[Segment]:
    """`window` cut where a month begins and where a rule begins or ends to be in force. `months`: the calendar months
    that it touches."""
    known = sorted(rules, key=lambda rule: (rule.position, str(rule.id)))
    turns = {at for rule in known for at in (rule.valid_from, rule.valid_to) if at is not None}
    for month in months:
        start, end = max(window[0], month[0]), min(window[1], month[1])
        edges = [start, *sorted(at for at in turns if start < at < end), end]
        for part in itertools.pairwise(edges):
            if part[0] < part[1]:
                yield Segment(part, month, tuple(rule for rule in known if rule.is_in_force(part[0])))


def allocate(currency: str, parts: Iterable[tuple[Segment, Sequence[Charged]]]) -> Allocation:
    """All segments of a window, in order; those of a month share its tiers."""
    done = Allocation(currency)
    taken: dict[tuple[datetime, UUID], Decimal] = defaultdict(Decimal)
    for segment, rows in parts:
        _segment(done, segment, rows, taken)
    return done


def _segment(
    done: Allocation, segment: Segment, rows: Sequence[Charged], taken: dict[tuple[datetime, UUID], Decimal]
) -> None:
    by_rule: dict[int, list[Charged]] = defaultdict(list)
    for row in rows:
        done.unpriced_lines += row.unpriced
        if row.currency == done.currency:
            by_rule[row.rule].append(row)
        else:
            done.other[row.currency] += row.figures["cost"]
    caused: dict[UUID, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    left = _amount(by_rule[0])
    done.total += left
    done.unallocated += left
    # direct ones first: what they give is what proportional ones measure by
    for number, rule in sorted(enumerate(segment.rules, 1), key=lambda item: item[1].method != "direct"):
        own = by_rule[number]
        amount = _amount(own) if rule.monthly_amount is None else _fixed(done, rule, segment)
        note = done.applied.setdefault(rule.id, Applied(rule))
        note.amount += amount
        note.lines += sum(row.lines for row in own)
        done.total += amount
        for center, part in _shared(rule, amount, own, caused, taken, segment.month[0]):
            if center is None:
                note.unallocated += part
                done.unallocated += part
            else:
                done.amounts[center] += part
                done.basis[center, rule.id] += part
        taken[segment.month[0], rule.id] += amount


def _amount(rows: Iterable[Charged]) -> Decimal:
    return sum((row.figures["cost"] for row in rows), ZERO)


def _fixed(done: Allocation, rule: Rule, segment: Segment) -> Decimal:
    if rule.currency != done.currency:
        done.other[rule.currency] += prorated(rule.monthly_amount or ZERO, *segment.window, segment.month)
        return ZERO
    amount = prorated(rule.monthly_amount or ZERO, *segment.window, segment.month)
    done.fixed += amount
    return amount


def _shared(
    rule: Rule,
    amount: Decimal,
    rows: Sequence[Charged],
    caused: dict[UUID, dict[str, Decimal]],
    taken: Mapping[tuple[datetime, UUID], Decimal],
    month: datetime,
) -> Iterator[tuple[UUID | None, Decimal]]:
    """Cost centre (None: nobody) and its part of `amount`."""
    match rule.method:
        case "direct":
            for row in rows:
                center = rule.centers_by_value[row.value or ""] if rule.by else rule.shares[0].center
                for name, figure in row.figures.items():
                    caused[center][name] += figure
                yield center, row.figures["cost"]
            if rule.monthly_amount is not None:
                caused[rule.shares[0].center]["cost"] += amount
                yield rule.shares[0].center, amount
        case "fixed":
            yield from _by_percent(rule.shares, amount)
        case "even":
            yield from zip(_centers(rule.shares), split(amount, [1] * len(rule.shares)), strict=True)
        case "proportional":
            weights = [max(ZERO, caused[share.center][rule.metric]) for share in rule.shares]
            if sum(weights) > 0:
                yield from zip(_centers(rule.shares), split(amount, weights), strict=True)
            else:
                yield None, amount
        case "tiered":
            before = taken.get((month, rule.id), ZERO)
            upto, since = tiered(before + amount, rule.tiers), tiered(before, rule.tiers)
            for tier, part in zip(rule.tiers, (a - b for a, b in zip(upto, since, strict=True)), strict=True):
                yield from _by_percent(tier.shares, part)


def _by_percent(shares: Sequence[Share], amount: Decimal) -> Iterator[tuple[UUID, Decimal]]:
    return zip(_centers(shares), split(amount, [share.percent for share in shares]), strict=True)


def _centers(shares: Sequence[Share]) -> list[UUID]:
    return [share.center for share in shares]
