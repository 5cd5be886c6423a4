"""Refreshing by hand-computed ledgers, late lines, adjustments, detached partitions, crashes and concurrency."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection, connections, transaction

from analytics.histogram import OUTPUT_RATE, buckets
from analytics.models import KeyDay, LiveMinute, ModelDay, ProjectQuarterHour, TotalDay, WideQuarterHour
from analytics.rollups import cubes, ledger, state
from analytics.rollups import refresh as refreshing
from analytics.rollups.cubes import Grain
from analytics.rollups.marks import drain_marks, process_marks, prune_minutes
from analytics.rollups.rebuild import booked_span, rebuild
from analytics.rollups.refresh import refresh
from analytics.rollups.zones import follow_zones
from analytics.verify import compare_rollups
from gateway.ledger.booking import book
from gateway.ledger.ids import uuid7
from gateway.models import DirtyMark, LedgerLine, Organization
from tests.analytics.conftest import Fetch
from tests.factories import Acme, acme, book_lines, line

DAY = datetime(2026, 3, 10, tzinfo=UTC)


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour, minutes=minute)


def use_zone(company: Acme, zone: str) -> None:
    Organization.objects.filter(pk=company.organization.pk).update(reporting_timezone=zone)
    follow_zones()


def test_every_sum_of_a_small_ledger(company: Acme) -> None:
    retried = line(
        company, at=at(9, 1), is_final=False, status="timeout", cost=Decimal("0.001"), usage_source="estimated"
    )
    answered = line(company, at=at(9, 2), duration_ms=6_000.0, ttft_ms=None)
    hit = line(
        company, at=at(9, 3), kind="cache_hit", cost=Decimal(0), charges=[], price_status="free", duration_ms=2.5
    )
    denied = line(
        company,
        at=at(9, 4),
        kind="denied",
        status="denied",
        cost=Decimal(0),
        charges=[],
        duration_ms=None,
        ttft_ms=None,
        input_tokens=0,
        output_tokens=0,
        price_status="free",
        provider=None,
        model_served=None,
    )
    unpriced = line(company, at=at(9, 16), cost=None, list_cost=None, charges=[], price_status="unpriced")
    failed = line(
        company,
        at=at(9, 17),
        status="upstream_error",
        cache_read_tokens=300,
        cache_write_5m_tokens=20,
        cache_write_1h_tokens=3,
    )
    book_lines(retried, answered, hit, denied, unpriced, failed)

    refresh(company.organization.pk, DAY, DAY + timedelta(days=1))

    row = TotalDay.objects.values().get()
    assert {name: row[name] for name in ("lines", "requests", "attempts", "successes", "errors", "unavailable")} == {
        "lines": 6,
        "requests": 4,
        "attempts": 4,
        "successes": 3,
        "errors": 1,
        "unavailable": 1,
    }
    assert (row["denied"], row["cancelled"], row["cache_hits"], row["retries"], row["unpriced_requests"]) == (
        1,
        0,
        1,
        1,
        1,
    )
    assert (row["input_tokens"], row["output_tokens"], row["cache_read_tokens"], row["cache_write_tokens"]) == (
        5000,
        500,
        300,
        23,
    )
    assert (row["duration_count"], row["duration_us"]) == (4, 6_000_000 + 2_500 + 800_000 + 800_000)
    assert (row["ttft_count"], row["ttft_us"]) == (3, 600_000)
    assert (row["apdex_satisfied"], row["apdex_tolerating"]) == (2, 1)
    assert (row["cost"], row["retry_cost"], row["failed_cost"], row["estimated_cost"]) == (
        Decimal("0.008"),
        Decimal("0.001"),
        Decimal("0.0045"),
        Decimal("0.001"),
    )
    assert (row["latency_n"], sum(row["ttft_n"])) == ([1, 1, 1, 1], 3)


def test_costs_are_split_by_meter_and_charges_keep_their_product(company: Acme, fetch: Fetch) -> None:
    charges = [
        {
            "meter": "input",
            "rate_id": "r1",
            "quantity": "700",
            "unit_price": "0.0000025",
            "cost": "0.00175",
            "currency": "USD",
        },
        {
            "meter": "cache_read",
            "rate_id": "r1",
            "quantity": "300",
            "unit_price": "0.00000125",
            "cost": "0.000375",
            "currency": "USD",
        },
        {
            "meter": "reasoning",
            "rate_id": "r1",
            "quantity": "50",
            "unit_price": "0.00001",
            "cost": "0.0005",
            "currency": "USD",
        },
    ]
    book_lines(*(line(company, at=at(9, minute), charges=charges, cost=Decimal("0.002625")) for minute in (0, 5, 20)))

    refresh(company.organization.pk, at(9), at(10))

    row = ModelDay.objects.values().get()
    assert (row["input_cost"], row["cache_cost"], row["output_cost"]) == (
        Decimal("0.00525"),
        Decimal("0.001125"),
        Decimal("0.0015"),
    )
    rows = fetch(
        "SELECT bucket, meter, quantity, unit_price, cost FROM analytics_charge_quarter_hour ORDER BY bucket, meter"
    )
    assert [(r["bucket"], r["meter"], r["quantity"]) for r in rows] == [
        (at(9), "cache_read", 600),
        (at(9), "input", 1400),
        (at(9), "reasoning", 100),
        (at(9, 15), "cache_read", 300),
        (at(9, 15), "input", 700),
        (at(9, 15), "reasoning", 50),
    ]
    assert all(r["quantity"] * r["unit_price"] == r["cost"] for r in rows)


@pytest.mark.parametrize("count", [1, ledger.SLOTS, ledger.SLOTS + 1, 9])
def test_costs_are_split_however_many_charges_a_line_has(company: Acme, fetch: Fetch, count: int) -> None:
    meters = ["input", "output", "cache_read", "image", "cache_write_1h", "audio_input", "reasoning", "tool", "input"]
    charges = [
        {"meter": meter, "rate_id": f"r{place}", "quantity": 10, "unit_price": "0.5", "cost": f"{2**place}"}
        for place, meter in enumerate(meters[:count])
    ]
    book_lines(line(company, at=at(9), charges=charges, cost=Decimal(2**count - 1)))

    refresh(company.organization.pk, at(9), at(10))

    row = ModelDay.objects.values().get()
    kinds = [
        {"input": 0, "audio_input": 0, "cache_read": 2, "cache_write_1h": 2, "tool": 3}.get(meter, 1)
        for meter in meters[:count]
    ]
    expected = [sum(2**place for place, kind in enumerate(kinds) if kind == wanted) for wanted in (0, 1, 2)]
    assert [row["input_cost"], row["output_cost"], row["cache_cost"]] == expected
    rows = fetch("SELECT meter, currency, quantity, cost FROM analytics_charge_quarter_hour ORDER BY rate_id")
    assert [(r["meter"], r["currency"], r["quantity"], r["cost"]) for r in rows] == [
        (meter, "USD", 10, 2**place) for place, meter in enumerate(meters[:count])
    ]


def test_an_adjustment_adds_cost_and_no_request(company: Acme) -> None:
    original = line(company, at=at(9), status="interrupted")
    truth = line(company, at=at(9), kind="adjustment", is_final=False, corrects=original["id"], cost=Decimal("-0.0005"))
    truth["id"] = uuid7(original["id"].int >> 80)
    book_lines(original, truth)

    refresh(company.organization.pk, DAY, at(1))

    row = TotalDay.objects.get()
    assert (row.requests, row.attempts, row.errors, row.cost) == (1, 1, 1, Decimal("0.003"))


def test_late_lines_reopen_their_buckets_alone(company: Acme) -> None:
    book_lines(line(company, at=at(9)), line(company, at=at(11)))
    drain_marks()
    untouched = set(ProjectQuarterHour.objects.filter(bucket=at(11)).values_list("pk", flat=True))
    book_lines(line(company, at=at(9, 7)), line(company, at=at(9, 7, day=-1)))

    done = process_marks()

    assert done.quarter_hours == 2
    assert {row.bucket: row.requests for row in ProjectQuarterHour.objects.all()} == {
        at(9): 2,
        at(11): 1,
        at(9, day=-1): 1,
    }
    assert {row.bucket: row.requests for row in TotalDay.objects.all()} == {DAY: 3, at(0, day=-1): 1}
    assert set(ProjectQuarterHour.objects.filter(bucket=at(11)).values_list("pk", flat=True)) == untouched
    assert not DirtyMark.objects.exists()


def test_many_scattered_buckets_in_one_run(company: Acme) -> None:
    times = [at(hour, 0, day) for day in range(10) for hour in range(0, 24, 5)]
    book_lines(*(line(company, at=time) for time in times))
    drain_marks()
    book_lines(*(line(company, at=time + timedelta(hours=2)) for time in times))

    assert drain_marks().quarter_hours == 50

    assert sum(TotalDay.objects.values_list("requests", flat=True)) == 100
    assert compare_rollups() == []


def test_the_open_bucket_waits_twenty_seconds_and_minutes_do_not(company: Acme) -> None:
    now = datetime.now(UTC)
    book_lines(line(company, at=now))
    process_marks()
    book_lines(line(company, at=now))

    throttled = process_marks()
    live, rolled = LiveMinute.objects.get().requests, TotalDay.objects.get().requests
    forced = process_marks(force=True)

    assert (throttled.minutes, throttled.quarter_hours, live, rolled) == (1, 0, 2, 1)
    assert (forced.quarter_hours, TotalDay.objects.get().requests) == (1, 2)


def test_old_minutes_are_pruned_and_their_marks_dropped(company: Acme) -> None:
    old = datetime.now(UTC) - timedelta(hours=47, minutes=58)
    book_lines(line(company, at=old))
    process_marks()
    LiveMinute.objects.update(bucket=old - timedelta(hours=1))
    DirtyMark.objects.create(organization=company.organization.pk, grain="minute", bucket=old - timedelta(hours=1))

    assert prune_minutes() == 1

    process_marks()
    assert not LiveMinute.objects.exists()
    assert not DirtyMark.objects.exists()


def test_days_before_the_horizon_are_kept(company: Acme) -> None:
    book_lines(line(company, at=at(9)), line(company, at=at(10)))
    drain_marks()
    state.forget_before(at(0, day=1))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; DELETE FROM gateway_ledgerline")
    book_lines(line(company, at=at(9, 30)))

    process_marks()
    done = refresh(company.organization.pk, DAY, at(1))

    assert (done.kept, done.lines, TotalDay.objects.get().requests) == (1, 0, 3)  # the late line was added
    assert not DirtyMark.objects.exists()
    assert compare_rollups() == []


def test_days_of_a_detached_partition_are_kept(company: Acme) -> None:
    book_lines(line(company, at=at(9)))
    drain_marks()
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE gateway_ledgerline DETACH PARTITION gateway_ledgerline_2026_03"
        )

    assert refresh(company.organization.pk, DAY, at(1)).kept == 1

    assert TotalDay.objects.get().requests == 1


def test_a_missing_or_changed_row_is_a_difference(company: Acme) -> None:
    book_lines(line(company, at=at(9)), line(company, at=at(10)))
    drain_marks()
    KeyDay.objects.update(cost=Decimal("0.0070000001"))
    WideQuarterHour.objects.filter(bucket=at(9)).delete()

    found = {item.table: item for item in compare_rollups([company.organization.pk])}

    assert found["analytics_key_day"].ledger == {"cost": Decimal("0.0070000000")}
    assert found["analytics_key_day"].rollup == {"cost": Decimal("0.0070000001")}
    assert found["analytics_wide_quarter_hour"].bucket == at(9)
    assert found["analytics_wide_quarter_hour"].rollup == {}


def test_a_changed_histogram_is_a_difference(company: Acme) -> None:
    book_lines(line(company, at=at(9)))
    drain_marks()
    ModelDay.objects.update(latency_b=[5])

    found = compare_rollups()

    assert {item.table for item in found} == {"analytics_model_day.latency"}


HISTOGRAM_TABLES = [cube.table(grain) for cube in cubes.STORED if cube.has_histograms for grain in cube.grains]


@pytest.mark.parametrize("table", HISTOGRAM_TABLES)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("latency", "latency_n = array[2]"),
        ("ttft", "ttft_b = '{}', ttft_n = '{}'"),
        ("output_rate", "output_rate_b = array[9]"),
    ],
)
def test_every_histogram_of_every_table_is_compared(company: Acme, table: str, name: str, change: str) -> None:
    book_lines(line(company, at=at(9), ttft_ms=100.0, duration_ms=900.0, output_ms=800.0, output_tokens=80))
    drain_marks()
    if table.endswith(Grain.LOCAL_DAY):
        use_zone(company, "Asia/Kathmandu")
    assert compare_rollups() == []

    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {change}")

    found = {item.table for item in compare_rollups()}
    assert f"{table}.{name}" in found
    assert all(item.endswith(f"{Grain.LOCAL_DAY}.{name}") for item in found - {f"{table}.{name}"})  # summed from it


SUM_TABLES = [cube.table(grain) for cube in cubes.STORED for grain in cube.grains]


@pytest.mark.parametrize("table", [*SUM_TABLES, cubes.CHARGE_TABLE])
def test_a_row_that_is_there_twice_is_a_difference(company: Acme, table: str) -> None:
    book_lines(line(company, at=at(9), end_user="u1"))
    drain_marks()
    use_zone(company, "Asia/Kathmandu")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = %s::regclass "
            "AND attnum > 0 AND NOT attisdropped AND attname <> 'id'",
            [table],
        )
        columns = cursor.fetchone()[0]
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}")

    assert table in {item.table for item in compare_rollups()}


@pytest.mark.parametrize(
    ("output_tokens", "reasoning_tokens", "output_ms", "rate"),
    [
        (100, 0, 2_000.0, 50.0),
        (1_100, 1_000, 2_000.0, 50.0),  # the reasoning was done before the first visible token
        (600, 600, 2_000.0, None),
        (0, 0, 2_000.0, None),
        (100, 0, 0.0001, None),
        (100, 0, None, None),
    ],
)
def test_the_output_rate_counts_visible_tokens_only(
    company: Acme, output_tokens: int, reasoning_tokens: int, output_ms: float | None, rate: float | None
) -> None:
    columns = {"output_tokens": output_tokens, "reasoning_tokens": reasoning_tokens, "output_ms": output_ms}
    book_lines(line(company, at=at(9), **columns))

    refresh(company.organization.pk, DAY, DAY + timedelta(days=1))

    day = TotalDay.objects.get()
    expected = [] if rate is None else buckets([rate], OUTPUT_RATE).tolist()
    assert (day.output_rate_b, day.output_tokens, day.reasoning_tokens) == (expected, output_tokens, reasoning_tokens)
    assert LedgerLine.objects.get().output_rate == rate


# ---- with real commits ----------------------------------------------------------------------------------------------


@pytest.fixture
def committed(transactional_db: None) -> Acme:
    return acme()


def _book_each(lines: list[dict[str, Any]]) -> None:
    """Book one line a transaction on an own connection."""
    where = {
        k: v
        for k, v in connections["default"].get_connection_params().items()
        if k in ("dbname", "user", "host", "port", "password")
    }
    with psycopg.connect(**where, autocommit=True) as own:
        for item in lines:
            with own.transaction():
                book(own, [item])


@pytest.mark.slow
def test_no_line_is_lost_between_booking_and_refreshing(committed: Acme) -> None:
    book_lines(line(committed, at=at(9)))
    batches = [[line(committed, at=at(9, i % 30)) for i in range(60)] for _ in range(2)]

    def work() -> None:
        try:
            while not all(booker.done() for booker in bookers):
                process_marks(force=True)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        bookers = [pool.submit(_book_each, batch) for batch in batches]
        for done in [*bookers, *(pool.submit(work) for _ in range(2))]:
            done.result(60)
    process_marks(force=True)

    assert TotalDay.objects.get().requests == 121
    assert not DirtyMark.objects.exists()
    assert compare_rollups() == []


def test_a_line_booked_while_its_bucket_is_aggregated_keeps_its_mark(
    committed: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_lines(line(committed, at=at(9)))
    recompute = refreshing._recompute

    def aggregate_then_book(*arguments: Any) -> int:
        lines = recompute(*arguments)
        _book_each([line(committed, at=at(9, 1))])
        return lines

    monkeypatch.setattr(refreshing, "_recompute", aggregate_then_book)
    process_marks(force=True)
    monkeypatch.undo()

    assert (TotalDay.objects.get().requests, DirtyMark.objects.count()) == (1, 1)
    process_marks(force=True)
    assert (TotalDay.objects.get().requests, DirtyMark.objects.count()) == (2, 0)


KILLED_BEFORE_COMMIT = """
import os, signal, sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from analytics.rollups import marks, state
state.bump = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
marks.process_marks(force=True)
"""


@pytest.mark.slow
def test_a_worker_killed_before_its_commit_leaves_rows_and_marks(committed: Acme) -> None:
    book_lines(line(committed, at=at(9)))
    drain_marks()
    book_lines(line(committed, at=at(9, 1)))

    worker = subprocess.run([sys.executable, "-c", KILLED_BEFORE_COMMIT, connection.settings_dict["NAME"]], check=False)

    assert worker.returncode == -signal.SIGKILL
    assert (TotalDay.objects.get().requests, DirtyMark.objects.count()) == (1, 1)
    process_marks(force=True)
    assert TotalDay.objects.get().requests == 2
    assert compare_rollups() == []


@pytest.mark.slow
def test_rebuilding_with_several_connections_equals_the_ledger(committed: Acme) -> None:
    book_lines(*(line(committed, at=at(3, 0, day)) for day in range(30)))
    ((organization, (first, last)),) = booked_span().items()

    done = rebuild(organization, first, last + timedelta(days=1), workers=2)

    assert (done.lines, TotalDay.objects.count()) == (30, 30)
    assert not DirtyMark.objects.filter(grain="quarter_hour").exists()
    assert compare_rollups() == []


@pytest.mark.slow
def test_comparing_with_several_connections_finds_the_same(committed: Acme) -> None:
    book_lines(*(line(committed, at=at(3, 0, day)) for day in range(30)))
    drain_marks()
    assert compare_rollups(workers=2) == []

    KeyDay.objects.filter(bucket=at(0, 0, 17)).update(cost=5)

    found = compare_rollups(workers=2)
    assert [(item.table, item.bucket, item.rollup) for item in found] == [
        ("analytics_key_day", at(0, 0, 17), {"cost": Decimal(5)})
    ]
    assert found == compare_rollups()
