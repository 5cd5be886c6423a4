"""Days in the reporting time zone: their edges, their figures, and what happens when the zone changes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from analytics import cache
from analytics.models import RollupState, SubjectLocalDay, TotalLocalDay
from analytics.query import Query, Result, run
from analytics.query.plan import make_plan
from analytics.query.scope import scope_of
from analytics.query.window import floor, following
from analytics.rollups import localdays, zones
from analytics.rollups.cubes import Grain
from analytics.rollups.marks import drain_marks
from analytics.rollups.zones import follow_zones
from analytics.tasks import follow_reporting_zones
from analytics.verify import compare_rollups
from config.schedules import SCHEDULES
from gateway.ledger.ids import uuid7
from gateway.models import Organization
from tests.factories import Acme, book_lines, line

running = import_module("analytics.query.run")
KATHMANDU, BERLIN = "Asia/Kathmandu", "Europe/Berlin"
DAY = datetime(2026, 3, 28, tzinfo=UTC)
ZONES = ["UTC", BERLIN, KATHMANDU, "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia"]


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour, minutes=minute)


def use_zone(company: Acme, zone: str) -> int:
    Organization.objects.filter(pk=company.organization.pk).update(reporting_timezone=zone)
    return follow_zones()


def ask(company: Acme, **more: Any) -> Result:
    known: dict[str, Any] = {"measures": ["requests", "cost"], "start": DAY, "end": at(0, 0, 4)}
    return run(company.people["alice"], Query(**{**known, "organization": company.organization, **more}))


@pytest.fixture
def busy(company: Acme) -> Acme:
    """Ten requests around the night in which Berlin loses an hour; Kathmandu's days begin at 18:15 UTC."""
    hours = [0, 18, 18.25, 22.75, 23, 24, 25, 45.75, 46, 70]
    book_lines(*(line(company, at=DAY + timedelta(hours=hour), end_user="u1") for hour in hours))
    drain_marks()
    return company


@given(
    start=st.datetimes(datetime(2010, 1, 1), datetime(2027, 1, 1)), days=st.integers(0, 9), zone=st.sampled_from(ZONES)
)
def test_days_tile_time_as_the_buckets_of_a_question_do(start: datetime, days: int, zone: str) -> None:
    where, first = ZoneInfo(zone), start.replace(tzinfo=UTC)

    found = localdays.edges(first, first + timedelta(days=days, minutes=15), where)

    assert found[0] == floor(first, "day", where) <= first
    assert found[-2] < first + timedelta(days=days, minutes=15) <= found[-1]
    assert all(following(left, "day", where) == right > left for left, right in pairwise(found))


def test_runs_of_days_that_touch_are_one() -> None:
    runs = localdays.touched([(at(1), at(2)), (at(19), at(20)), (at(0, 0, 5), at(1, 0, 5))], ZoneInfo(KATHMANDU))

    assert runs == [
        [at(18, 15, -1), at(18, 15), at(18, 15, 1)],
        [at(18, 15, 4), at(18, 15, 5)],
    ]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (KATHMANDU, {at(18, 15, -1): 2, at(18, 15): 5, at(18, 15, 1): 2, at(18, 15, 2): 1}),
        (BERLIN, {at(23, 0, -1): 4, at(23): 4, at(22, 0, 1): 1, at(22, 0, 2): 1}),
    ],
)
def test_local_days_hold_the_lines_between_two_midnights(busy: Acme, zone: str, expected: dict[datetime, int]) -> None:
    assert use_zone(busy, zone) == 1

    assert dict(TotalLocalDay.objects.values_list("bucket", "requests")) == expected
    assert dict(SubjectLocalDay.objects.values_list("bucket", "requests")) == expected
    assert compare_rollups() == []
    assert follow_zones() == 0


@pytest.mark.parametrize("zone", [KATHMANDU, BERLIN])
@pytest.mark.parametrize("granularity", [None, "hour", "day", "week", "month"])
def test_answers_are_the_same_with_local_days_and_without(busy: Acme, zone: str, granularity: Any) -> None:
    names = ["requests", "cost", "latency_p95", "distinct_keys"]
    more = {"measures": names, "timezone": zone, "granularity": granularity, "start": at(3), "dimensions": ["project"]}
    before = ask(busy, compare_to=(at(0), at(3, 0, 1)), **more)

    use_zone(busy, zone)
    after = ask(busy, compare_to=(at(0), at(3, 0, 1)), **more)

    assert (before.totals, before.previous_totals) == (after.totals, after.previous_totals)
    assert (list(before.series), list(before.groups)) == (list(after.series), list(after.groups))
    assert after.totals["requests"] == 9


def test_ninety_days_in_the_reporting_zone_read_day_rows(busy: Acme) -> None:
    use_zone(busy, KATHMANDU)
    query = Query(
        measures=["requests"], organization=busy.organization, timezone=KATHMANDU, granularity="day",
        start=at(18, 15, -90), end=at(18, 15),
    )  # fmt: skip

    plan = make_plan(query, scope_of(busy.people["alice"], query), datetime.now(UTC))
    elsewhere = make_plan(
        Query(**{**_fields(query), "timezone": BERLIN}), scope_of(busy.people["alice"], query), datetime.now(UTC)
    )

    assert plan.segments == ({Grain.LOCAL_DAY: [(at(18, 15, -90), at(18, 15))]},)
    assert Grain.LOCAL_DAY not in elsewhere.segments[0]


def _fields(query: Query) -> dict[str, Any]:
    return {name: getattr(query, name) for name in Query.__dataclass_fields__}


def test_lines_that_come_later_reach_both_kinds_of_days(busy: Acme) -> None:
    use_zone(busy, KATHMANDU)

    book_lines(line(busy, at=at(18, 14)), line(busy, at=at(18, 15)), line(busy, at=at(3, 0, 9)))
    drain_marks()

    found = dict(TotalLocalDay.objects.values_list("bucket", "requests"))
    assert found == {
        at(18, 15, -1): 3, at(18, 15): 6, at(18, 15, 1): 2, at(18, 15, 2): 1, at(18, 15, 8): 1,
    }  # fmt: skip
    assert compare_rollups() == []


def test_a_changed_zone_builds_them_anew_and_utc_needs_none(busy: Acme) -> None:
    use_zone(busy, KATHMANDU)
    version = RollupState.objects.get().version

    assert use_zone(busy, BERLIN) == 1
    assert set(TotalLocalDay.objects.values_list("bucket", flat=True)) == {
        at(23, 0, -1), at(23), at(22, 0, 1), at(22, 0, 2),
    }  # fmt: skip
    assert compare_rollups() == []
    assert RollupState.objects.get().version > version

    assert use_zone(busy, "UTC") == 1
    assert (TotalLocalDay.objects.count(), RollupState.objects.get().local_zone, follow_zones()) == (0, "", 0)


def test_a_zone_that_nobody_knows_is_utc(busy: Acme) -> None:
    assert use_zone(busy, "Mars/Olympus") == 0
    assert RollupState.objects.get().local_zone == ""


def test_a_build_that_died_is_not_read_and_is_begun_again(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*arguments: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(zones, "_build_days", die)
        with pytest.raises(KeyboardInterrupt):
            use_zone(busy, KATHMANDU)
    half = ask(busy, timezone=KATHMANDU, granularity="day")
    soon = follow_zones()
    RollupState.objects.update(local_beat_at=datetime.now(UTC) - zones.SILENT_AFTER - timedelta(seconds=1))
    later = follow_zones()

    assert (half.totals["requests"], soon, later) == (10, 0, 1)
    assert compare_rollups() == []
    assert scope_of(busy.people["alice"], _question(busy)).local_days is not None


def _question(company: Acme) -> Query:
    return Query(measures=["requests"], start=DAY, end=at(1), organization=company.organization)


def test_a_build_that_was_replaced_stops(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    built = zones._build_days

    def replaced(*arguments: Any) -> bool:
        RollupState.objects.update(local_build=uuid7())
        return built(*arguments)

    monkeypatch.setattr(zones, "_build_days", replaced)

    assert use_zone(busy, KATHMANDU) == 0
    assert (RollupState.objects.get().local_ready_at, TotalLocalDay.objects.count()) == (None, 0)


def test_days_that_vanish_while_they_are_read_are_not_an_answer(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    use_zone(busy, KATHMANDU)
    statement = running._fetch

    def raced(plan: Any, foreign: Any) -> Any:
        if plan.reads_local_days:
            zones._begin(busy.organization.pk, BERLIN, uuid7(), None)
        return statement(plan, foreign)

    monkeypatch.setattr(running, "_fetch", raced)
    cache.clear()

    assert ask(busy, timezone=KATHMANDU, granularity="day").totals == {"requests": 10, "cost": Decimal("0.0350")}


def test_one_more_statement_when_local_days_are_read(busy: Acme) -> None:
    use_zone(busy, KATHMANDU)

    with CaptureQueriesContext(connection) as captured:
        ask(busy, timezone=KATHMANDU, granularity="day")

    assert len(captured) == 3


def test_the_zones_are_followed_by_schedule(busy: Acme) -> None:
    Organization.objects.filter(pk=busy.organization.pk).update(reporting_timezone=KATHMANDU)

    assert follow_reporting_zones() == 1
    assert follow_reporting_zones.name in {entry["task"] for entry in SCHEDULES.values()}
