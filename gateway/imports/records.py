"""What a reader yields, and how single values are read strictly: a value that is not certain is a rejection."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from gateway.ledger.ids import EPOCH

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=1)
MAX_COUNT = 1_000_000_000
MAX_TEXT = 200
MONEY = Decimal("1e-10")
FLAGS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
_WHOLE = re.compile(r"\d{1,18}(?:\.0+)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,18})?", re.ASCII)


class UnreadableFileError(Exception):
    """The file as a whole cannot be read (no such file, wrong header, unknown column in the mapping)."""


class BadValueError(ValueError):
    """One value of one record; the message names the field and becomes the rejection's reason."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What the source says a record cost. `is_list`: its own estimate at list prices, else what was billed or spent."""

    value: Decimal
    currency: str = "USD"
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One request as somebody else recorded it. `at` is aware; `counts` are the ledger's token columns.

    `values` holds further ledger columns that the source knows; `key` is the record's own id there, when it has one.
    `amount` is the cost that the source states, `context` what prices depend on (`service_tier`, `processing`).
    `line` is the 1-based physical line in the file, `raw` its text.
    """

    line: int
    raw: str
    at: datetime
    counts: Mapping[str, int]
    model: str | None = None
    provider: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    amount: Amount | None = None
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that could not be read, with what is needed to mend it."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is no usage: a span of another kind, a day on which nothing was used."""

    line: int
    reason: str


Item = UsageRecord | Rejection | Skipped


def parse_time(name: str, text: str, now: datetime) -> datetime:
    """ISO 8601 (no zone means UTC) or Unix seconds, milliseconds or microseconds → aware UTC time.

    Raises `BadValueError` for anything else and for times before 2015 or more than a day ahead of `now`.
    """
    text = text.strip()
    try:
        at = _from_unix(text) if _NUMBER.fullmatch(text) else datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadValueError(f"{name}: {_shown(text)} is not a time") from None
    if not EARLIEST <= at <= now + LATEST_AHEAD:
        raise BadValueError(f"{name}: {_shown(text)} is outside {EARLIEST:%Y-%m-%d} … tomorrow")
    return at


def _from_unix(text: str) -> datetime:
    """Seconds below 1e11 (year 5138), else milliseconds below 1e14, else microseconds. Exact to the microsecond."""
    number = Decimal(text)
    per_second = 1 if number < 10**11 else 1_000 if number < 10**14 else 1_000_000
    return EPOCH + timedelta(microseconds=int(number * 1_000_000 / per_second))


def parse_count(name: str, text: str) -> int:
    """A whole number from 0 to 1,000,000,000; `12.0`, as spreadsheets write it, is 12."""
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        reason = "is negative" if text.startswith("-") else "is not a whole number"
        raise BadValueError(f"{name}: {_shown(text)} {reason}")
    count = int(text.partition(".")[0])
    if count > MAX_COUNT:
        raise BadValueError(f"{name}: {_shown(text)} is above {MAX_COUNT:,}")
    return count


def parse_duration(name: str, text: str) -> float:
    """Milliseconds, not negative."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise BadValueError(f"{name}: {_shown(text)} is not a number") from None
    if not value.is_finite() or not 0 <= value <= MAX_COUNT:
        raise BadValueError(f"{name}: {_shown(text)} is not a duration in milliseconds")
    return float(value)


def parse_flag(name: str, text: str) -> bool:
    """true or false, yes or no, 1 or 0, in any case."""
    found = FLAGS.get(text.strip().lower())
    if found is None:
        raise BadValueError(f"{name}: {_shown(text)} is neither true nor false")
    return found


def parse_amount(name: str, text: str, *, is_signed: bool = False) -> Decimal:
    """Money as the ledger keeps it: 10 decimals, rounded half even. `is_signed` allows credits, which are negative."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise BadValueError(f"{name}: {_shown(text)} is not an amount") from None
    if not value.is_finite() or abs(value) > MAX_COUNT or (value < 0 and not is_signed):
        raise BadValueError(f"{name}: {_shown(text)} is not an amount of money")
    return value.quantize(MONEY, ROUND_HALF_EVEN)


def parse_text(name: str, text: str) -> str:
    """Up to 200 characters."""
    if len(text) > MAX_TEXT:
        raise BadValueError(f"{name}: longer than {MAX_TEXT} characters")
    return text


def decode(data: bytes) -> str:
    """UTF-8 without NUL, or `BadValueError` (the database takes neither)."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadValueError(f"not UTF-8 at byte {error.start + 1}") from None
    if "\0" in text:
        raise BadValueError("contains a NUL byte")
    return text


def readable(data: bytes) -> str:
    """Bytes as text that the database can keep and a person can read back: odd bytes as `\\xNN`."""
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def check_parts(counts: Mapping[str, int]) -> None:
    """The ledger's rule: cached and audio parts lie within the input, reasoning and audio within the output."""
    for whole, parts in PARTS.items():
        total = sum(counts.get(part, 0) for part in parts)
        if total > counts.get(whole, 0):
            raise BadValueError(f"{whole}: {counts.get(whole, 0)} is less than its parts, {total}")


PARTS = {
    "input_tokens": ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "audio_input_tokens"),
    "output_tokens": ("reasoning_tokens", "audio_output_tokens"),
}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
