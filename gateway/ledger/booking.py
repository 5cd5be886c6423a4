"""Booking: lines enter the ledger exactly once, together with everything that must move with them.

`book` is the only writer of ledger lines, key spend and dirty marks; it runs inside its caller's transaction.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from gateway.ledger import copyformat
from gateway.ledger.ids import ledger_shard, started_at_text, uuid7, uuid7_ms
from gateway.ledger.schema import TABLE

Line = Mapping[str, Any]
MINUTE_MARKS_FOR = timedelta(hours=49)
COPY_LINES = 200  # encoded while the server works on what was sent before
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
TOKEN_COLUMNS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "audio_input_tokens", "audio_output_tokens", "image_units", "tool_calls",
)  # fmt: skip


@dataclass(slots=True)
class Booked:
    """What a batch became; `inserted` lists the lines that are new in the ledger."""

    inserted: list[dict[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    quarantined: int = 0
    adjusted: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Prepared lines and where each came from (`segment:offset`, line number), for the quarantine."""

    lines: list[dict[str, Any]]
    positions: Sequence[str]
    source: str

    def split(self) -> tuple["Batch", "Batch"]:
        half = len(self.lines) // 2
        return (
            Batch(self.lines[:half], self.positions[:half], self.source),
            Batch(self.lines[half:], self.positions[half:], self.source),
        )


def book(
    connection: psycopg.Connection[Any], lines: Sequence[Line], *, source: str = "", positions: Sequence[str] = ()
) -> Booked:
    """Insert `lines` inside the open transaction of `connection`; partitions must exist.

    A line whose key is already there is ignored, unless the stored one is an `interrupted` estimate and this one is
    the truth: then an adjusting entry is booked (rule 9). A line the database refuses goes to the quarantine
    (rule 10). Key spend and dirty marks cover exactly the lines inserted.
    """
    if not lines:
        return Booked()
    where = positions or [str(index) for index in range(len(lines))]
    result, now = Booked(), datetime.now(UTC).isoformat()
    _insert(connection, Batch([_prepared(line, now) for line in lines], where, source), result)
    _book_spend(connection, result.inserted)
    _mark_dirty(connection, result.inserted)
    return result


def _prepared(line: Line, booked_at: str) -> dict[str, Any]:
    """A copy with the columns that are ours to derive. Raises `ValueError` for an id that is no UUID."""
    identity = line["id"]
    if identity.__class__ is not str or not _CANONICAL(identity):
        identity = str(UUID(str(identity)))
    prepared = {"booked_at": booked_at, **line, "started_at": started_at_text(identity)}
    if line.get("ledger_shard") is None:
        prepared["ledger_shard"] = ledger_shard(str(line["organization"]), str(line["project"]))
    if prepared["booked_at"] is None:
        prepared["booked_at"] = booked_at
    return prepared


def _insert(connection: psycopg.Connection[Any], batch: Batch, result: Booked) -> None:
    """COPY; on a duplicate the slow exact path; on a poisonous line bisect until it is alone."""
    try:
        with connection.transaction():
            _copy(connection, batch.lines)
        result.inserted.extend(batch.lines)
    except psycopg.errors.UniqueViolation:
        _insert_ignoring_known(connection, batch, result)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        _isolate(connection, batch, result, error)


def _isolate(connection: psycopg.Connection[Any], batch: Batch, result: Booked, error: Exception) -> None:
    if len(batch.lines) == 1:
        _quarantine(connection, batch, str(error))
        result.quarantined += 1
        return
    for half in batch.split():
        _insert(connection, half, result)


def _copy(connection: psycopg.Connection[Any], lines: Sequence[Line]) -> None:
    with connection.cursor().copy(f"COPY {TABLE} ({copyformat.COLUMN_LIST}) FROM STDIN") as copy:
        for start in range(0, len(lines), COPY_LINES):
            copy.write(copyformat.copy_block(lines[start : start + COPY_LINES]))


def _insert_ignoring_known(connection: psycopg.Connection[Any], batch: Batch, result: Booked) -> None:
    try:
        with connection.transaction():
            new = _insert_new(connection, batch.lines)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        _isolate(connection, batch, result, error)
        return
    known = []
    for line in batch.lines:
        identity = str(line["id"])
        if identity in new:
            new.discard(identity)
            result.inserted.append(line)
        else:
            known.append(line)
    result.duplicates += len(known)
    truths = adjustments_for(connection, known)
    if truths:
        added = _insert_new(connection, truths)
        result.inserted.extend(line for line in truths if str(line["id"]) in added)
        result.adjusted += len(added)


def _insert_new(connection: psycopg.Connection[Any], lines: Sequence[Line]) -> set[str]:
    rows = connection.execute(
        f"INSERT INTO {TABLE} ({copyformat.COLUMN_LIST}) SELECT {copyformat.COLUMN_LIST} "
        f"FROM jsonb_populate_recordset(NULL::{TABLE}, %s::jsonb) ON CONFLICT DO NOTHING RETURNING id",
        [copyformat.json_records(lines)],
    )
    return {str(row[0]) for row in rows}


def adjustments_for(connection: psycopg.Connection[Any], truths: Sequence[Line]) -> list[dict[str, Any]]:
    """Adjusting entries for truths that arrived after their `interrupted` estimate was booked (rules 5, 9)."""
    by_id = {str(line["id"]): line for line in truths if line.get("status") != "interrupted"}
    if not by_id:
        return []
    rows = connection.execute(
        f"SELECT to_jsonb(l)::text FROM {TABLE} l WHERE id = ANY(%s::uuid[]) AND started_at = ANY(%s::timestamptz[]) "
        "AND status = 'interrupted'",
        [list(by_id), [line["started_at"] for line in by_id.values()]],
    )
    estimates = [json.loads(row[0], parse_float=Decimal) for row in rows]  # exact, whatever loader the connection has
    return [_adjustment(estimate, by_id[estimate["id"]]) for estimate in estimates]


def derived_id(original: UUID, run: str) -> UUID:
    """Id of an adjustment: the original's millisecond and a hash of (original, run), so that a repeat is the same."""
    bits = int.from_bytes(hashlib.sha256(f"{original}/{run}".encode()).digest()[:10], "big")
    return uuid7(uuid7_ms(original), bits)


def _adjustment(estimate: Mapping[str, Any], truth: Line) -> dict[str, Any]:
    line = {**truth, "id": str(derived_id(UUID(estimate["id"]), "truth")), "kind": "adjustment", "is_final": False}
    line["corrects"] = estimate["id"]
    for name in TOKEN_COLUMNS:
        line[name] = int(truth.get(name) or 0) - int(estimate[name])
    line["charges"] = [*(truth.get("charges") or []), *map(_reversed, estimate["charges"])]
    for name in ("cost", "list_cost"):
        known = truth.get(name) is not None
        line[name] = Decimal(str(truth[name])) - Decimal(str(estimate[name] or 0)) if known else None
    line["price_status"] = "unpriced" if line["cost"] is None else "priced"
    return line


def _reversed(charge: Mapping[str, Any]) -> dict[str, Any]:
    return {**charge, "quantity": str(-Decimal(str(charge["quantity"]))), "cost": str(-Decimal(str(charge["cost"])))}


def _quarantine(connection: psycopg.Connection[Any], batch: Batch, reason: str) -> None:
    payload = copyformat.json_records(batch.lines).encode("utf-8", "replace")
    connection.execute(
        "INSERT INTO gateway_quarantinedline (id, source, position, payload, reason, created_at) "
        "VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (source, position) DO NOTHING",
        [uuid7(), batch.source, batch.positions[0], payload, reason.replace("\0", "\\0")],
    )


def _book_spend(connection: psycopg.Connection[Any], lines: Sequence[Line]) -> None:
    """Add to `KeySpend`, keys in one global order so that concurrent writers never deadlock (rule 3)."""
    spent: dict[str, tuple[Decimal, int, str]] = {}
    for line in lines:
        if (key := line.get("api_key")) is None:
            continue
        cost, requests, last = spent.get(str(key), (Decimal(0), 0, ""))
        cost += Decimal(str(line.get("cost") or 0))
        counts = line.get("is_final", True) and line["kind"] in ("attempt", "cache_hit")
        count = int(line.get("request_count", 1)) if counts else 0
        spent[str(key)] = (cost, requests + count, max(last, line["started_at"]))
    if not spent:
        return
    keys = sorted(spent)
    connection.execute(
        "INSERT INTO gateway_keyspend AS s (key_id, spent, requests, last_used_at) "
        "SELECT * FROM unnest(%s::uuid[], %s::numeric[], %s::bigint[], %s::timestamptz[]) "
        "ON CONFLICT (key_id) DO UPDATE SET spent = s.spent + excluded.spent, "
        "requests = s.requests + excluded.requests, last_used_at = greatest(s.last_used_at, excluded.last_used_at)",
        [keys, [spent[k][0] for k in keys], [spent[k][1] for k in keys], [spent[k][2] for k in keys]],
    )


def _mark_dirty(connection: psycopg.Connection[Any], lines: Sequence[Line]) -> None:
    recent = (datetime.now(UTC) - MINUTE_MARKS_FOR).isoformat()[:16]
    marks: set[tuple[str, str, str]] = set()
    for organization, minute in {(str(line["organization"]), line["started_at"][:16]) for line in lines}:
        quarter = int(minute[14:]) // 15 * 15
        marks.add((organization, "quarter_hour", f"{minute[:14]}{quarter:02d}:00+00:00"))
        if minute >= recent:
            marks.add((organization, "minute", f"{minute}:00+00:00"))
    if marks:
        columns = [list(column) for column in zip(*sorted(marks), strict=True)]
        connection.execute(
            "INSERT INTO gateway_dirtymark (organization, grain, bucket) "
            "SELECT * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[])",
            columns,
        )
