"""The time window of a page: read from its URL, half-open, rounded so that equal pages ask equal questions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ROLLING = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
LABELS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
DEFAULT = "7d"
CUSTOM = "custom"
LONGEST = timedelta(days=731)
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Period:
    """`[start, end)` in UTC; `key` is `24h|7d|30d|90d|custom`; `zone` the IANA zone that days are cut in."""

    key: str
    start: datetime
    end: datetime
    zone: str
    first_day: date
    last_day: date

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def granularity(self) -> str:
        """Bucket of charts: hours up to two days, else days."""
        return "hour" if self.length <= timedelta(days=2) else "day"

    @property
    def spark_granularity(self) -> str:
        """Bucket of sparklines: fine enough for a shape, coarse enough to be cheap."""
        return "hour" if self.length <= timedelta(days=8) else "day"

    def partial_ends(self, now: datetime, granularity: str = "") -> tuple[bool, bool]:
        """Whether the first and the last bucket lack a part: cut by the window, or still to come. `granularity`: the
        chart's by default."""
        zone, grain = zone_or_utc(self.zone), granularity or self.granularity
        return _is_cut(self.start.astimezone(zone), grain), (
            self.end > now or _is_cut(self.end.astimezone(zone), grain)
        )

    @property
    def label(self) -> str:
        if self.key in LABELS:
            return f"last {LABELS[self.key]}"
        if self.first_day == self.last_day:
            return f"{self.first_day:%-d %b %Y}"
        return f"{self.first_day:%-d %b %Y} to {self.last_day:%-d %b %Y}"

    @property
    def within(self) -> str:
        """`in the last 7 days`, `on 3 Nov 2026`, `from 1 Nov 2026 to 3 Nov 2026`."""
        if self.key in LABELS:
            return f"in the {self.label}"
        return f"on {self.label}" if self.first_day == self.last_day else f"from {self.label}"

    @property
    def before(self) -> str:
        """What the window is compared with, in words."""
        if self.key in LABELS:
            return f"the {LABELS[self.key]} before"
        days = (self.last_day - self.first_day).days + 1
        return "the day before" if days == 1 else f"the {days} days before"

    def step(self, by: int, now: datetime) -> dict[str, str] | None:
        """URL parameters of the window of the same length before (`by` -1) or after (1) this one; None past `now`."""
        days = (ROLLING[self.key] if self.key in ROLLING else self.last_day - self.first_day + timedelta(days=1)).days
        first = self.last_day - timedelta(days=days - 1) if self.key in ROLLING else self.first_day
        first += timedelta(days=by * days)
        today = now.astimezone(zone_or_utc(self.zone)).date()
        if first > today or first.year < 1971:
            return None
        return {"range": CUSTOM, "from": first.isoformat(), "to": (first + timedelta(days=days - 1)).isoformat()}

    @property
    def query(self) -> dict[str, str]:
        """The window as URL parameters."""
        if self.key != CUSTOM:
            return {"range": self.key}
        return {"range": CUSTOM, "from": self.first_day.isoformat(), "to": self.last_day.isoformat()}


def read_period(params: Mapping[str, str], now: datetime, zone: str = "UTC", default: str = DEFAULT) -> Period:
    """The window named by `range`, `from` and `to` (days in `zone`, both included), else `default`."""
    tz = zone_or_utc(zone)
    key = params.get("range", default)
    if key == CUSTOM:
        days = _days(params)
        if days is not None:
            return _custom(*days, tz)
    if key not in ROLLING:
        key = default
    end = next_quarter(now)
    start = end - ROLLING[key]
    return Period(key, start, end, tz.key, start.astimezone(tz).date(), now.astimezone(tz).date())


def next_quarter(at: datetime) -> datetime:
    """The first full quarter-hour after `at`: the open one belongs to the window."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0) + QUARTER


def zone_or_utc(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _is_cut(at: datetime, granularity: str) -> bool:
    return bool(at.minute or at.second or (granularity == "day" and at.hour))


def _days(params: Mapping[str, str]) -> tuple[date, date] | None:
    try:
        first, last = date.fromisoformat(params.get("from", "")), date.fromisoformat(params.get("to", ""))
    except ValueError:
        return None
    if first > last:
        first, last = last, first
    sane = date(1971, 1, 1) <= first and last <= date(9000, 1, 1)
    return (max(first, last - LONGEST), last) if sane else None


def _custom(first: date, last: date, tz: ZoneInfo) -> Period:
    start = datetime.combine(first, time.min, tz).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time.min, tz).astimezone(UTC)
    return Period(CUSTOM, start, end, tz.key, first, last)
