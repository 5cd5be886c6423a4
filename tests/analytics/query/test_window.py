"""Buckets in time zones with odd days, and which grain answers for which instant."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.query import QueryError
from analytics.query.window import align, buckets, segments
from analytics.rollups.cubes import Grain

BERLIN, KATHMANDU, HAVANA = (ZoneInfo(name) for name in ("Europe/Berlin", "Asia/Kathmandu", "America/Havana"))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_days_with_23_and_25_hours() -> None:
    spring = buckets((utc(2026, 3, 28, 23), utc(2026, 3, 30, 22)), "day", BERLIN)
    autumn = buckets((utc(2026, 10, 24, 22), utc(2026, 10, 26, 23)), "day", BERLIN)

    assert spring.edges == (utc(2026, 3, 28, 23), utc(2026, 3, 29, 22), utc(2026, 3, 30, 22))
    assert autumn.edges == (utc(2026, 10, 24, 22), utc(2026, 10, 25, 23), utc(2026, 10, 26, 23))
    assert [name.isoformat() for name in autumn.names] == ["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"]


def test_both_hours_of_the_night_the_clock_goes_back() -> None:
    night = buckets((utc(2026, 10, 24, 23), utc(2026, 10, 25, 3)), "hour", BERLIN)

    assert [name.isoformat()[11:] for name in night.names] == [
        "01:00:00+02:00",
        "02:00:00+02:00",
        "02:00:00+01:00",
        "03:00:00+01:00",
    ]


def test_names_of_buckets_are_different_keys() -> None:
    night = buckets((utc(2026, 10, 24, 23), utc(2026, 10, 25, 3)), "hour", BERLIN)

    assert len(set(night.names)) == 4


def test_midnight_that_happens_twice_belongs_to_one_day() -> None:
    found = buckets((utc(2026, 10, 31, 4), utc(2026, 11, 2, 5)), "day", HAVANA)

    assert found.edges == (utc(2026, 10, 31, 4), utc(2026, 11, 1, 4), utc(2026, 11, 2, 5))


def test_days_of_kathmandu_begin_at_1815() -> None:
    found = buckets((utc(2026, 5, 1, 18, 15), utc(2026, 5, 3, 18, 15)), "day", KATHMANDU)

    assert found.edges == (utc(2026, 5, 1, 18, 15), utc(2026, 5, 2, 18, 15), utc(2026, 5, 3, 18, 15))
    assert segments(found.edges) == {Grain.QUARTER_HOUR: [(utc(2026, 5, 1, 18, 15), utc(2026, 5, 3, 18, 15))]}


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    weeks = buckets((utc(2026, 4, 29), utc(2026, 5, 12)), "week", UTC)
    months = buckets((utc(2026, 1, 31), utc(2026, 3, 2)), "month", UTC)

    assert weeks.names == (utc(2026, 4, 27), utc(2026, 5, 4), utc(2026, 5, 11))
    assert weeks.edges == (utc(2026, 4, 29), utc(2026, 5, 4), utc(2026, 5, 11), utc(2026, 5, 12))
    assert months.names == (utc(2026, 1, 1), utc(2026, 2, 1), utc(2026, 3, 1))


def test_ragged_edges_come_from_quarter_hours_and_the_middle_from_days() -> None:
    assert segments((utc(2026, 5, 1, 22, 45), utc(2026, 5, 5, 1))) == {
        Grain.QUARTER_HOUR: [(utc(2026, 5, 1, 22, 45), utc(2026, 5, 2)), (utc(2026, 5, 5), utc(2026, 5, 5, 1))],
        Grain.DAY: [(utc(2026, 5, 2), utc(2026, 5, 5))],
    }


def test_windows_are_widened_to_whole_quarter_hours() -> None:
    start, end = datetime(2026, 5, 1, 5, 46, 1, tzinfo=KATHMANDU), utc(2026, 5, 1, 7, 0, 0)

    assert align(start, end, timedelta(minutes=15)) == (utc(2026, 5, 1, 0), utc(2026, 5, 1, 7))


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (utc(2026, 5, 2), utc(2026, 5, 2), "empty_window"),
        (datetime(2026, 5, 1), utc(2026, 5, 2), "naive_time"),
    ],
)
def test_windows_that_are_none(start: datetime, end: datetime, code: str) -> None:
    with pytest.raises(QueryError) as error:
        align(start, end, timedelta(minutes=15))

    assert error.value.code == code


@given(
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    hours=st.integers(1, 24 * 90),
    granularity=st.sampled_from(["hour", "day", "week", "month"]),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia"]
    ),
)
def test_segments_tile_the_window_and_never_cross_a_bucket(
    start: datetime, hours: int, granularity: str, zone: str
) -> None:
    window = align(start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + timedelta(hours=hours), timedelta(minutes=15))
    found = buckets(window, granularity, ZoneInfo(zone))  # type: ignore[arg-type]

    parts = sorted(part for ranges in segments(found.edges).values() for part in ranges)
    days = segments(found.edges).get(Grain.DAY, [])

    assert (found.edges[0], found.edges[-1]) == window
    assert list(found.edges) == sorted(set(found.edges))
    assert len(found.names) == len(found.edges) - 1 == len(set(found.names))
    assert [parts[0][0], parts[-1][1]] == list(window)
    assert all(left[1] == right[0] for left, right in pairwise(parts))
    assert all(edge.hour == edge.minute == 0 for part in days for edge in part)
    inner = [edge for edge in found.edges if any(a < edge < b for a, b in days)]
    assert all(edge.hour == edge.minute == 0 for edge in inner)
