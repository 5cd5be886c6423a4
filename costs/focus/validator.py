"""Asks a file of FOCUS rows by every rule: its columns once, each row, and what holds between rows.

Memory grows with the SKUs and commitments of a file, not with its rows.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from costs.focus import columns as spec
from costs.focus.rules import RULES, TOLERANCE, Rule
from costs.focus.values import Row, number

EXAMPLES = 20
"""Violations of a rule that are told one by one; all of them are counted."""
FILE_RULES = {
    **{f"{name}.Present": (name, f"CostAndUsage MUST include {name}.") for name in spec.MANDATORY},
    **{
        f"{name}.Removed": ("Changelog 1.4", f"{name} is deprecated since 1.3 and no column of 1.4.")
        for name in spec.REMOVED
    },
    "ColumnHandling.CustomPrefix": (
        "ColumnHandling", "Custom column MUST include the x_ prefix in the Column ID.",
    ),
    "ColumnHandling.Unique": ("ColumnHandling", "A column is there once."),
    "SkuPriceId.OneSkuId": ("SkuPriceId", "SkuPriceId MUST have one and only one parent SkuId."),
    "SkuPriceDetails.Consistent": (
        "SkuPriceDetails", "All charges with the same SkuPriceId share the same SkuPriceDetails.",
    ),
    "CommitmentDiscountUnit.Consistent": (
        "CommitmentDiscountUnit",
        "CommitmentDiscountUnit MUST remain consistent over time for a given CommitmentDiscountId.",
    ),
    "EffectiveCost.OfCommitment": (
        "EffectiveCost",
        'For a given CommitmentDiscountId the sum of EffectiveCost where ChargeCategory is "Usage" MUST equal the sum '
        'of BilledCost where ChargeCategory is "Purchase" (judged of files that are said to be whole).',
    ),
    "EffectiveCost.OfFile": (
        "EffectiveCost",
        "The sum of EffectiveCost MUST equal the sum of BilledCost when both purchase charges and the charges that "
        "they cover are there (judged of files that are said to be whole, by currency).",
    ),
}  # fmt: skip
"""Rules of a whole file: id → section, requirement."""


@dataclass(frozen=True, slots=True)
class Violation:
    """`row` counts from 1; 0: the file's columns."""

    rule: str
    section: str
    text: str
    row: int
    value: str = ""


@dataclass(slots=True)
class Report:
    """What was found. `counts`: by rule, all of them; `violations`: the first `EXAMPLES` of each."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def add(self, violation: Violation) -> None:
        self.counts[violation.rule] += 1
        if self.counts[violation.rule] <= EXAMPLES:
            self.violations.append(violation)

    @property
    def total(self) -> int:
        return self.counts.total()


@dataclass(slots=True)
class Seen:
    """What is remembered between rows. `parents`: SKU and details by price; `units`: by commitment. Sums of what was
    billed and what is effective: by currency, and of each commitment what its purchases and its usage come to."""

    parents: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    units: dict[str, str | None] = field(default_factory=dict)
    of_file: dict[str, list[Decimal]] = field(default_factory=lambda: defaultdict(lambda: [Decimal(0), Decimal(0)]))
    of_commitment: dict[str, list[Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: [Decimal(0), Decimal(0)])
    )


def validate(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, is_whole: bool = False) -> Report:
    """Rows by column name; None and the empty string are null, everything else is judged as its text. `is_whole`: the
    file has all charges of whole days, so that its sums can be judged too."""
    report, seen = Report(), Seen()
    _check_columns(columns, report)
    there = set(columns)
    rules = [rule for rule in RULES if there.issuperset(rule.columns)]
    for place, given in enumerate(rows, 1):
        row: Row = {name: _text(given.get(name)) for name in columns}
        report.rows = place
        for rule in rules:
            if not rule.holds(row):
                report.add(_broken(rule, place, row))
        _check_sku(row, place, seen.parents, report)
        _check_commitment(row, place, seen, report)
    if is_whole:
        _check_sums(seen, report)
    return report


def _check_columns(columns: Sequence[str], report: Report) -> None:
    for name in spec.MANDATORY:
        if name not in columns:
            _file(report, f"{name}.Present")
    for name in columns:
        if name in spec.REMOVED:
            _file(report, f"{name}.Removed", name)
        elif name not in spec.BY_NAME and not name.startswith("x_"):
            _file(report, "ColumnHandling.CustomPrefix", name)
    for name, times in Counter(columns).items():
        if times > 1:
            _file(report, "ColumnHandling.Unique", name)


def _check_sku(row: Row, place: int, parents: dict[str, tuple[str | None, str | None]], report: Report) -> None:
    price = row.get("SkuPriceId")
    if price is None:
        return
    sku, details = parents.setdefault(price, (row.get("SkuId"), row.get("SkuPriceDetails")))
    if sku != row.get("SkuId"):
        _file(report, "SkuPriceId.OneSkuId", price, place)
    if details != row.get("SkuPriceDetails"):
        _file(report, "SkuPriceDetails.Consistent", price, place)


def _check_commitment(row: Row, place: int, seen: Seen, report: Report) -> None:
    billed, effective = (number(row.get(name)) or Decimal(0) for name in ("BilledCost", "EffectiveCost"))
    totals = seen.of_file[row.get("BillingCurrency") or ""]
    totals[0] += billed
    totals[1] += effective
    identity = row.get("CommitmentDiscountId")
    if identity is None:
        return
    if row.get("CommitmentDiscountUnit") is not None:
        unit = seen.units.setdefault(identity, row["CommitmentDiscountUnit"])
        if unit != row["CommitmentDiscountUnit"]:
            _file(report, "CommitmentDiscountUnit.Consistent", identity, place)
    category = row.get("ChargeCategory")
    seen.of_commitment[identity][0] += billed if category == "Purchase" else Decimal(0)
    seen.of_commitment[identity][1] += effective if category == "Usage" else Decimal(0)


def _check_sums(seen: Seen, report: Report) -> None:
    """Each row may be rounded by half of the last place."""
    for rule, sums in (("EffectiveCost.OfCommitment", seen.of_commitment), ("EffectiveCost.OfFile", seen.of_file)):
        for name, (billed, effective) in sums.items():
            if abs(billed - effective) > TOLERANCE * report.rows:
                _file(report, rule, f"{name}: billed {billed:f}, effective {effective:f}")


def _file(report: Report, rule: str, value: str = "", row: int = 0) -> None:
    section, text = FILE_RULES[rule]
    report.add(Violation(rule, section, text, row, value))


def _broken(rule: Rule, number: int, row: Row) -> Violation:
    told = ", ".join(f"{name}={'null' if row[name] is None else row[name]}" for name in rule.columns)
    return Violation(rule.id, rule.section, rule.text, number, told)


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
