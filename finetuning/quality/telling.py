"""A report as plain data for JSON, and as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from .findings import Finding, Report
from .kinds import KINDS

LINES_NAMED = 5


def as_dict(report: Report) -> dict[str, Any]:
    """Every field by its name; amounts as strings of US dollars, the other file's report under ``validation``."""
    told: dict[str, Any] = _plain(asdict(report))
    told["valid"] = report.is_valid
    if report.validation is not None:
        told["validation"] = as_dict(report.validation)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def as_lines(report: Report, limit: int = LINES_NAMED) -> Iterator[str]:
    """For people: what the file is, each kind with its first lines, what to do; ``limit`` lines are named per kind."""
    tokens = report.tokens
    yield f"{report.path}: {report.examples:,} examples in {report.lines:,} lines, method {report.method}"
    counted = "exact" if tokens.exact else "estimated"
    yield (
        f"{tokens.total:,} tokens ({counted}, {tokens.method}) × {tokens.epochs} epochs = {tokens.billable:,} to train"
        + _money(report.amount)
    )
    if tokens.wasted:
        yield f"{tokens.wasted:,} of them wasted on what is told below"
    yield f"Score {report.score:g} of 100 ({_parts(report)})"
    for observation in report.observations:
        yield f"{observation.severity}: {observation.message}"
    for kind, number in report.counts.items():
        yield from _kind(kind, number, [one for one in report.findings if one.kind == kind], limit)
    for check, reason in report.skipped.items():
        yield f"not judged: {check}: {reason}"
    if not report.counts:
        yield "Nothing was found."


def _parts(report: Report) -> str:
    lowered = [f"{part} {share:.1%}" for part, share in report.parts.items() if share < 1]
    return ", ".join(lowered) or "every part is clean"


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else f", {amount:,.4f} USD"


def _kind(kind: str, number: int, findings: list[Finding], limit: int) -> Iterator[str]:
    known = KINDS[kind]
    likely = ", likely" if known.is_heuristic else ""
    severity = findings[0].severity if findings else known.severity
    yield ""
    yield f"{severity}: {kind} ({number:,}{likely}): {known.title}. {known.fix}"
    for finding in findings[:limit]:
        where = f"line {finding.line}" if finding.file == "train" else f"validation line {finding.line}"
        path = f", {finding.path}" if finding.path else ""
        yield f"  {where}{path}: {finding.message}{_money(finding.amount)}"
    if number > limit:
        yield f"  … and {number - min(limit, len(findings)):,} more"
