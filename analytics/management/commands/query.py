"""`query --organization demo --measures requests,cost …`: figures for scripts, as a trusted operator sees them."""

import argparse
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.labels import FIELDS, labels
from analytics.query import Filter, Having, Query, QueryError, Result, run
from analytics.query.scope import operator
from analytics.query.shapes import Comparison

SIGNS: dict[str, Comparison] = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "eq", "!=": "ne"}
GRANULARITIES = ("minute", "quarter_hour", "hour", "day", "week", "month")


class Command(BaseCommand):
    help = "Answer a question over the rollups; with --json as {totals, rows}. Ids are shown by their names."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="All of them by default.")
        parser.add_argument("--measures", type=_names, required=True, metavar="a,b")
        parser.add_argument("--dimensions", type=_names, default=[], metavar="a,b")
        parser.add_argument("--filter", type=_filter, action="append", default=[], dest="filters", metavar="name=a,b")
        parser.add_argument("--start", type=_instant, required=True, metavar="TIME", help="ISO date or time, UTC.")
        parser.add_argument("--end", type=_instant, required=True, metavar="TIME", help="Exclusive.")
        parser.add_argument("--granularity", choices=GRANULARITIES)
        parser.add_argument("--timezone", default="UTC", metavar="ZONE")
        parser.add_argument("--having", type=_having, action="append", default=[], metavar="MEASURE>NUMBER")
        parser.add_argument(
            "--compare-to", type=_compared, default="none", metavar="WHAT", help="previous_period, previous_year, A..B."
        )
        parser.add_argument("--order", metavar="[-]NAME")
        parser.add_argument("--limit", type=int, default=10_000)
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        fields = {name: options[name] for name in Query.__dataclass_fields__ if options.get(name) is not None}
        try:
            result = run(operator(), Query(**fields))
        except QueryError as error:
            raise CommandError(f"{error.message} ({error.code})") from None
        totals, rows = _plain(result.totals), _rows(result)
        if as_json:
            answer = {"totals": totals, **_compared_totals(result), "rows": rows}
            self.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False))
            return
        for row in [*rows, {"total": "", **totals}]:
            self.stdout.write("  ".join(f"{name}={value}" for name, value in _flat(row).items()))
        for note in result.notes:
            self.stderr.write(note.message)


def _compared_totals(result: Result) -> dict[str, Any]:
    """The compared window's totals and the change, when there is one."""
    if result.previous_totals is None:
        return {}
    return {"previous_totals": _plain(result.previous_totals), "change": dict(result.change)}


def _rows(result: Result) -> list[dict[str, Any]]:
    """Series when there is one, else groups, with names for ids."""
    names = _labels(result)
    if result.series:
        return [
            {
                "time": point.time.isoformat(),
                "dimensions": _named(point.dimensions, names),
                "measures": _plain(point.measures),
            }
            for point in result.series
        ]
    return [
        {"dimensions": _named(group.dimensions, names), "measures": _plain(group.measures), "share": group.share}
        for group in result.groups
    ]


def _labels(result: Result) -> dict[str, dict[str, str]]:
    used = {name for group in result.groups for name in group.dimensions if name in FIELDS}
    return {name: labels(name, {group.dimensions[name] for group in result.groups}) for name in used}


def _named(dimensions: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {name: names.get(name, {}).get(str(value), value) for name, value in dimensions.items()}


def _plain(measures: Mapping[str, Any]) -> dict[str, Any]:
    """Money as decimal strings, never in exponent form."""
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in measures.items()}


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return flat


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _filter(text: str) -> Filter:
    name, sign, values = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    negated = name.endswith("!")
    return Filter(name.rstrip("!").strip(), "not_in" if negated else "in", _names(values))


def _having(text: str) -> Having:
    found = re.fullmatch(r"\s*(\w+)\s*(>=|<=|!=|>|<|=)\s*(-?[\d.]+)\s*", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not MEASURE>NUMBER (>, >=, <, <=, =, !=)")
    name, sign, value = found.groups()
    try:
        return Having(name, SIGNS[sign], Decimal(value))
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number") from None


def _compared(text: str) -> str | tuple[datetime, datetime]:
    first, dots, last = text.partition("..")
    return (_instant(first), _instant(last)) if dots else text


def _instant(text: str) -> datetime:
    """An ISO date (midnight UTC) or time (UTC unless it says otherwise)."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.min, UTC)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO date or time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
