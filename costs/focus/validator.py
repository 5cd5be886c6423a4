"""Asks a file of FOCUS rows by every rule: its columns once, each row, and what holds between rows.

Memory grows with the SKUs of a file, not with its rows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from costs.focus import columns as spec
from costs.focus.rules import RULES, Rule
from costs.focus.values import Row

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


def validate(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Report:
    """Rows by column name; None and the empty string are null, everything else is judged as its text."""
    report = Report()
    _check_columns(columns, report)
    there = set(columns)
    rules = [rule for rule in RULES if there.issuperset(rule.columns)]
    parents: dict[str, tuple[str | None, str | None]] = {}
    for number, given in enumerate(rows, 1):
        row: Row = {name: _text(given.get(name)) for name in columns}
        report.rows = number
        for rule in rules:
            if not rule.holds(row):
                report.add(_broken(rule, number, row))
        _check_sku(row, number, parents, report)
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


def _check_sku(row: Row, number: int, parents: dict[str, tuple[str | None, str | None]], report: Report) -> None:
    price = row.get("SkuPriceId")
    if price is None:
        return
    sku, details = parents.setdefault(price, (row.get("SkuId"), row.get("SkuPriceDetails")))
    if sku != row.get("SkuId"):
        _file(report, "SkuPriceId.OneSkuId", price, number)
    if details != row.get("SkuPriceDetails"):
        _file(report, "SkuPriceDetails.Consistent", price, number)


def _file(report: Report, rule: str, value: str = "", row: int = 0) -> None:
    section, text = FILE_RULES[rule]
    report.add(Violation(rule, section, text, row, value))


def _broken(rule: Rule, number: int, row: Row) -> Violation:
    told = ", ".join(f"{name}={'null' if row[name] is None else row[name]}" for name in rule.columns)
    return Violation(rule.id, rule.section, rule.text, number, told)


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
