"""Quarter-hours go after 400 days; days stay, and are right whatever comes later."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import cache, retention
from analytics.models import LedgerHorizon, RollupState, TotalDay, TotalLocalDay, TotalQuarterHour
from analytics.query import Query, QueryError, Result, run
from analytics.retention import prune_quarter_hours
from analytics.rollups import cubes, localdays, zones
from analytics.rollups.cubes import Grain
from analytics.rollups.marks import drain_marks, process_marks
from analytics.rollups.refresh import refresh
from analytics.rollups.zones import follow_zones
from analytics.services import declare_tag
from analytics.tasks import prune_quarter_hours as prune_task
from analytics.verify import compare_rollups
from config.schedules import SCHEDULES
from gateway.ledger.booking import book
from gateway.ledger.partitions import ensure_partitions
from gateway.models import DirtyMark, Organization
from tests.analytics.drafts import drafted, drafts
from tests.factories import Acme, book_lines, line

KATHMANDU, HAVANA = "Asia/Kathmandu", "America/Havana"
JUNE = datetime(2025, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 7, 15, tzinfo=UTC)
"""400 days after a day of June 2025: quarter-hours are kept from two days before that month."""
KEPT_FROM = datetime(2025, 5, 30, tzinfo=UTC)


def at(hours: float, days: int = 0) -> datetime:
    return JUNE + timedelta(days=days, hours=hours)


def prune() -> int:
    prune_quarter_hours(now=NOW)
    return prune_quarter_hours(now=NOW)


def use_zone(company: Acme, zone: str) -> int:
    Organization.objects.filter(pk=company.organization.pk).update(reporting_timezone=zone)
    return follow_zones()


def ask(company: Acme, start: datetime, end: datetime, **more: Any) -> Result:
    cache.clear()
    known: dict[str, Any] = {"measures": ["requests"], "start": start, "end": end}
    return run(company.people["alice"], Query(**{**known, "organization": company.organization, **more}))


def by_day(company: Acme, zone: str, days: int = 5) -> list[int]:
    """Requests of the days in the zone around the first of June, from three before it."""
    start = datetime(2025, 5, 29, tzinfo=ZoneInfo(zone))
    end = start + timedelta(days=days)
    return [int(p.measures["requests"] or 0) for p in ask(company, start, end, timezone=zone, granularity="day").series]


@pytest.fixture
def busy(company: Acme) -> Acme:
    """Two lines in April, four around the end of May, one in June."""
    book_lines(*(line(company, at=at(h, d)) for h, d in ((9, -50), (20, -50), (9, -3), (20, -3), (20, -2), (9, -1))))
    book_lines(line(company, at=at(9)))
    drain_marks()
    return company


def test_old_quarter_hours_go_and_days_stay(busy: Acme) -> None:
    days = dict(TotalDay.objects.values_list("bucket", "requests"))

    first, second, third = (prune_quarter_hours(now=NOW) for _ in range(3))

    assert (first, second > 0, third) == (0, True, 0)
    assert [*TotalQuarterHour.objects.order_by("bucket").values_list("bucket", flat=True)] == [
        at(20, -2), at(9, -1), at(9),
    ]  # fmt: skip
    assert dict(TotalDay.objects.values_list("bucket", "requests")) == days
    horizon = LedgerHorizon.objects.get()
    assert (horizon.complete_from, horizon.quarters_from) == (JUNE, KEPT_FROM)
    assert compare_rollups() == []


def test_nothing_goes_before_its_time(busy: Acme) -> None:
    before = TotalQuarterHour.objects.count()

    assert [prune_quarter_hours(now=datetime(2026, 4, 1, tzinfo=UTC)) for _ in range(2)] == [0, 0]

    assert TotalQuarterHour.objects.count() == before
    assert LedgerHorizon.objects.get().quarters_from == datetime(2025, 1, 30, tzinfo=UTC)


def test_it_waits_for_rollups(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    book_lines(line(busy, at=at(9, -3)))
    with monkeypatch.context() as patch:
        patch.setattr(retention, "drain_marks", lambda: None)
        assert prune() == 0

    assert LedgerHorizon.objects.count() == 0
    assert prune() > 0
    assert by_day(busy, "UTC") == [3, 1, 1, 1, 0]


def test_a_run_that_was_killed_is_finished_by_the_next(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    prune_quarter_hours(now=NOW)
    delete = retention._delete_quarter_hours

    def die(cube: cubes.Cube, *arguments: Any) -> int:
        if cube.name == "key":
            raise KeyboardInterrupt
        return delete(cube, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "_delete_quarter_hours", die)
        with pytest.raises(KeyboardInterrupt):
            prune_quarter_hours(now=NOW)

    assert by_day(busy, "UTC") == [2, 1, 1, 1, 0]
    assert prune_quarter_hours(now=NOW) > 0
    assert by_day(busy, "UTC") == [2, 1, 1, 1, 0]


@pytest.mark.parametrize("zone", ["UTC", KATHMANDU, HAVANA])
def test_late_lines_are_added_to_pruned_days_once(busy: Acme, zone: str) -> None:
    use_zone(busy, zone)
    before = by_day(busy, zone)
    prune()

    book_lines(line(busy, at=at(9, -3)), line(busy, at=at(9, -2)), line(busy, at=at(9, 0)))
    process_marks(force=True)
    book_lines(line(busy, at=at(9, -3), model_served="other"))
    process_marks(force=True)
    DirtyMark.objects.create(organization=busy.organization.pk, grain="quarter_hour", bucket=at(9, -3))
    process_marks(force=True)
    refresh(busy.organization.pk, at(0, -60), at(0, 9))

    assert [now - then for now, then in zip(by_day(busy, zone), before, strict=True)] == [2, 1, 0, 1, 0]
    assert TotalDay.objects.get(bucket=at(0, -3)).requests == 4
    assert ask(busy, at(0, -60), at(0, 9)).totals["requests"] == 11
    assert compare_rollups() == []


def test_marks_of_one_pruned_day_take_all_its_late_lines(busy: Acme) -> None:
    """A line that is booked after the worker chose its buckets is not lost with its mark."""
    prune()
    book_lines(line(busy, at=at(9, -3)), line(busy, at=at(21, -3)))
    process_marks(1, force=True)
    process_marks(1, force=True)

    assert TotalDay.objects.get(bucket=at(0, -3)).requests == 4


def test_a_new_zone_has_its_days_from_where_they_can_be_made(busy: Acme) -> None:
    prune()

    assert use_zone(busy, KATHMANDU) == 1

    since = at(18.25, -2)
    assert RollupState.objects.get().local_from == since
    assert dict(TotalLocalDay.objects.values_list("bucket", "requests")) == {since: 2, at(18.25, -1): 1}
    # the 29th and 30th by the UTC day of the same date, the rest by Kathmandu's
    assert by_day(busy, KATHMANDU) == [2, 0, 2, 1, 0]
    book_lines(line(busy, at=at(9, -3)), line(busy, at=at(19, -2)), line(busy, at=at(9, -50)))
    drain_marks()
    assert by_day(busy, KATHMANDU) == [3, 0, 3, 1, 0]
    assert ask(busy, at(0, -60), at(0, 9)).totals["requests"] == 10
    assert compare_rollups() == []
    assert follow_zones() == 0


def test_a_build_during_which_quarter_hours_are_given_up_is_begun_again(
    busy: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = zones._build_days

    def raced(*arguments: Any) -> bool:
        prune_quarter_hours(now=NOW)
        return built(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(zones, "_build_days", raced)
        use_zone(busy, KATHMANDU)
    assert RollupState.objects.get().local_ready_at is None
    RollupState.objects.update(local_build=None)

    assert follow_zones() == 1
    assert RollupState.objects.get().local_from == at(18.25, -2)


def test_ragged_windows_are_widened_to_days_with_a_note(busy: Acme) -> None:
    prune()

    found = ask(busy, at(12, -3), at(15, -3))

    assert (found.totals["requests"], [note.code for note in found.notes]) == (2, ["days_alone"])
    assert (found.query["start"], found.query["end"]) == (at(0, -3).isoformat(), at(0, -2).isoformat())
    assert ask(busy, at(0, -3), at(0)).notes == []
    compared = ask(busy, at(12, 0), at(12, 3), compare_to=(at(12, -3), at(12, -1)))
    assert compared.previous_totals == {"requests": 4}


def test_hours_are_refused_where_they_are_gone(busy: Acme) -> None:
    prune()

    with pytest.raises(QueryError, match="Hours are kept since 2025-05-30; ask for what was before by the day"):
        ask(busy, at(0, -3), at(0), granularity="hour")
    assert ask(busy, at(0, -2), at(0), granularity="hour").totals["requests"] == 2


def test_pruning_is_scheduled(company: Acme) -> None:
    assert prune_task.name in {entry["task"] for entry in SCHEDULES.values()}
    assert prune_task() == 0


ZONES = ["UTC", KATHMANDU, HAVANA]


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(drafts(), max_size=8),
    batches=st.lists(st.lists(drafts(), max_size=5), min_size=1, max_size=3),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3),
    tag=st.booleans(),
)
def test_days_equal_the_ledger_whatever_comes_late(
    company: Acme, before: list[dict[str, Any]], batches: list[list[dict[str, Any]]], zones: list[str], tag: bool
) -> None:
    """Lines around the horizon before and after the pruning, zones that change in between: every row of every cube of
    days is what the ledger says."""
    start, organization = KEPT_FROM - timedelta(days=1), company.organization.pk
    with transaction.atomic():
        connection.ensure_connection()
        ensure_partitions(connection.connection, [start, start + timedelta(days=5)])
        if tag:
            declare_tag(organization=company.organization, actor=None, key="feature")
        use_zone(company, zones[0])
        book(connection.connection, [drafted(company, start, draft) for draft in before])
        drain_marks()
        use_zone(company, zones[0])
        prune()
        for number, batch in enumerate(batches):
            lines = [drafted(company, start, draft) for draft in batch]
            book(connection.connection, lines)
            book(connection.connection, lines[:2])
            drain_marks()
            if number + 1 < len(zones):
                use_zone(company, zones[number + 1])

        found = _rows(Grain.DAY), _rows(Grain.LOCAL_DAY)

        state = RollupState.objects.filter(pk=organization).first()
        since = state.local_from if state else None
        LedgerHorizon.objects.all().delete()
        refresh(organization, start, start + timedelta(days=6))
        if state and state.local_zone and since:
            assert localdays.day_start(since, ZoneInfo(state.local_zone)) == since
        assert found == (_rows(Grain.DAY), _rows(Grain.LOCAL_DAY, since))
        transaction.set_rollback(True)


def _rows(grain: Grain, since: datetime | None = None) -> dict[str, Counter[str]]:
    """The rows of every cube as text, histograms in order; `since`: those from then on."""
    tables: dict[str, Counter[str]] = {}
    for cube in cubes.STORED:
        figures = ", ".join(f'"{name}"' for name in ("bucket", *cube.dimensions, *cubes.SUM_NAMES))
        arrays = "".join(
            f", (SELECT array_agg((b, n) ORDER BY b) FROM (SELECT b, sum(n) AS n FROM unnest({name}_b, {name}_n) "
            "AS u(b, n) GROUP BY b) g)"
            for name in (cubes.HISTOGRAMS if cube.has_histograms else ())
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT ({figures}{arrays})::text FROM {cube.table(grain)} WHERE bucket >= %s",
                [since or datetime(2000, 1, 1, tzinfo=UTC)],
            )
            tables[cube.name] = Counter(row[0] for row in cursor.fetchall())
    return tables
