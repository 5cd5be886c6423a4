from datetime import UTC, date, datetime, timedelta

import pytest

from analytics.console.periods import read_period

NOW = datetime(2026, 11, 20, 10, 7, 31, tzinfo=UTC)


def test_default_is_seven_days_up_to_the_open_quarter_hour() -> None:
    period = read_period({}, NOW)

    assert (period.start, period.end) == (
        datetime(2026, 11, 13, 10, 15, tzinfo=UTC),
        datetime(2026, 11, 20, 10, 15, tzinfo=UTC),
    )
    assert (period.label, period.before, period.granularity) == ("last 7 days", "the 7 days before", "day")


@pytest.mark.parametrize(("key", "length"), [("24h", 1), ("7d", 7), ("30d", 30), ("90d", 90)])
def test_rolling_ranges(key: str, length: int) -> None:
    period = read_period({"range": key}, NOW)

    assert period.length == timedelta(days=length)
    assert period.query == {"range": key}


def test_custom_days_are_cut_in_the_zone_and_both_included() -> None:
    period = read_period({"range": "custom", "from": "2026-03-28", "to": "2026-03-29"}, NOW, "Europe/Berlin")

    assert period.start == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert period.end == datetime(2026, 3, 29, 22, tzinfo=UTC)  # the clock went forward in between
    assert period.query == {"range": "custom", "from": "2026-03-28", "to": "2026-03-29"}
    assert period.before == "the 2 days before"


def test_custom_days_in_the_wrong_order_are_swapped_and_too_long_ones_cut() -> None:
    swapped = read_period({"range": "custom", "from": "2026-03-29", "to": "2026-03-28"}, NOW)
    long = read_period({"range": "custom", "from": "1999-01-01", "to": "2026-03-28"}, NOW)

    assert (swapped.first_day, swapped.last_day) == (date(2026, 3, 28), date(2026, 3, 29))
    assert long.first_day == date(2026, 3, 28) - timedelta(days=731)


@pytest.mark.parametrize(
    "params",
    [
        {"range": "forever"},
        {"range": "custom"},
        {"range": "custom", "from": "2026-02-31", "to": "x"},
        {"range": "custom", "from": "0001-01-01", "to": "9999-12-31"},
    ],
)
def test_unreadable_windows_fall_back_to_the_default(params: dict[str, str]) -> None:
    assert read_period(params, NOW).key == "7d"


def test_unknown_zone_is_utc() -> None:
    assert read_period({}, NOW, "Nowhere/Town").zone == "UTC"


@pytest.mark.parametrize(
    ("query", "zone", "ends"),
    [
        ({"range": "7d"}, "UTC", (True, True)),
        ({"range": "24h"}, "UTC", (True, True)),
        ({"range": "custom", "from": "2026-11-01", "to": "2026-11-19"}, "Europe/Oslo", (False, False)),
        ({"range": "custom", "from": "2026-11-01", "to": "2026-11-20"}, "Europe/Oslo", (False, True)),
    ],
)
def test_buckets_cut_by_the_window_or_the_present_are_named(
    query: dict[str, str], zone: str, ends: tuple[bool, bool]
) -> None:
    assert read_period(query, NOW, zone).partial_ends(NOW) == ends


def test_buckets_of_sparklines_are_cut_where_theirs_are() -> None:
    period = read_period({"range": "7d"}, NOW.replace(minute=46))

    assert period.partial_ends(NOW.replace(minute=46)) == (True, True)
    assert period.partial_ends(NOW.replace(minute=46), period.spark_granularity) == (False, True)


def test_a_window_from_the_full_hour_has_a_whole_first_bucket() -> None:
    now = NOW.replace(minute=46)

    assert read_period({"range": "24h"}, now).partial_ends(now) == (False, True)


@pytest.mark.parametrize(
    ("params", "before", "after"),
    [
        ({"range": "7d"}, ("2026-11-07", "2026-11-13"), None),
        ({"range": "24h"}, ("2026-11-19", "2026-11-19"), None),
        ({"range": "custom", "from": "2026-11-01", "to": "2026-11-03"}, ("2026-10-29", "2026-10-31"),
         ("2026-11-04", "2026-11-06")),
        ({"range": "custom", "from": "2026-11-19", "to": "2026-11-20"}, ("2026-11-17", "2026-11-18"), None),
    ],
)  # fmt: skip
def test_steps_to_the_windows_beside(
    params: dict[str, str], before: tuple[str, str], after: tuple[str, str] | None
) -> None:
    period = read_period(params, NOW)

    found = period.step(-1, NOW), period.step(1, NOW)

    assert found[0] == {"range": "custom", "from": before[0], "to": before[1]}
    assert found[1] == (after and {"range": "custom", "from": after[0], "to": after[1]})
