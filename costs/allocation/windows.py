"""Which hours a month of statements is: those it was locked with, whatever the time zone is by now."""

from datetime import date, timedelta

from analytics.console.format import local
from costs.allocation.compute import month_window
from costs.allocation.engine import Range
from costs.models import Statement, StatementStatus
from gateway.models import Organization


def statement_window(organization: Organization, month: date, currency: str) -> Range:
    """The window of the locked statement of the month (its first day), else the calendar month in the organization's
    time zone, but that it begins and ends where locked ones beside it do: they may have been locked by another zone,
    and no hour is charged twice or never. One query."""
    start, end = month_window(organization, month)
    last, following = (month - timedelta(days=1)).replace(day=1), (month + timedelta(days=32)).replace(day=1)
    locked = Statement.objects.filter(
        organization=organization, currency=currency, status=StatementStatus.LOCKED, month__in=(last, month, following)
    )
    for row in sorted(locked, key=lambda row: row.month == month):  # its own says both, whatever is beside it
        if row.month == month:
            return row.start, row.end
        start, end = (row.end, end) if row.month == last else (start, row.start)
    return start, end


def window_words(organization: Organization, month: date, window: Range) -> str:
    """What is to be said of a month that is not the one of today's time zone, since it or one beside it is locked; else
    empty."""
    if window == month_window(organization, month):
        return ""
    first, last = (local(at, organization.reporting_timezone) for at in window)
    return f"As statements are locked, {month:%B %Y} is from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} here."
