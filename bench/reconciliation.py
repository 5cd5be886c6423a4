"""`python -m bench.reconciliation`: gaps planted in bills under noise, and what reconciliation makes of them.

Noise is what real bills have: days of another time zone, amounts rounded to 2, 4 or 6 digits, lines that are billed up
to two days late, a few calls outside of the gateway (0.05 to 0.25 % of the bill). The gaps are of eleven kinds, of 4 to
15 % of the bill, of 1 to 3 %, and in pairs. Pure: neither the ledger nor files are read (`bench/bills.py`).
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

from bench import bills
from bench.bills import GAPS, Bill
from bench.common import Report, main
from costs.invoices import zones
from costs.invoices.causes import Outcome, reconcile
from costs.invoices.effects import ROUNDING, TIMING, UNEXPLAINED
from costs.invoices.items import Zoned

SEEDS = range(1_001, 1_021)
"""No test uses them."""
SMALL = tuple(name for name in GAPS if name not in ("missing_days", "lost_days"))
"""Gaps that can be of 1 % of a bill; a day is more."""
PAIRS = list(combinations(("cached_detail", "tier", "price", "outside", "not_billed", "credit", "unpriced"), 2))
NOTICED = 0.002
"""Of the bill: a cause below it is nobody's concern. Alerts begin at 5 %, and late lines alone move 0.7 %."""


@dataclass(slots=True)
class Score:
    """What a set of bills came to. `planted`, `told`: money, and of it what was put to its cause."""

    bills: int = 0
    right: int = 0
    planted: Decimal = Decimal(0)
    told: Decimal = Decimal(0)
    drift: Decimal = Decimal(0)
    unexplained: Decimal = Decimal(0)
    wrong: list[str] = field(default_factory=list)

    def take(self, made: Bill, found: Outcome, wanted: Sequence[str], name: str) -> None:
        amounts = {cause.kind: cause.amount for cause in found.causes}
        first = [cause.kind for cause in found.causes][: len(wanted)]
        self.bills += 1
        self.right += set(first) == set(wanted)
        if set(first) != set(wanted):
            self.wrong.append(f"{name}: {', '.join(first)}")
        for kind, amount in made.planted.items():
            self.planted += abs(amount)
            off = abs(amounts.get(kind, Decimal(0)) - amount)
            self.told += max(Decimal(0), abs(amount) - off)
        self.drift += sum((abs(amount) for amount in amounts.values()), Decimal(0))
        self.unexplained += abs(amounts.get(UNEXPLAINED, Decimal(0)))


def run(options: argparse.Namespace) -> Report:
    setting = f"{len(SEEDS)} seeds, a month each, {len(GAPS)} kinds of gaps under noise"
    report = Report("reconciliation", setting)
    single, small, pairs = Score(), Score(), Score()
    for name in GAPS:
        own = Score()
        for seed in SEEDS:
            for score in (own, single):
                _judge(score, seed, (name,), 4, 15)
        report.add(f"{name}: right first cause", own.right / own.bills, "", at_least=0.95)
        _tell(options, own)
    for seed in SEEDS:
        for name in SMALL:
            _judge(small, seed, (name,), 1, 3)
    for index, pair in enumerate(PAIRS):
        for seed in list(SEEDS)[index % 4 :: 4]:
            _judge(pairs, seed, pair, 4, 15)
    for label, score in (("4 to 15 %", single), ("1 to 3 %", small), ("two at once", pairs)):
        report.add(f"{label}: right first causes", score.right / score.bills, "", at_least=0.95)
        report.add(f"{label}: money put to its cause", float(score.told / score.planted), "", at_least=0.9)
        report.add(f"{label}: drift not explained", float(score.unexplained / score.drift), "", at_most=0.01)
        _tell(options, score)
    false, drift = _clean()
    report.add("bills with noise and without a gap", len(SEEDS), "")
    report.add("their largest false cause, of the bill", float(max(false.values(), default=0)), "", at_most=NOTICED)
    report.add("their drift, of the bill", float(drift), "")
    if options.verbose:
        print("\n".join(f"{name}: {share:.3%}" for name, share in false.items()))
    return report


def _judge(score: Score, seed: int, names: Sequence[str], least: int, most: int) -> None:
    chance = random.Random(f"size {seed} {names}")
    made = bills.month(seed)
    total = made.total
    bills.disturb(made)
    for name in names:
        share = Decimal(str(round(chance.uniform(least, most), 3))) / 100
        GAPS[name][0](made, total * share)
    wanted = [GAPS[name][1] for name in names]
    score.take(made, settle(made), wanted, f"{'+'.join(names)} {seed} zone {made.zone} digits {made.decimals}")


def _clean() -> tuple[dict[str, Decimal], Decimal]:
    """What causes were told beyond what was there, as shares of the bill, and the mean drift without its sign."""
    false, drift = dict[str, Decimal](), Decimal(0)
    for seed in SEEDS:
        made = bills.month(seed)
        total = made.total
        bills.disturb(made)
        found = settle(made)
        drift += abs(found.drift) / total / len(SEEDS)
        for cause in found.causes:
            excess = abs(cause.amount - made.planted.get(cause.kind, Decimal(0)))
            if cause.kind not in (TIMING, ROUNDING):
                false[f"clean {seed}, zone {made.zone}, {cause.kind}"] = excess / total
    return false, drift


def settle(made: Bill) -> Outcome:
    """As `costs.services.invoices` does."""
    lines, booked = made.lines(), made.booked()
    ahead = zones.offset(lines, made.hourly()) if zones.is_suspect(lines, booked) else 0
    return reconcile(
        lines,
        booked,
        bills.Book(),
        decimals=made.decimals or 10,
        zoned=Zoned(ahead, made.booked(ahead)) if ahead else None,
    )


def _tell(options: argparse.Namespace, score: Score) -> None:
    if options.verbose:
        print("\n".join(score.wrong))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.reconciliation", description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="name the bills that were misjudged")
    main("reconciliation", run, parser)
