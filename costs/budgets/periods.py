"""Budget periods: which half-open window an instant belongs to, in a time zone. Pure.

Windows begin at local midnight, so a day has 23 or 25 hours where clocks change.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY, WEEK, MONTH, QUARTER, YEAR, FISCAL, TOTAL = "day", "week", "month", "quarter", "year", "fiscal", "total"
MONTHS = {MONTH: 1, QUARTER: 3, YEAR: 12}
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)
_MONDAY = date(1970, 1, 5)


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """When a budget begins anew. Weeks begin on Monday. `fiscal`: every `fiscal_months` months or `fiscal_days` days,
    counted from `anchor_on`; an anchor on the 31st means the last day of shorter months. `total` never ends."""

    kind: str
    timezone: str = "UTC"
    anchor_on: date | None = None
    fiscal_months: int | None = None
    fiscal_days: int | None = None

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """The `[start, end)` in UTC that holds `at` (aware)."""
        if self.kind == TOTAL:
            return BEGINNING, END
        zone = _zone(self.timezone)
        first, following = self._days(at.astimezone(zone).date())
        return _midnight(first, zone), _midnight(following, zone)

    def _days(self, day: date) -> tuple[date, date]:
        if self.kind == DAY:
            return day, day + timedelta(days=1)
        if self.kind == WEEK:
            return _by_days(day, _MONDAY, 7)
        if self.kind in MONTHS:
            return _by_months(day, date(1970, 1, 1), MONTHS[self.kind])
        assert self.anchor_on is not None
        if self.fiscal_days:
            return _by_days(day, self.anchor_on, self.fiscal_days)
        return _by_months(day, self.anchor_on, self.fiscal_months or 12)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _by_days(day: date, anchor: date, days: int) -> tuple[date, date]:
    first = day - timedelta(days=(day - anchor).days % days)
    return first, first + timedelta(days=days)


def _by_months(day: date, anchor: date, months: int) -> tuple[date, date]:
    """The step of `months` from `anchor` that holds `day`."""
    passed = (day.year - anchor.year) * 12 + day.month - anchor.month
    step = passed // months
    if _plus_months(anchor, step * months) > day:  # the anchor's day of the month is still to come
        step -= 1
    return _plus_months(anchor, step * months), _plus_months(anchor, (step + 1) * months)


def _plus_months(anchor: date, months: int) -> date:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))
