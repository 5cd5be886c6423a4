"""What the database holds under field keys: which columns, under which key each value is, and putting it under another.

Plain psycopg, so that a database just restored can be asked as well. A model's new encrypted column is a line here; a
test compares with the models.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from cryptography.fernet import InvalidToken
from psycopg import sql

from gateway import credentials
from gateway.keyring import field_key_id

BATCH = 32
UNREADABLE = "unreadable"
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """`key`: the value is text in a JSON object. `where`: rows that are encrypted. `digest`: column with the SHA-256 of
    the ciphertext, in hex."""

    table: LiteralString
    name: LiteralString
    pk: LiteralString = "id"
    key: LiteralString = ""
    where: LiteralString = "true"
    digest: LiteralString = ""

    def __str__(self) -> str:
        return f"{self.table}.{self.name}" + (f".{self.key}" if self.key else "")


COLUMNS = (
    Column("gateway_provider", "credential"),
    Column("gateway_subjectkey", "key", pk="subject_id"),
    Column("gateway_guardrail", "secret"),
    Column("gateway_secondfactor", "secret"),
    Column("gateway_outboxmessage", "payload", key="sealed"),
    Column("gateway_idempotentcall", "answer"),
    Column("gateway_importchunk", "data"),
    Column("gateway_endusererasure", "name"),
    Column("gateway_loggedbody", "request"),
    Column("gateway_loggedbody", "response"),
    Column("analytics_alertchannel", "target"),
    Column("analytics_alertchannel", "secret"),
    Column("analytics_storedpiece", "data"),
    Column("analytics_reportmail", "content"),
    Column("costs_invoicechunk", "data"),
    Column("finetuning_filepart", "data"),
    Column("finetuning_evaluationitem", "answer"),
    Column("finetuning_recordedprompt", "record"),
    Column("finetuning_tuningjob", "notification", key="secret"),
    Column("finetuning_tuningjob", "notification", key="webhook"),
    Column("finetuning_tunedmodel", "artifact", where="backend = 'dicl'", digest="artifact_sha256"),
)
PLAIN = frozenset({
    "analytics_anomalyscan.frame", "finetuning_checkpoint.artifact", "finetuning_headrun.state",
    "finetuning_runnerlink.digest", "gateway_auditevent.hash", "gateway_auditevent.previous_hash",
    "gateway_archivedline.client_ip_hash", "gateway_archivedline.prefix_hmacs", "gateway_archivedline.request_hmac",
    "gateway_endusererasure.name_hash",
    "gateway_idempotentcall.body_hmac", "gateway_idempotentcall.key_hmac", "gateway_invitation.token_digest",
    "gateway_ledgerline.client_ip_hash", "gateway_ledgerline.prefix_hmacs", "gateway_ledgerline.request_hmac",
    "gateway_quarantinedline.payload", "gateway_recoverycode.digest",
    "gateway_securityevent.client_ip_hash", "gateway_virtualkey.digest",
})  # fmt: skip
"""Binary columns that hold no ciphertext: hashes, weights, figures."""


@dataclass(frozen=True, slots=True)
class Use:
    """How many values each key seals: `(column, key id)` → values; the id is `unreadable` when no key fits."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def under(self, *ids: str) -> int:
        return sum(count for (_, found), count in self.counts.items() if found in ids)

    def where(self, *ids: str) -> str:
        """The columns with values under one of `ids`, with counts, for people."""
        per_column: Counter[str] = Counter()
        for (column, found), count in self.counts.items():
            if found in ids:
                per_column[column] += count
        return ", ".join(f"{column}: {count}" for column, count in sorted(per_column.items()))

    @property
    def total(self) -> int:
        return self.counts.total()


def use(connection: Connection, keys: Sequence[str]) -> Use:
    """Look at every value; signatures alone are checked. One query for each batch of rows."""
    found = Use()
    for column in COLUMNS:
        for rows in _batches(connection, column):
            for _, token in rows:
                key = credentials.sealed_by(token, keys)
                found.counts[str(column), field_key_id(key) if key else UNREADABLE] += 1
    return found


def reseal(connection: Connection, keys: tuple[str, ...]) -> Use:
    """Put every value that an older key seals under `keys[0]`; what was found and is left is counted as it is now.

    Each value is replaced only while it is what was read, so it can run beside the gateway and beside itself, and end
    at any moment: what was done stays done. `connection`: autocommit. One short transaction for each batch.
    """
    found = Use()
    for column in COLUMNS:
        for rows in _batches(connection, column):
            with connection.transaction():
                for pk, token in rows:
                    found.counts[str(column), _resealed(connection, column, pk, token, keys)] += 1
    return found


def _resealed(connection: Connection, column: Column, pk: Any, token: bytes, keys: tuple[str, ...]) -> str:
    """The id of the key it is under now."""
    if credentials.sealed_by(token, keys[:1]):
        return field_key_id(keys[0])
    try:
        fresh = credentials.reencrypt(token, keys)
    except InvalidToken:
        return UNREADABLE
    _replace(connection, column, pk, token, fresh)
    return field_key_id(keys[0])


def _batches(connection: Connection, column: Column) -> Iterator[list[tuple[Any, bytes]]]:
    """Pages of `(pk, ciphertext)` in the order of the primary key."""
    value = sql.SQL("{} ->> {}").format(sql.Identifier(column.name), column.key) if column.key else None
    page = sql.SQL(
        "SELECT {pk}, {value} FROM {table} WHERE {value} IS NOT NULL AND {where} AND (%(last)s::text IS NULL "
        "OR {pk} > %(last)s::{kind}) ORDER BY {pk} LIMIT {batch}"
    ).format(
        pk=sql.Identifier(column.pk), value=value or sql.Identifier(column.name), table=sql.Identifier(column.table),
        where=sql.SQL(column.where), kind=_kind(connection, column), batch=BATCH,
    )  # fmt: skip
    last = None
    while rows := connection.execute(page, {"last": last}).fetchall():
        yield [(pk, token.encode() if isinstance(token, str) else bytes(token)) for pk, token in rows]
        last = str(rows[-1][0])


def _kind(connection: Connection, column: Column) -> sql.SQL:
    row = connection.execute(
        "SELECT data_type FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND table_name = %s AND column_name = %s",
        [column.table, column.pk],
    ).fetchone()
    if row is None:
        raise LookupError(f"there is no {column}")
    return sql.SQL("uuid") if row[0] == "uuid" else sql.SQL("bigint")


def _replace(connection: Connection, column: Column, pk: Any, old: bytes, new: bytes) -> None:
    values: dict[str, Any] = {"pk": pk, "old": old, "new": new, "digest": hashlib.sha256(new).hexdigest()}
    if column.key:
        values |= {"old": old.decode(), "new": new.decode()}
    connection.execute(_update(column), values)


def _update(column: Column) -> sql.Composed:
    name = sql.Identifier(column.name)
    change, held = sql.SQL("{} = %(new)s").format(name), sql.SQL("{} = %(old)s").format(name)
    if column.key:
        change = sql.SQL("{0} = jsonb_set({0}, ARRAY[{1}], to_jsonb(%(new)s::text))").format(name, column.key)
        held = sql.SQL("{} ->> {} = %(old)s").format(name, column.key)
    return sql.SQL("UPDATE {} SET {}{} WHERE {} = %(pk)s AND {}").format(
        sql.Identifier(column.table), change,
        sql.SQL(", {} = %(digest)s").format(sql.Identifier(column.digest)) if column.digest else sql.SQL(""),
        sql.Identifier(column.pk), held,
    )  # fmt: skip
