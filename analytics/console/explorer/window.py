"""The window of the list: two instants (`start`, `end`, RFC 3339) that a chart led to, or the range of all pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from analytics.console.periods import LONGEST, Period, read_period, zone_or_utc

EXACT = "exact"
FORMAT = "%-d %b %Y, %H:%M"


@dataclass(frozen=True, slots=True)
class Window(Period):
    """A period between two instants."""

    @property
    def label(self) -> str:
        zone = zone_or_utc(self.zone)
        first, last = self.start.astimezone(zone), self.end.astimezone(zone)
        return f"{first.strftime(FORMAT)} to {last.strftime('%H:%M' if first.date() == last.date() else FORMAT)}"

    def step(self, by: int, now: datetime) -> dict[str, str] | None:
        start, end = self.start + by * self.length, self.end + by * self.length
        return None if start > now else {"start": _text(start), "end": _text(end)}

    @property
    def query(self) -> dict[str, str]:
        return {"start": _text(self.start), "end": _text(self.end)}


def read_window(params: Mapping[str, str], now: datetime, zone: str) -> Period:
    """`start` and `end` when both can be read, are in order and no `range` is chosen, else `range`, `from` and `to`."""
    start, end = _instant(params.get("start", "")), _instant(params.get("end", ""))
    if start is None or end is None or start >= end or "range" in params:
        return read_period(params, now, zone)
    start, tz = max(start, end - LONGEST), zone_or_utc(zone)
    last = (end - timedelta(microseconds=1)).astimezone(tz).date()
    return Window(EXACT, start, end, tz.key, start.astimezone(tz).date(), last)


def _instant(text: str) -> datetime | None:
    """An instant with its offset; a `+` that became a space on the way is one again. Without an offset: UTC."""
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+" if "T" in text else "T"))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        return None
    return at if 1971 <= at.year <= 9000 else None


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
