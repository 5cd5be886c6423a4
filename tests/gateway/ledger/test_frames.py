import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.booking import Booked, book_frames
from gateway.ledger.copyformat import copy_row
from gateway.ledger.effects import Effects, Spend
from gateway.ledger.frames import encode
from gateway.ledger.ids import uuid7
from gateway.ledger.lines import decode_body, prepared
from gateway.ledger.partitions import ensure_partitions
from gateway.ledger.schema import COLUMNS
from tests.gateway.ledger.lines import KEY, ORGANIZATION, PROJECT, line

Ledger = psycopg.Connection[Any]
NOW = "2026-11-23T10:00:00+00:00"
AT = 1_763_892_000_123  # 2025-11-23T10:00:00.123Z


def as_read(sql_type: str, value: str) -> str:
    """What PostgreSQL takes for the same value, as one text."""
    if sql_type.startswith("boolean"):
        return value[0].lower()
    if sql_type.startswith("double") and value != "\\N":
        return repr(float(value))
    if sql_type.startswith("jsonb") and value != "\\N":
        return orjson.dumps(json.loads(value.replace("\\\\", "\\"))).decode()
    return value


def fields(row: str) -> dict[str, str]:
    """A COPY row by column."""
    assert row.endswith("\n")
    values = row[:-1].split("\t")
    return {name: as_read(COLUMNS[name], value) for name, value in zip(COLUMNS, values, strict=True)}


def encoded_fields(body: bytes) -> dict[str, str]:
    encoded = encode([body], NOW)
    assert encoded.is_whole
    return fields(b"".join(encoded.blocks).decode())


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT, st.lists, max_leaves=4)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "end_user": st.none() | TEXT,
        "team": st.none() | st.uuids().map(str),
        "api_key": st.none() | st.uuids().map(str),
        "tag_set": st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
        "route_decision": st.none() | st.dictionaries(TEXT, JSON, max_size=3),
        "kind": st.sampled_from(["attempt", "denied", "cache_hit", "adjustment"]),
        "is_final": st.booleans(),
        "is_stream": st.booleans(),
        "duration_ms": st.none() | st.floats(0, 1e9) | st.integers(0, 1000),
        "max_tokens": st.none() | st.integers(-(2**62), 2**62),
        "input_tokens": st.integers(0, 2**62) | st.integers(0, 9).map(str),
        "cost": st.none() | st.decimals(0, 10**6, places=10).map(str),
        "list_cost": st.none() | st.decimals(0, 10**6, places=10).map(str),
        "request_hmac": st.none() | st.binary(max_size=32).map(bytes.hex),
        "prefix_hmacs": st.binary(max_size=32).map(bytes.hex),
        "charges": st.just([]) | st.lists(st.fixed_dictionaries({"meter": TEXT, "cost": TEXT}), max_size=3),
        "model_served": st.none() | st.just("") | TEXT,
        "request_count": st.integers(1, 9),
        "ledger_shard": st.none() | st.integers(0, 63),
        "booked_at": st.none() | st.just("2026-01-01T00:00:00+00:00"),
        "unknown": JSON,
    },
)


@pytest.mark.slow
@given(CHANGES, st.integers(0, 2**42), st.sampled_from([None, 2]))
@settings(max_examples=400, deadline=None)
def test_a_body_becomes_the_row_that_its_dictionary_becomes(
    changes: dict[str, Any], ms: int, indentation: int | None
) -> None:
    sent = line(at=ms) | changes
    body = json.dumps(sent, indent=indentation, ensure_ascii=ms % 2 == 0).encode()
    whole = prepared(decode_body(body), NOW)

    encoded = encode([body], NOW)

    assert fields(b"".join(encoded.blocks).decode()) == fields(copy_row(whole))
    assert encoded.effects == Effects.of([whole])


def test_what_a_frame_leaves_out_is_the_default_or_null() -> None:
    least = {name: line()[name] for name in (
        "request_id", "organization", "project", "kind", "endpoint", "model_requested", "status", "usage_source",
        "price_status",
    )}  # fmt: skip

    row = encoded_fields(orjson.dumps(least | {"id": str(uuid7(AT, 0))}))

    assert row["id"] == "019ab027-f57b-7000-8000-000000000000"
    assert row["started_at"] == "2025-11-23T10:00:00.123000+00:00"
    assert row["booked_at"] == NOW
    assert row["ledger_shard"] == "40"
    defaults = ("is_final", "is_stream", "input_tokens", "charges", "currency", "origin")
    assert [row[name] for name in defaults] == ["t", "f", "0", "[]", "USD", "gateway"]
    assert {row[name] for name in ("team", "tag_set", "cost", "http_status", "request_hmac", "corrects")} == {"\\N"}


def test_effects_are_spend_by_key_and_the_minutes_of_every_line() -> None:
    other = str(UUID(int=9))
    sent = [
        line(at=AT, cost="0.1"),
        line(at=AT + 60_000, cost="0.2", is_final=False),
        line(at=AT, cost=None, list_cost=None, price_status="unpriced", api_key=other),
        line(at=AT, cost="0.4", request_count=7),
        line(at=AT, cost="5", api_key=None),
        line(at=AT - 60_000, cost="0", kind="denied", end_user='escaped "'),
    ]

    effects = encode([orjson.dumps(item) for item in sent], NOW).effects

    assert effects.spend == {
        KEY: Spend({"USD": Decimal("0.7")}, requests=8, last_ms=AT + 60_000),
        other: Spend({}, requests=1, last_ms=AT),
    }
    minute = AT // 60_000
    assert effects.minutes == {(ORGANIZATION, minute), (ORGANIZATION, minute + 1), (ORGANIZATION, minute - 1)}


def test_a_key_is_one_key_however_its_id_is_written() -> None:
    key = "0190f3c2-aaaa-7000-8000-00000000000a"
    effects = Effects.of([line(at=AT, api_key=key, cost="1"), line(at=AT, api_key=key.upper(), cost="2")])

    assert effects.by_key() == [(UUID(key), Spend({"USD": Decimal(3)}, 2, AT))]


NO_LINES = {
    "no JSON": b'{"id":',
    "no object": b"[1,2]",
    "no UTF-8": orjson.dumps(line(end_user="x")).replace(b'"x"', b'"\xff"'),
    "no id": orjson.dumps(line(id="none")),
    "no organization": orjson.dumps({n: v for n, v in line().items() if n != "organization"}),
    "no kind": orjson.dumps(line(kind=None)).replace(b'"kind":null,', b""),
    "a cost that is no number": orjson.dumps(line(cost="much")),
    "a hash that is no text": orjson.dumps(line(request_hmac=5)),
    "a time beyond the calendar": orjson.dumps(line(id="ffffffff-ffff-7000-8000-000000000000")),
}


@pytest.mark.parametrize("body", NO_LINES.values(), ids=NO_LINES.keys())
def test_what_is_no_line_is_left_out_and_said_so(body: bytes) -> None:
    good = orjson.dumps(line(at=AT))

    encoded = encode([good, body, good], NOW)

    assert not encoded.is_whole
    assert b"".join(encoded.blocks).count(b"\n") == 2


# ---- into the ledger -----------------------------------------------------------------------------------------------
def booked(ledger: Ledger, *bodies: bytes) -> Booked:
    with ledger.transaction():
        positions = [f"1:{index}" for index in range(len(bodies))]
        return book_frames(ledger, bodies, encode(bodies, NOW), source="spool:s", positions=positions)


def body_of(sent: dict[str, Any]) -> bytes:
    return orjson.dumps(sent)


def test_every_column_arrives_the_usual_way(ledger: Ledger) -> None:
    sent = line(
        at=int(datetime(2026, 11, 2, tzinfo=UTC).timestamp() * 1000),
        end_user="ünï", tag_set={"a": "b"}, request_hmac="00ff", duration_ms=12.5, is_stream=True, is_final=False,
        charges=[{"meter": "input", "cost": "0.00045"}], prefix_hmacs="0102030405060708",
    )  # fmt: skip
    body = body_of(sent)

    assert booked(ledger, body).new == 1

    found = ledger.execute(
        "SELECT id::text, end_user, tag_set, request_hmac, duration_ms, is_stream, is_final, cost, charges, "
        "prefix_hmacs, team, project::text, booked_at FROM gateway_ledgerline"
    ).fetchall()
    assert found == [(
        sent["id"], "ünï", {"a": "b"}, b"\x00\xff", 12.5, True, False, Decimal("0.00045"), sent["charges"],
        b"\1\2\3\4\5\6\7\b", None, PROJECT, datetime.fromisoformat(NOW),
    )]  # fmt: skip


def test_bodies_that_cannot_be_booked_are_set_aside_byte_for_byte(ledger: Ledger) -> None:
    good = [body_of(line(at=AT + index)) for index in range(8)]
    poison = {
        2: b'{"id":',
        4: body_of(line(end_user="a\0b")),
        6: body_of(line(price_status="unpriced")),
        9: body_of(line(request_hmac="no hex")),
        11: body_of(line(model_served="x")).replace(b'"x"', b'"\xff"'),
    }
    bodies = list(good)
    for index, body in poison.items():
        bodies.insert(index, body)
    ensure_partitions(ledger, [datetime.fromtimestamp(AT / 1000, UTC)])

    result = booked(ledger, *bodies)

    assert (result.new, result.quarantined) == (8, 5)
    kept = ledger.execute("SELECT source, position, payload FROM gateway_quarantinedline").fetchall()
    assert {(source, position): bytes(payload) for source, position, payload in kept} == {
        ("spool:s", f"1:{index}"): body for index, body in poison.items()
    }
    assert ledger.execute("SELECT spent, requests FROM gateway_keyspend").fetchall() == [(Decimal("0.0036"), 8)]


def test_bodies_that_are_booked_already_add_nothing(ledger: Ledger) -> None:
    known, new = body_of(line()), body_of(line())

    first = booked(ledger, known)
    second = booked(ledger, known, new, new)

    assert (first.new, second.new, second.duplicates) == (1, 1, 2)
    assert ledger.execute("SELECT count(*), sum(cost) FROM gateway_ledgerline").fetchall() == [(2, Decimal("0.0009"))]
    assert ledger.execute("SELECT spent, requests FROM gateway_keyspend").fetchall() == [(Decimal("0.0009"), 2)]
