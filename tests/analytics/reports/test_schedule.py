"""When reports are due and what they are about, clock changes included (Vienna: 29 March and 25 October 2026)."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.reports.schedule import BadSchedule, check, next_due, period_words, window_of

VIENNA = "Europe/Vienna"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("0 7 * * 1", VIENNA, "2026-03-22 12:00", "2026-03-23 06:00"),
        ("0 7 * * 1", VIENNA, "2026-03-23 06:00", "2026-03-30 05:00"),  # seven in the morning, in summer time
        ("30 2 * * *", VIENNA, "2026-03-28 12:00", "2026-03-29 01:00"),  # skipped: right after the change
        ("30 2 * * *", VIENNA, "2026-10-24 12:00", "2026-10-25 00:30"),  # comes twice: the first time
        ("30 2 * * *", VIENNA, "2026-10-25 00:30", "2026-10-26 01:30"),
        ("0 7 1 * *", "UTC", "2026-03-01 07:00", "2026-04-01 07:00"),
        ("0 9 L * *", "Asia/Kolkata", "2026-02-01 00:00", "2026-02-28 03:30"),
    ],
)
def test_next(cron: str, zone: str, after: str, due: str) -> None:
    assert next_due(cron, zone, utc(after)) == utc(due)


def test_every_day_of_the_year_has_one() -> None:
    at, found = utc("2026-01-01 00:00"), []
    while (at := next_due("30 2 * * *", VIENNA, at)) and at < utc("2027-01-01 00:00"):  # type: ignore[assignment]
        found.append(at)

    assert len(found) == 365
    assert len(set(found)) == 365


@pytest.mark.parametrize(
    ("cron", "zone", "field", "words"),
    [
        ("* * * * *", "UTC", "cron", "every quarter of an hour at most"),
        ("*/10 8 * * *", "UTC", "cron", "every quarter of an hour at most"),
        ("0 7 * *", "UTC", "cron", "five fields"),
        ("0 0 7 * * *", "UTC", "cron", "five fields"),
        ("61 7 * * *", "UTC", "cron", "Bad minute"),
        ("0 7 30 2 *", "UTC", "cron", "Bad day-of-month"),
        ("0 7 * * 1", "Europe/Wien", "timezone", "no time zone 'Europe/Wien'"),
        ("", "../etc/passwd", "timezone", "no time zone"),
    ],
)
def test_bad_schedules_say_what_is_wrong(cron: str, zone: str, field: str, words: str) -> None:
    with pytest.raises(BadSchedule, match=words) as refused:
        check(cron, zone, utc("2026-03-10 00:00"))

    assert refused.value.field == field


def test_an_empty_schedule_never_comes() -> None:
    assert check("", VIENNA, utc("2026-03-10 00:00")) is None


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("previous_day", "2026-03-29 23:00", "2026-03-30 22:00"),
        ("previous_week", "2026-03-22 23:00", "2026-03-29 22:00"),
        ("previous_month", "2026-01-31 23:00", "2026-02-28 23:00"),
        ("last_7_days", "2026-03-23 23:00", "2026-03-30 22:00"),
        ("last_30_days", "2026-02-28 23:00", "2026-03-30 22:00"),
        ("month_to_date", "2026-02-28 23:00", "2026-03-30 22:00"),
    ],
)
def test_periods_are_whole_days_of_the_zone(period: str, start: str, end: str) -> None:
    # Tuesday 31 March, two days after the change to summer time; the day before begins at 22:00 UTC
    found = window_of(period, utc("2026-03-31 06:00"), VIENNA)

    expected = (utc(start), utc(end))
    if period == "previous_day":
        expected = (utc("2026-03-29 22:00"), utc("2026-03-30 22:00"))
    assert found == expected


def test_the_day_of_the_change_has_23_hours() -> None:
    start, end = window_of("previous_day", utc("2026-03-30 05:00"), VIENNA)

    assert end - start == timedelta(hours=23)


def test_on_the_first_the_month_to_date_is_the_month_before() -> None:
    assert window_of("month_to_date", utc("2026-04-01 07:00"), "UTC") == (
        utc("2026-03-01 00:00"), utc("2026-04-01 00:00")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-03-09 00:00", "2026-03-16 00:00", "9–15 March 2026"),
        ("2026-03-01 00:00", "2026-04-01 00:00", "March 2026"),
        ("2026-03-09 00:00", "2026-03-10 00:00", "9 March 2026"),
        ("2026-02-23 00:00", "2026-03-02 00:00", "23 February 2026 – 1 March 2026"),
    ],
)
def test_words(start: str, end: str, words: str) -> None:
    assert period_words(utc(start), utc(end), "UTC") == words
