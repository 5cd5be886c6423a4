"""Booking: lines enter the ledger exactly once, together with everything that must move with them.

`book` is the only writer of ledger lines, key spend and dirty marks; it runs inside its caller's transaction.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from gateway.ledger.copyformat import COLUMN_LIST, copy_block, json_records
from gateway.ledger.effects import MINUTE_MS, Effects
from gateway.ledger.frames import UNREADABLE, Encoded
from gateway.ledger.hooks import NewLines, run_bookers
from gateway.ledger.ids import EPOCH, uuid7, uuid7_ms
from gateway.ledger.lines import decode_body, prepared
from gateway.ledger.schema import TABLE

Line = Mapping[str, Any]
MINUTE_MARKS_FOR = timedelta(hours=49)
NAMED = 20
"""Requests that a log line about several names at most."""
_REQUEST = re.compile(rb'"request_id":\s*"([\w.\-]{1,100})"')
COPY_LINES = 200  # encoded while the server works on what was sent before
TOKEN_COLUMNS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "audio_input_tokens", "audio_output_tokens", "image_units", "tool_calls",
    "characters", "audio_ms",
)  # fmt: skip


TRUTH = "truth"
"""The run in whose name the truth about an interrupted line adjusts it."""


@dataclass(slots=True)
class Booked:
    """What a batch became: `new` lines in the ledger, `inserted` being those of them that were at hand as dictionaries
    (all, but for frames booked the usual way)."""

    new: int = 0
    inserted: list[dict[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    quarantined: int = 0
    adjusted: int = 0
    quarantined_requests: list[str] = field(default_factory=list)
    """Requests of the first `NAMED` lines that were set aside, as far as these can be read."""

    def set_aside(self, payload: bytes) -> None:
        """Count a line that went to the quarantine."""
        self.quarantined += 1
        named, found = self.quarantined_requests, _REQUEST.search(payload)
        if found and len(named) < NAMED and (request := found[1].decode()) not in named:
            named.append(request)

    def add(self, lines: Sequence[dict[str, Any]]) -> None:
        self.inserted.extend(lines)
        self.new += len(lines)


@dataclass(frozen=True, slots=True)
class Batch:
    """Prepared lines and where each came from (`segment:offset`, line number), for the quarantine. `payloads`: what
    they were read from, byte for byte; empty when they came as dictionaries."""

    lines: list[dict[str, Any]]
    positions: Sequence[str]
    source: str
    payloads: Sequence[bytes] = ()

    def split(self) -> tuple["Batch", "Batch"]:
        half = len(self.lines) // 2
        return self._part(slice(half)), self._part(slice(half, None))

    def payload(self) -> bytes:
        """What the first line was read from; a dictionary as JSON."""
        return self.payloads[0] if self.payloads else json_records(self.lines[:1]).encode("utf-8", "replace")

    def _part(self, part: slice) -> "Batch":
        return Batch(self.lines[part], self.positions[part], self.source, self.payloads[part])


def book(
    connection: psycopg.Connection[Any], lines: Sequence[Line], *, source: str = "", positions: Sequence[str] = ()
) -> Booked:
    """Insert `lines` inside the open transaction of `connection`; partitions must exist.

    A line whose key is already there is ignored, unless the stored one is an `interrupted` estimate and this one is
    the truth: then an adjusting entry is booked (rule 9). A line the database refuses goes to the quarantine
    (rule 10). Key spend, dirty marks and `settings.GATEWAY_BOOKERS` cover exactly the lines inserted.
    """
    result = Booked()
    if not lines:
        return result
    now = datetime.now(UTC).isoformat()
    where = positions or [str(index) for index in range(len(lines))]
    _insert(connection, Batch([prepared(line, now) for line in lines], where, source), result)
    _move(connection, Effects.of(result.inserted), source, lambda: result.inserted)
    return result


def book_frames(
    connection: psycopg.Connection[Any],
    bodies: Sequence[bytes],
    encoded: Encoded,
    *,
    source: str,
    positions: Sequence[str],
) -> Booked:
    """`book` for the bodies of frames, `encoded` by `frames.encode` beforehand. A body that is no line is quarantined.

    The usual case is one `COPY` of what is encoded. When that fails, the lines take `book`'s exact way one by one.
    """
    if not bodies:
        return Booked()
    if encoded.is_whole and _copied(connection, encoded.blocks):
        _move(connection, encoded.effects, source, lambda: map(decode_body, bodies))
        return Booked(new=len(bodies))
    result = Booked()
    batch = _readable(connection, bodies, source, positions, result)
    if batch.lines:
        _insert(connection, batch, result)
    _move(connection, Effects.of(result.inserted), source, lambda: result.inserted)
    return result


def _copied(connection: psycopg.Connection[Any], blocks: Iterable[bytes]) -> bool:
    try:
        with connection.transaction():
            _copy(connection, blocks)
    except (psycopg.DataError, psycopg.IntegrityError):
        return False
    return True


def _readable(
    connection: psycopg.Connection[Any],
    bodies: Sequence[bytes],
    source: str,
    positions: Sequence[str],
    result: Booked,
) -> Batch:
    """The bodies that are lines; the others are set aside."""
    now = datetime.now(UTC).isoformat()
    lines: list[dict[str, Any]] = []
    where: list[str] = []
    payloads: list[bytes] = []
    for body, position in zip(bodies, positions, strict=True):
        try:
            line = prepared(decode_body(body), now)
            Effects.of([line])
        except UNREADABLE as error:
            quarantine(connection, source, position, body, f"not a ledger line: {type(error).__name__}: {error}")
            result.set_aside(body)
        else:
            lines.append(line)
            where.append(position)
            payloads.append(body)
    return Batch(lines, where, source, payloads)


def _insert(connection: psycopg.Connection[Any], batch: Batch, result: Booked) -> None:
    """COPY; on a duplicate the slow exact path; on a poisonous line bisect until it is alone."""
    try:
        with connection.transaction():
            _copy(connection, _blocks(batch.lines))
        result.add(batch.lines)
    except psycopg.errors.UniqueViolation:
        _insert_ignoring_known(connection, batch, result)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        _isolate(connection, batch, result, error)


def _isolate(connection: psycopg.Connection[Any], batch: Batch, result: Booked, error: Exception) -> None:
    if len(batch.lines) == 1:
        quarantine(connection, batch.source, batch.positions[0], batch.payload(), str(error))
        result.set_aside(batch.payload())
        return
    for half in batch.split():
        _insert(connection, half, result)


def _blocks(lines: Sequence[Line]) -> Iterable[bytes]:
    return (copy_block(lines[at : at + COPY_LINES]) for at in range(0, len(lines), COPY_LINES))


def _copy(connection: psycopg.Connection[Any], blocks: Iterable[bytes]) -> None:
    with connection.cursor().copy(f"COPY {TABLE} ({COLUMN_LIST}) FROM STDIN") as copy:
        for block in blocks:
            copy.write(block)


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
            result.add([line])
        else:
            known.append(line)
    result.duplicates += len(known)
    truths = adjustments_for(connection, known)
    if truths:
        added = _insert_new(connection, truths)
        result.add([line for line in truths if str(line["id"]) in added])
        result.adjusted += len(added)


def _insert_new(connection: psycopg.Connection[Any], lines: Sequence[Line]) -> set[str]:
    rows = connection.execute(
        f"INSERT INTO {TABLE} ({COLUMN_LIST}) SELECT {COLUMN_LIST} "
        f"FROM jsonb_populate_recordset(NULL::{TABLE}, %s::jsonb) ON CONFLICT DO NOTHING RETURNING id",
        [json_records(lines)],
    )
    return {str(row[0]) for row in rows}


def adjustments_for(connection: psycopg.Connection[Any], truths: Sequence[Line]) -> list[dict[str, Any]]:
    """Adjusting entries for truths that arrived after their `interrupted` estimate was booked (rules 5, 9). They take
    back all that was charged by then: the estimate, and entries by which it was priced anew."""
    by_id = {str(line["id"]): line for line in truths if line.get("status") != "interrupted"}
    if not by_id:
        return []
    rows = connection.execute(
        f"SELECT to_jsonb(l)::text FROM {TABLE} l WHERE id = ANY(%s::uuid[]) AND started_at = ANY(%s::timestamptz[]) "
        "AND status = 'interrupted'",
        [list(by_id), [line["started_at"] for line in by_id.values()]],
    )
    estimates = [json.loads(row[0], parse_float=Decimal) for row in rows]  # exact, whatever loader the connection has
    earlier = _entries_of(connection, estimates)
    return [_adjustment(estimate, earlier.get(estimate["id"], ()), by_id[estimate["id"]]) for estimate in estimates]


def _entries_of(connection: psycopg.Connection[Any], lines: Sequence[Line]) -> dict[str, list[dict[str, Any]]]:
    """Adjusting entries of lines, by the line's id, oldest first. See `lock_corrections`."""
    found: dict[str, list[dict[str, Any]]] = {}
    if not lines:
        return found
    for organization in sorted({str(line["organization"]) for line in lines}):
        lock_corrections(connection, organization)
    rows = connection.execute(
        f"SELECT to_jsonb(a)::text FROM {TABLE} a WHERE a.corrects = ANY(%s::uuid[]) "
        "AND a.started_at = ANY(%s::timestamptz[]) AND a.kind = 'adjustment' ORDER BY a.booked_at, a.id",
        [[line["id"] for line in lines], [line["started_at"] for line in lines]],
    )
    for row in rows:
        entry = json.loads(row[0], parse_float=Decimal)
        found.setdefault(entry["corrects"], []).append(entry)
    return found


def lock_corrections(connection: psycopg.Connection[Any], organization: object) -> None:
    """Until the transaction ends nobody else books adjusting entries of the organization that depend on what earlier
    ones say. The caller reads them in a later statement."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"reprice:{organization}"])


def derived_id(original: UUID, run: str) -> UUID:
    """Id of an adjustment: the original's millisecond and a hash of (original, run), so that a repeat is the same."""
    bits = int.from_bytes(hashlib.sha256(f"{original}/{run}".encode()).digest()[:10], "big")
    return uuid7(uuid7_ms(original), bits)


def _adjustment(estimate: Line, earlier: Sequence[Line], truth: Line) -> dict[str, Any]:
    """What makes the estimate and its `earlier` entries the truth. A truth without a price leaves them what they cost;
    it waits for its price."""
    line = {**truth, "id": str(derived_id(UUID(estimate["id"]), TRUTH)), "kind": "adjustment", "is_final": False}
    line["corrects"] = estimate["id"]
    for name in TOKEN_COLUMNS:
        line[name] = int(truth.get(name) or 0) - int(estimate[name])
    line["charges"] = list(truth.get("charges") or [])
    if truth.get("cost") is not None:
        line["charges"] += map(_reversed, _standing([estimate, *earlier]))
    for name in ("cost", "list_cost"):
        known = truth.get(name) is not None
        booked = sum((Decimal(str(one[name] or 0)) for one in (estimate, *earlier)), Decimal(0))
        line[name] = Decimal(str(truth[name])) - booked if known else None
    line["price_status"] = "unpriced" if line["cost"] is None else "priced"
    return line


def _standing(lines: Iterable[Line]) -> list[Mapping[str, Any]]:
    """Charges of lines without those that take each other back."""
    kept: list[Mapping[str, Any]] = []
    for charge in (charge for line in lines for charge in line["charges"]):
        against = next((one for one in kept if _cancels(one, charge)), None)
        if against is None:
            kept.append(charge)
        else:
            kept.remove(against)
    return kept


def _cancels(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("meter", "rate_id", "currency")) and all(
        Decimal(str(one[name] or 0)) == -Decimal(str(other[name] or 0)) for name in ("quantity", "cost")
    )


def _reversed(charge: Mapping[str, Any]) -> dict[str, Any]:
    return {**charge, "quantity": str(-Decimal(str(charge["quantity"]))), "cost": str(-Decimal(str(charge["cost"])))}


def quarantine(connection: psycopg.Connection[Any], source: str, position: str, payload: bytes, reason: str) -> None:
    """Set a line aside, byte for byte with the reason (rule 10); an open entry is an alarm."""
    connection.execute(
        "INSERT INTO gateway_quarantinedline (id, source, position, payload, reason, created_at) "
        "VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (source, position) DO NOTHING",
        [uuid7(), source, position, payload, reason.replace("\0", "\\0")],
    )


# ---- what moves with the lines ------------------------------------------------------------------------------------
def _move(
    connection: psycopg.Connection[Any], effects: Effects, source: str, read: Callable[[], Iterable[Line]]
) -> None:
    _book_spend(connection, effects)
    _mark_dirty(connection, effects)
    run_bookers(connection, NewLines.of(effects, source, read))


def _book_spend(connection: psycopg.Connection[Any], effects: Effects) -> None:
    """Add to `KeySpend`, and what is in another currency than the key's organization keeps to `KeyForeignSpend`; keys
    in one global order so that concurrent writers never deadlock (rule 3)."""
    spend = effects.by_key()
    if not spend:
        return
    entries = [entry for _, entry in spend]
    costs = [(key, currency, cost) for key, entry in spend for currency, cost in sorted(entry.costs.items())]
    parameters: list[Any] = [[key for key, _ in spend], [entry.requests for entry in entries]]
    parameters += [[_time(entry.last_ms) for entry in entries], *([one[place] for one in costs] for place in range(3))]
    connection.execute(
        """WITH used AS (
          SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[]) u(key_id, requests, last_used_at)
        ), costs AS (
          SELECT c.*, o.currency IS NOT NULL AND o.currency <> c.currency AS is_foreign
          FROM unnest(%s::uuid[], %s::text[], %s::numeric[]) c(key_id, currency, cost)
          LEFT JOIN gateway_virtualkey k ON k.id = c.key_id LEFT JOIN gateway_organization o ON o.id = k.organization_id
        ), other AS (
          INSERT INTO gateway_keyforeignspend AS f (key_id, currency, spent)
          SELECT key_id, currency, cost FROM costs WHERE is_foreign AND cost <> 0 ORDER BY key_id, currency
          ON CONFLICT (key_id, currency) DO UPDATE SET spent = f.spent + excluded.spent
        )
        INSERT INTO gateway_keyspend AS s (key_id, spent, requests, last_used_at)
        SELECT u.key_id, coalesce((SELECT sum(c.cost) FROM costs c WHERE c.key_id = u.key_id AND NOT c.is_foreign), 0),
          u.requests, u.last_used_at FROM used u ORDER BY u.key_id
        ON CONFLICT (key_id) DO UPDATE SET spent = s.spent + excluded.spent,
          requests = s.requests + excluded.requests, last_used_at = greatest(s.last_used_at, excluded.last_used_at)""",
        parameters,
    )


def _mark_dirty(connection: psycopg.Connection[Any], effects: Effects) -> None:
    """Quarter-hours of all lines, and the minutes that the live cube still holds."""
    recent = datetime.now(UTC) - MINUTE_MARKS_FOR
    marks: set[tuple[str, str, datetime]] = set()
    for organization, minute in effects.minutes:
        marks.add((organization, "quarter_hour", _time(minute // 15 * 15 * MINUTE_MS)))
        if (at := _time(minute * MINUTE_MS)) >= recent:
            marks.add((organization, "minute", at))
    if marks:
        columns = [list(column) for column in zip(*sorted(marks), strict=True)]
        connection.execute(
            "INSERT INTO gateway_dirtymark (organization, grain, bucket) "
            "SELECT * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[])",
            columns,
        )


def _time(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
