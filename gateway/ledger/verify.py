"""Is the ledger consistent with itself and the books kept beside it? Reads only, in one snapshot.

The gateway's part of `manage.py verify_ledger`. Every problem comes with examples, so that somebody can look.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from gateway.ledger.ids import SHARDS, ledger_shard
from gateway.ledger.reader import SpoolReader
from gateway.ledger.schema import TABLE
from gateway.ledger.spend import COUNTED
from gateway.ledger.spool import segments_of, try_adopt

EXAMPLES = 5
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: how many things it looked at, how many are wrong, and some of them in words.

    `is_warning`: worth a look, but the ledger is not wrong because of it.
    """

    name: str
    looked_at: int
    problems: int = 0
    examples: tuple[str, ...] = ()
    is_warning: bool = False

    @property
    def is_fine(self) -> bool:
        return self.problems == 0 or self.is_warning


# name → condition that is true for a wrong line; `charged` and `off` come from the line's charges, the month from the
# name of its partition
LINE_RULES: dict[str, str] = {
    "cost = sum of charges": "l.cost IS NOT NULL AND l.cost <> coalesce(c.charged, 0)",
    "charge = quantity x unit price": "coalesce(c.off, false)",
    "unknown price has no cost": "(l.price_status = 'unpriced') <> (l.cost IS NULL)",
    "free lines and denials cost nothing": "(l.price_status = 'free' OR l.kind = 'denied') AND l.cost <> 0",
    "started_at is the id's": "l.started_at <> gateway_uuid7_at(l.id)",
    "line lies in its month's partition": (
        "(l.started_at >= %(first)s::timestamptz AND l.started_at < %(next)s::timestamptz) IS NOT TRUE"
    ),
    "tokens add up": (
        "l.kind <> 'adjustment' AND (least(l.input_tokens, l.output_tokens, l.cache_read_tokens, "
        "l.cache_write_5m_tokens, l.cache_write_1h_tokens, l.reasoning_tokens) < 0 OR l.reasoning_tokens + "
        "l.audio_output_tokens > l.output_tokens OR l.cache_read_tokens + l.cache_write_5m_tokens "
        "+ l.cache_write_1h_tokens + l.audio_input_tokens > l.input_tokens)"
    ),
}
# Vendors do report parts above their whole; the line keeps what was said, so this is not the ledger's fault.
WARNING_RULES = frozenset({"tokens add up"})
_RETIRED = "SELECT key_id, currency, spent, requests FROM gateway_retiredspend"
HALF_QUANTUM = "0.00000000005"
PARTITIONS = f"""
SELECT name, first AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC' FROM (
  SELECT quote_ident(c.relname) AS name,
    to_date(substring(c.relname FROM '^{TABLE}_(\\d{{4}}_\\d\\d)$'), 'YYYY_MM')::timestamp AS first
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '{TABLE}'::regclass) p ORDER BY name"""
"""Partitions and the months that their names say (NULL for none)."""


@dataclass(slots=True)
class _Scan:
    """What one pass over the lines found. `rules`: wrong lines of each and some ids; `shards`: of every project;
    `spent`: cost and requests of every key and currency."""

    lines: int = 0
    adjustments: int = 0
    rules: dict[str, tuple[int, list[UUID]]] = field(default_factory=lambda: dict.fromkeys(LINE_RULES, (0, [])))
    shards: dict[tuple[UUID, UUID | None, int], int] = field(default_factory=dict)
    spent: dict[tuple[UUID, str], tuple[Decimal, Decimal]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """A group of lines: project and key, counts and sums, then each rule's count and examples."""
        organization, project, shard, key, currency, lines, spent, requests, adjustments, *rules = row
        self.lines += lines
        self.adjustments += adjustments
        place = organization, project, shard
        self.shards[place] = self.shards.get(place, 0) + lines
        if key is not None:
            before = self.spent.get((key, currency), (Decimal(), Decimal()))
            self.spent[key, currency] = before[0] + spent, before[1] + requests
        for name, wrong, ids in zip(LINE_RULES, rules[::2], rules[1::2], strict=True):
            if wrong:
                count, known = self.rules[name]
                self.rules[name] = count + wrong, [*known, *ids][:EXAMPLES]


def verify(
    connection: psycopg.Connection[Any], *, organization: UUID | None = None, spools: Path | None = None
) -> list[Check]:
    """Every check, over one organization or all. `connection`: autocommit, psycopg's own types.

    `spools`: this host's spool folder; None leaves the spools out. One pass over the lines and a few statements more,
    in one REPEATABLE READ snapshot.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # remembering what charges add up to only costs: no two lines have the same
        connection.execute("SET LOCAL work_mem = '64MB'; SET LOCAL enable_memoize = off")
        scan = _scanned(connection, organization)
        checks = [
            *_lines(scan),
            _shards(scan),
            _adjustments(connection, organization, scan),
            _key_spend(connection, organization, scan),
            _quarantine(connection),
        ]
        cursors = _cursors(connection) if spools is not None else []
    if spools is not None:
        checks += _spools(spools, cursors)
    return checks


def _where(organization: UUID | None, column: str) -> tuple[str, list[Any]]:
    return ("", []) if organization is None else (f"WHERE {column} = %s", [organization])


def _scanned(connection: psycopg.Connection[Any], organization: UUID | None) -> _Scan:
    """A statement for each partition, which PostgreSQL shares among its workers."""
    where, scan = "" if organization is None else "WHERE l.organization = %(organization)s", _Scan()
    rules = ", ".join(
        f"count(*) FILTER (WHERE {rule}), (array_agg(l.id) FILTER (WHERE {rule}))[1:{EXAMPLES}]"
        for rule in LINE_RULES.values()
    )
    for name, first, following in connection.execute(PARTITIONS).fetchall():
        statement = (
            "SELECT l.organization, l.project, l.ledger_shard, l.api_key, l.currency, count(*), "
            f"sum(coalesce(l.cost, 0)), coalesce(sum(l.request_count) FILTER (WHERE {COUNTED}), 0), "
            f"count(*) FILTER (WHERE l.kind = 'adjustment'), {rules} FROM {name} l LEFT JOIN LATERAL ("
            "SELECT sum((e ->> 'cost')::numeric) AS charged, "
            "bool_or(abs((e ->> 'quantity')::numeric * (e ->> 'unit_price')::numeric - (e ->> 'cost')::numeric) "
            f"> {HALF_QUANTUM}) AS off FROM jsonb_array_elements(l.charges) e) c ON true {where} GROUP BY 1, 2, 3, 4, 5"
        )
        bounds = {"first": first, "next": following, "organization": organization}
        for row in connection.execute(statement, bounds):
            scan.add(row)
    return scan


def _lines(scan: _Scan) -> Iterator[Check]:
    for name, (wrong, ids) in scan.rules.items():
        yield Check(name, scan.lines, wrong, tuple(f"line {line}" for line in ids), name in WARNING_RULES)


def _shards(scan: _Scan) -> Check:
    wrong = [(project, shard) for organization, project, shard in scan.shards
             if ledger_shard(str(organization), str(project)) != shard]  # fmt: skip
    texts = (f"project {project} has lines in shard {shard} of {SHARDS}" for project, shard in wrong)
    return Check("shard = hash of organization and project", len(scan.shards), len(wrong), _examples(texts))


def _adjustments(connection: psycopg.Connection[Any], organization: UUID | None, scan: _Scan) -> Check:
    if not scan.adjustments:
        return Check("adjustments point at a line", 0)
    where, parameters = _where(organization, "a.organization")
    rows = connection.execute(
        f"SELECT a.id, a.corrects, EXISTS (SELECT FROM {TABLE} o WHERE o.ledger_shard = a.ledger_shard "
        f"AND o.started_at = a.started_at AND o.id = a.corrects) FROM {TABLE} a "
        f"{where or 'WHERE true'} AND a.kind = 'adjustment'",
        parameters,
    ).fetchall()
    lost = [row for row in rows if not row[2]]
    return Check(
        "adjustments point at a line", len(rows), len(lost), _examples(f"{row[0]} corrects {row[1]}" for row in lost)
    )


def _key_spend(connection: psycopg.Connection[Any], organization: UUID | None, scan: _Scan) -> Check:
    """`KeySpend` moves in the transactions that book the lines, so one snapshot shows both equal; `RetiredSpend` has
    what left the ledger."""
    own = "" if organization is None else (
        "WHERE key_id IN (SELECT id FROM gateway_virtualkey WHERE organization_id = %(organization)s)"
    )  # fmt: skip
    # of each key: the currency that is kept under '', the others under their names
    lines = (
        "SELECT * FROM unnest(%(keys)s::uuid[], %(currencies)s::text[], %(spent)s::numeric[], %(requests)s::numeric[]) "
        f"AS s(key_id, currency, spent, requests) UNION ALL {_RETIRED} {own}"
    )
    sums = (
        "SELECT l.key_id AS api_key, CASE WHEN l.currency <> o.currency THEN l.currency ELSE '' END AS currency, "
        f"sum(l.spent) AS cost, sum(l.requests) AS requests FROM ({lines}) l "
        "LEFT JOIN gateway_virtualkey k ON k.id = l.key_id "
        "LEFT JOIN gateway_organization o ON o.id = k.organization_id GROUP BY 1, 2"
    )
    counted = f"""WITH sums AS MATERIALIZED ({sums})
    SELECT api_key, '' AS currency, coalesce(sum(cost) FILTER (WHERE currency = ''), 0) AS cost,
      sum(requests) AS requests FROM sums GROUP BY api_key
    UNION ALL SELECT api_key, currency, cost, 0 FROM sums WHERE currency <> '' AND cost <> 0"""
    booked = (
        f"SELECT key_id, '' AS currency, spent, requests FROM gateway_keyspend {own} UNION ALL "
        f"SELECT key_id, currency, spent, 0 FROM gateway_keyforeignspend {own} "
        f"{'AND' if own else 'WHERE'} spent <> 0"
    )
    rows = connection.execute(
        "SELECT coalesce(s.key_id, l.api_key), coalesce(s.spent, 0), coalesce(l.cost, 0), coalesce(s.requests, 0), "
        f"coalesce(l.requests, 0), coalesce(s.currency, l.currency) FROM ({booked}) s FULL JOIN ({counted}) l "
        "ON l.api_key = s.key_id AND l.currency = s.currency",
        {
            "keys": [key for key, _ in scan.spent], "currencies": [currency for _, currency in scan.spent],
            "spent": [spent for spent, _ in scan.spent.values()],
            "requests": [requests for _, requests in scan.spent.values()], "organization": organization,
        },
    ).fetchall()  # fmt: skip
    wrong = [row for row in rows if (row[1], row[3]) != (row[2], row[4])]
    texts = (
        f"key {key}: booked {spent} {currency}".rstrip() + f" in {requests} requests, its lines say {cost} in {counted}"
        for key, spent, cost, requests, counted, currency in wrong
    )
    return Check("spend of keys = their lines", len(rows), len(wrong), _examples(texts))


def _quarantine(connection: psycopg.Connection[Any]) -> Check:
    """An open one is a call that the ledger does not hold: a failure until somebody has resolved it."""
    rows = connection.execute(
        "SELECT source, position, reason FROM gateway_quarantinedline WHERE resolved_at IS NULL ORDER BY created_at"
    ).fetchall()
    texts = (f"{source} {position}: {reason.splitlines()[0]}" for source, position, reason in rows)
    return Check("nothing in quarantine", len(rows), len(rows), _examples(texts))


def _cursors(connection: psycopg.Connection[Any]) -> list[Row]:
    return connection.execute(
        'SELECT spool_id, segment, "offset", closed_at IS NOT NULL FROM gateway_spoolcursor ORDER BY spool_id'
    ).fetchall()


# ---- spools --------------------------------------------------------------------------------------------------------
def _spools(root: Path, cursors: Sequence[Row]) -> list[Check]:
    """A closed spool has nothing left to book; a segment that is not booked is still there; nobody is forgotten."""
    lost, waiting, known = [], [], {cursor[0] for cursor in cursors}
    for name, segment, offset, is_closed in cursors:
        folder = root / name
        if not folder.is_dir():
            continue  # closed and removed, or of another host
        present = segments_of(folder)
        if segment and present and present[0] > segment:
            lost.append(f"spool {name}: segment {segment} is gone, booked only to byte {offset}")
        elif is_closed and _has_more(folder, segment, offset):
            lost.append(f"spool {name} is closed, but holds lines behind {segment}:{offset}")
        elif not is_closed and _is_orphan(folder):
            waiting.append(f"spool {name}: its owner is gone, the writer will close it")
    folders = sorted(path.name for path in root.glob("*") if path.is_dir()) if root.is_dir() else []
    waiting += [f"spool {name} was not read by a writer yet" for name in folders if name not in known]
    return [
        Check("closed spools are fully booked", len(cursors), len(lost), _examples(iter(lost))),
        Check("no spool waits for a writer", len(folders), len(waiting), _examples(iter(waiting)), is_warning=True),
    ]


def _has_more(folder: Path, segment: int, offset: int) -> bool:
    reader = SpoolReader(folder, segment, offset)
    return reader.read(1) is not None


def _is_orphan(folder: Path) -> bool:
    lock = try_adopt(folder)
    if lock is not None:
        os.close(lock)
    return lock is not None


def _examples(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(text for _, text in zip(range(EXAMPLES), texts, strict=False))
