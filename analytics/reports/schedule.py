"""When a report is due, and which period it is then about. Pure.

Cron as Debian's (crontab(5), "Limitations"): a fixed time that a clock change skips happens right after it, one that
comes twice happens once.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

SHORTEST = timedelta(minutes=15)
_CHECKED = 60


class BadSchedule(ValueError):
    """The message says what is wrong and what to do; `field` is `cron` or `timezone`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def zone_of(name: str) -> ZoneInfo:
    """Raises BadSchedule."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSchedule("timezone", f"There is no time zone {name!r}; name one of IANA's, such as Europe/Vienna.")  # noqa: B904


def next_due(cron: str, zone: str, after: datetime) -> datetime | None:
    """The first moment after `after` (aware), in UTC; None for an empty schedule. Raises BadSchedule."""
    if not cron.strip():
        return None
    where = zone_of(zone)
    if len(cron.split()) != 5:
        raise BadSchedule("cron", "A schedule has five fields: minute, hour, day of month, month, day of week.")
    try:
        found = next(CronSim(cron.strip(), after.astimezone(where)))
    except CronSimError as error:
        raise BadSchedule("cron", f"{error}: five fields are wanted, such as 0 7 * * 1.") from None
    except StopIteration:
        raise BadSchedule("cron", "This schedule never comes.") from None
    return found.astimezone(UTC)


def check(cron: str, zone: str, now: datetime) -> datetime | None:
    """The next moment. Raises BadSchedule, also for what comes more often than every quarter of an hour."""
    first = at = next_due(cron, zone, now)
    for _ in range(_CHECKED if at else 0):
        assert at is not None
        following = next_due(cron, zone, at)
        if following is None or following - at >= timedelta(days=1):
            break
        if following - at < SHORTEST:
            raise BadSchedule("cron", "A report may be sent every quarter of an hour at most.")
        at = following
    zone_of(zone)
    return first


def window_of(period: str, at: datetime, zone: str) -> tuple[datetime, datetime]:
    """The period `[start, end)` in UTC that a run due at `at` is about; its days begin at midnight of the zone."""
    where = zone_of(zone)
    today = at.astimezone(where).date()
    first, last = _days(period, today)
    return _midnight(first, where), _midnight(last, where)


def _days(period: str, today: date) -> tuple[date, date]:
    monday, month = today - timedelta(days=today.weekday()), today.replace(day=1)
    match period:
        case "previous_day":
            return today - timedelta(days=1), today
        case "previous_week":
            return monday - timedelta(days=7), monday
        case "previous_month":
            return (month - timedelta(days=1)).replace(day=1), month
        case "last_7_days":
            return today - timedelta(days=7), today
        case "last_30_days":
            return today - timedelta(days=30), today
        case "month_to_date":
            return (month, today) if today > month else _days("previous_month", today)
    raise BadSchedule("period", f"There is no period {period!r}.")


def _midnight(day: date, where: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), where).astimezone(UTC)


def period_words(start: datetime, end: datetime, zone: str) -> str:
    """`9–15 March 2026`, `9 March 2026`, `March 2026`."""
    where = zone_of(zone)
    first, last = start.astimezone(where).date(), end.astimezone(where).date() - timedelta(days=1)
    if first == last:
        return f"{first.day} {first:%B %Y}"
    if first.day == 1 and (last + timedelta(days=1)).day == 1 and (first.year, first.month) == (last.year, last.month):
        return f"{first:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%B %Y}"
    return f"{first.day} {first:%B %Y} – {last.day} {last:%B %Y}"
