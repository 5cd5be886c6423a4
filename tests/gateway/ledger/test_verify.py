"""`gateway.ledger.verify`: a sound ledger passes, each kind of damage is named."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest

from gateway.ledger.booking import book, derived_id
from gateway.ledger.connect import connect
from gateway.ledger.ids import ms_of, uuid7
from gateway.ledger.partitions import ensure_partitions
from gateway.ledger.spool import Spool
from gateway.ledger.verify import Check, verify
from gateway.models import KeySpend

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
ORGANIZATION, PROJECT, KEY = uuid4(), uuid4(), uuid4()


@pytest.fixture
def ledger(transactional_db: None) -> Iterator[psycopg.Connection]:
    with connect() as connection:
        ensure_partitions(connection, [AT])
        yield connection


def line(**changes: object) -> dict:
    charge = {
        "meter": "input", "rate_id": "r", "quantity": "100", "unit_price": "0.0000025", "cost": "0.00025",
        "currency": "USD",
    }  # fmt: skip
    return {
        "id": str(uuid7(ms_of(AT))), "request_id": "r", "organization": str(ORGANIZATION), "project": str(PROJECT),
        "api_key": str(KEY), "kind": "attempt", "endpoint": "/v1/chat/completions", "model_requested": "m",
        "status": "ok", "usage_source": "reported", "input_tokens": 100, "charges": [charge], "cost": "0.00025",
        "list_cost": "0.00025", "price_status": "priced",
    } | changes  # fmt: skip


def booked(connection: psycopg.Connection, *lines: dict) -> None:
    with connection.transaction():
        book(connection, lines)


def failures(connection: psycopg.Connection, **options: object) -> dict[str, Check]:
    return {check.name: check for check in verify(connection, **options) if check.problems}


def damage(connection: psycopg.Connection, statement: str) -> None:
    """Around the guards, as a faulty disk or a careless superuser would."""
    connection.execute("SET session_replication_role = replica")
    connection.execute(statement)


def test_a_sound_ledger_passes(ledger):
    denied = line(kind="denied", status="denied", charges=[], cost="0", list_cost="0", price_status="free")
    booked(ledger, line(), line(price_status="unpriced", cost=None, list_cost=None, charges=[]), denied)

    checks = verify(ledger, spools=Path("/nonexistent"))

    assert {check.name: check.problems for check in checks if check.problems} == {}
    assert next(check.looked_at for check in checks if check.name == "cost = sum of charges") == 3
    assert next(check.looked_at for check in checks if check.name == "spend of keys = their lines") == 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"cost": "0.00026"}, "cost = sum of charges"),
        ({"charges": []}, "cost = sum of charges"),
        ({"input_tokens": 5, "cache_read_tokens": 6}, "tokens add up"),
        ({"price_status": "free"}, "free lines and denials cost nothing"),
        ({"ledger_shard": -1}, "shard = hash of organization and project"),
    ],
)
def test_a_wrong_line_is_named(ledger, change, name):
    wrong = line(**change)
    booked(ledger, line(), wrong)

    found = failures(ledger)

    assert list(found) == [name]
    assert found[name].problems == 1
    if "shard" not in name:
        assert found[name].examples == (f"line {wrong['id']}",)


def test_a_charge_that_is_not_quantity_times_price(ledger):
    charge = line()["charges"][0] | {"quantity": "101"}
    booked(ledger, line(charges=[charge]))

    assert list(failures(ledger)) == ["charge = quantity x unit price"]


def test_rounded_charges_are_right(ledger):
    charge = line()["charges"][0] | {"quantity": "3", "unit_price": "0.00000001875", "cost": "0.0000000562"}
    booked(ledger, line(charges=[charge], cost="0.0000000562", list_cost=None))

    assert failures(ledger) == {}


def test_spend_that_drifted_from_the_lines(ledger):
    booked(ledger, line(), line())
    KeySpend.objects.filter(pk=KEY).update(spent=Decimal("0.0004"))

    found = failures(ledger)

    assert list(found) == ["spend of keys = their lines"]
    assert found["spend of keys = their lines"].examples == (
        f"key {KEY}: booked 0.0004000000 in 2 requests, its lines say 0.0005000000 in 2",
    )


def test_a_lost_line_shows_in_the_spend_of_its_key(ledger):
    booked(ledger, line(), line())
    damage(ledger, "DELETE FROM gateway_ledgerline WHERE id = (SELECT id FROM gateway_ledgerline LIMIT 1)")

    assert list(failures(ledger)) == ["spend of keys = their lines"]


def test_a_line_in_the_wrong_partition_or_with_a_foreign_time(ledger):
    booked(ledger, line())
    ledger.execute("ALTER TABLE gateway_ledgerline DROP CONSTRAINT ledgerline_started_at_is_ids")
    try:
        damage(ledger, "UPDATE gateway_ledgerline SET started_at = started_at + interval '1 microsecond'")
        assert list(failures(ledger)) == ["started_at is the id's"]
    finally:
        damage(ledger, "TRUNCATE gateway_ledgerline")
        ledger.execute(
            "ALTER TABLE gateway_ledgerline ADD CONSTRAINT ledgerline_started_at_is_ids "
            "CHECK (started_at = gateway_uuid7_at(id))"
        )


@pytest.mark.parametrize("name", ["gateway_ledgerline_2020_04", "gateway_ledgerline_may", "ledger_2026_05"])
def test_a_partition_is_checked_by_the_month_in_its_name(ledger, name):
    booked(ledger, line(), line(id=str(uuid7(ms_of(AT)))))
    ledger.execute(f"ALTER TABLE gateway_ledgerline_2026_05 RENAME TO {name}")
    try:
        assert failures(ledger)["line lies in its month's partition"].problems == 2
    finally:
        ledger.execute(f"ALTER TABLE {name} RENAME TO gateway_ledgerline_2026_05")
    assert failures(ledger) == {}


def test_an_adjustment_needs_its_line(ledger):
    original = line()
    fine = {"kind": "adjustment", "is_final": False, "charges": [], "cost": "0", "price_status": "priced"}
    good = line(**fine, id=str(derived_id(UUID(original["id"]), "run")), corrects=original["id"], list_cost="0")
    stray = line(**fine, corrects=str(uuid7(ms_of(AT))), list_cost="0")
    booked(ledger, original, good, stray)

    found = failures(ledger)

    assert list(found) == ["adjustments point at a line"]
    assert found["adjustments point at a line"].examples == (f"{stray['id']} corrects {stray['corrects']}",)


def test_an_open_quarantine_is_a_failure(ledger):
    booked(ledger, line(), line(input_tokens="many"))

    found = failures(ledger)

    assert list(found) == ["nothing in quarantine"]
    assert not found["nothing in quarantine"].is_fine


def test_one_organization_alone(ledger):
    booked(ledger, line(cost="1"), line(organization=str(uuid4()), api_key=None))

    assert next(check.looked_at for check in verify(ledger, organization=ORGANIZATION)) == 1
    assert failures(ledger, organization=uuid4()) == {}


def test_spools(ledger, tmp_path):
    for name in ("closed", "cut", "new"):
        spool = Spool(tmp_path, name, segment_bytes=64 * 1024)
        spool.line(str(uuid7()), orjson.dumps({"kind": "denied"}))
        spool.close()
    (tmp_path / "cut" / "00000001.seg").unlink()
    for name, closed in (("closed", "now()"), ("cut", "NULL"), ("elsewhere", "NULL")):
        ledger.execute(
            'INSERT INTO gateway_spoolcursor (spool_id, segment, "offset", lines, registered_at, closed_at) '
            f"VALUES ('{name}', 1, 0, 0, now(), {closed})"
        )

    found = failures(ledger, spools=tmp_path)

    assert found["closed spools are fully booked"].examples == (
        "spool closed is closed, but holds lines behind 1:0",
        "spool cut: segment 1 is gone, booked only to byte 0",
    )
    assert found["no spool waits for a writer"].examples == ("spool new was not read by a writer yet",)
