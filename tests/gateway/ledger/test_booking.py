import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from gateway.ledger.booking import Booked, book, derived_id
from gateway.ledger.ids import uuid7
from gateway.ledger.partitions import attached_months, ensure_partitions, partition_name
from gateway.ledger.schema import TABLE
from tests.gateway.ledger.lines import KEY, ORGANIZATION, line

Ledger = psycopg.Connection[Any]


def booked(ledger: Ledger, *lines: dict[str, Any]) -> Booked:
    with ledger.transaction():
        return book(ledger, lines, source="test")


def rows(ledger: Ledger, sql: str) -> list[tuple[Any, ...]]:
    return ledger.execute(sql).fetchall()


def test_every_column_arrives_as_it_was_sent(ledger: Ledger) -> None:
    sent = line(
        end_user="tab\there \\ new\nline", tag_set={"a": 'quote " back \\ ünï'}, request_hmac=b"\x00\\\xff",
        duration_ms=12.5, is_stream=True, prefix_hmacs=b"12345678", corrects=None,
    )  # fmt: skip

    booked(ledger, sent)

    found = ledger.execute(
        "SELECT end_user, tag_set, request_hmac, duration_ms, is_stream, cost, charges, ledger_shard, started_at "
        "FROM gateway_ledgerline"
    ).fetchone()
    assert found is not None
    assert found[:5] == ("tab\there \\ new\nline", {"a": 'quote " back \\ ünï'}, b"\x00\\\xff", 12.5, True)
    assert found[5] == Decimal("0.00045")
    assert found[6] == sent["charges"]
    assert found[8] == datetime.fromtimestamp(int(sent["id"].replace("-", "")[:12], 16) / 1000, UTC)


def test_the_same_line_twice_is_one_line(ledger: Ledger) -> None:
    one, two = line(), line()

    first = booked(ledger, one)
    second = booked(ledger, one, two, two)

    assert (len(first.inserted), first.duplicates) == (1, 0)
    assert (len(second.inserted), second.duplicates) == (1, 2)
    assert rows(ledger, "SELECT count(*), sum(cost) FROM gateway_ledgerline") == [(2, Decimal("0.0009"))]
    assert rows(ledger, "SELECT spent, requests FROM gateway_keyspend") == [(Decimal("0.0009"), 2)]


def test_a_line_cannot_claim_another_time_than_its_id(ledger: Ledger) -> None:
    moved = line(started_at="2020-01-01T00:00:00+00:00")

    booked(ledger, moved)

    assert rows(ledger, "SELECT started_at = gateway_uuid7_at(id) FROM gateway_ledgerline") == [(True,)]
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.execute(
            "INSERT INTO gateway_ledgerline SELECT (jsonb_populate_record(l, jsonb_build_object('id', %s::text))).* "
            "FROM gateway_ledgerline l",
            [str(uuid7(0))],
        )


def test_a_poisonous_line_is_set_aside_and_the_rest_is_booked(ledger: Ledger) -> None:
    good = [line() for _ in range(9)]
    poison = line(end_user="a\x00b")

    result = booked(ledger, *good[:4], poison, *good[4:])

    assert (len(result.inserted), result.quarantined) == (9, 1)
    assert rows(ledger, "SELECT count(*) FROM gateway_ledgerline") == [(9,)]
    source, position, payload, reason = rows(
        ledger, "SELECT source, position, payload, reason FROM gateway_quarantinedline"
    )[0]
    assert (source, position) == ("test", "4")
    assert poison["id"].encode() in bytes(payload)
    assert "NUL" in reason or "0x00" in reason


def test_an_unknown_price_is_never_zero(ledger: Ledger) -> None:
    result = booked(ledger, line(price_status="unpriced", cost="0"))

    assert result.quarantined == 1


def test_a_truth_after_an_interrupted_estimate_becomes_an_adjustment(ledger: Ledger) -> None:
    estimate = line(status="interrupted", usage_source="estimated", cost="0.5", output_tokens=250)
    truth = {**estimate, "status": "ok", "usage_source": "reported", "cost": "0.2", "output_tokens": 90}

    booked(ledger, estimate)
    first = booked(ledger, truth)
    again = booked(ledger, truth)

    assert (first.adjusted, again.adjusted) == (1, 0)
    kinds = rows(ledger, "SELECT kind, is_final, cost, output_tokens, corrects FROM gateway_ledgerline ORDER BY kind")
    assert kinds == [
        ("adjustment", False, Decimal("-0.3"), -160, UUID(estimate["id"])),
        ("attempt", True, Decimal("0.5"), 250, None),
    ]
    assert rows(ledger, "SELECT spent, requests FROM gateway_keyspend") == [(Decimal("0.2"), 1)]


def test_a_derived_id_keeps_the_millisecond_and_repeats() -> None:
    original = uuid7(1_700_000_000_000)

    assert derived_id(original, "run") == derived_id(original, "run") != derived_id(original, "other")
    assert derived_id(original, "run").int >> 80 == 1_700_000_000_000


def test_dirty_marks_name_each_bucket_once_per_batch(ledger: Ledger) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    quarter = now - now % 900_000
    minute = now - now % 60_000

    booked(ledger, line(at=now), line(at=now), line(at=now))

    found = rows(ledger, "SELECT organization::text, grain, extract(epoch FROM bucket)::bigint FROM gateway_dirtymark")
    assert sorted(found) == [
        (ORGANIZATION, "minute", minute // 1000), (ORGANIZATION, "quarter_hour", quarter // 1000)
    ]  # fmt: skip


def test_the_ledger_refuses_updates_and_deletes(ledger: Ledger) -> None:
    booked(ledger, line())

    for sql in ("UPDATE gateway_ledgerline SET cost = 0", "DELETE FROM gateway_ledgerline"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            ledger.execute(sql)


def test_neither_the_ledger_nor_a_month_of_it_is_truncated(ledger: Ledger) -> None:
    booked(ledger, line())
    new = datetime(2031, 5, 1, tzinfo=UTC)
    ensure_partitions(ledger, [new])
    tables = [partition_name(month) for month in attached_months(ledger)]

    assert partition_name(new) in tables
    for table in (TABLE, *tables):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            ledger.execute(f"TRUNCATE {table}")
    assert rows(ledger, "SELECT count(*) FROM gateway_ledgerline") == [(1,)]
    ledger.execute(f"DROP TABLE {partition_name(new)}")


def test_two_writers_with_the_same_keys_neither_deadlock_nor_lose(ledger: Ledger, conninfo: str) -> None:
    keys = [str(UUID(int=n)) for n in range(10, 30)]
    errors: list[Exception] = []

    def write(order: list[str]) -> None:
        try:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                for _ in range(10):
                    with connection.transaction():
                        book(connection, [line(api_key=key) for key in order])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(order,)) for order in (keys, keys[::-1], keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert rows(ledger, "SELECT count(*), min(spent), max(spent) FROM gateway_keyspend") == [
        (20, Decimal("0.018"), Decimal("0.018"))
    ]


def test_spend_is_the_keys_own(ledger: Ledger) -> None:
    booked(ledger, line(), line(api_key=None), line(kind="denied", status="denied", cost="0", price_status="free"))

    assert rows(ledger, "SELECT key_id::text, spent, requests FROM gateway_keyspend") == [(KEY, Decimal("0.00045"), 1)]


def test_an_adjustment_is_exact_for_long_amounts(ledger: Ledger) -> None:
    estimate = line(status="interrupted", usage_source="estimated", cost="1234567890.1234567891")
    truth = {**estimate, "status": "ok", "cost": "0.0000000001"}

    booked(ledger, estimate)
    booked(ledger, truth)

    assert rows(ledger, "SELECT sum(cost) FROM gateway_ledgerline") == [(Decimal("0.0000000001"),)]
