"""Values as FOCUS demands that they are written (attributes NumericFormat, DateTimeFormat, KeyValueFormat, …). Pure."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, str | None]
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_CURRENCY = re.compile(r"[A-Z]{3}")
# UnitFormat: an optional positive quantity, capitalized base units, "-" for compound and "/" for ratio units.
_UNIT = re.compile(r"([1-9]\d* )?[A-Z][A-Za-z]*([ -][A-Z][A-Za-z]*)*(/([1-9]\d* )?[A-Z][A-Za-z]*)?")
PLACEHOLDERS = frozenset({"n/a", "na", "none", "null", "not applicable", "-", "undefined"})


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def is_currency(text: str) -> bool:
    return _CURRENCY.fullmatch(text) is not None


def is_unit(text: str) -> bool:
    return _UNIT.fullmatch(text) is not None


def is_time(text: str) -> bool:
    return moment(text) is not None


def moment(text: str | None) -> datetime | None:
    """The instant; None for anything that is none."""
    if text is None or _TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def number(text: str | None) -> Decimal | None:
    """The number; None for anything that is none."""
    return Decimal(text) if text is not None and is_number(text) else None


def is_object(text: str) -> bool:
    """A JSON object, of any values; its keys are unique."""
    return _parsed(text) is not None


def is_key_values(text: str) -> bool:
    """A JSON object with unique keys whose values are numbers, strings, booleans or null."""
    found = _parsed(text)
    return found is not None and not any(isinstance(value, (dict, list)) for value in found.values())


def key_values(text: str | None) -> dict[str, Any]:
    """The pairs; empty for anything that is none."""
    return _parsed(text) or {} if text is not None else {}


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)
