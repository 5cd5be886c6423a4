"""The rows that decide who makes a call: claim, complete, free. Blocking; called in the service's threads.

A row belongs to the process in `owner` while that process's heartbeat is fresh. `id` is new with every claim, so an
owner that lost its row can neither complete nor free it.
"""

import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import psycopg
from cryptography.fernet import InvalidToken

from gateway import credentials
from gateway.dataplane.idempotency.answer import Answer

KEPT_H = 24
LEASE_S = 30
"""A process beats each second; one that only stutters must not lose its calls, which would be made twice."""
OPTIONS = "-c statement_timeout=4s -c lock_timeout=3s"
_FRESH = f"now() - make_interval(secs => {LEASE_S})"
CLAIM_SQL = f"""
INSERT INTO gateway_idempotentcall AS c
  (id, organization, project, api_key, key_hmac, body_hmac, state, owner, request_id, claimed_at, expires_at)
VALUES (%(id)s, %(organization)s, %(project)s, %(api_key)s, %(key)s, %(body)s, 'in_flight', %(owner)s, %(request_id)s,
  now(), now() + make_interval(hours => {KEPT_H}))
ON CONFLICT (api_key, key_hmac) DO UPDATE SET
  id = excluded.id, body_hmac = excluded.body_hmac, state = excluded.state, owner = excluded.owner,
  request_id = excluded.request_id, claimed_at = now(), expires_at = excluded.expires_at, answer = NULL
WHERE c.id = excluded.id OR c.expires_at <= now() OR (
  c.state = 'in_flight' AND c.body_hmac = excluded.body_hmac AND c.claimed_at < {_FRESH}
  AND pg_postmaster_start_time() < {_FRESH} AND NOT EXISTS (
    SELECT 1 FROM gateway_heartbeat h WHERE h.name = 'dataplane:' || c.owner AND h.at >= {_FRESH}))
RETURNING true
"""  # noqa: S608  (constants)
FIND_SQL = "SELECT state, body_hmac, answer FROM gateway_idempotentcall WHERE api_key = %s AND key_hmac = %s"
COMPLETE_SQL = "UPDATE gateway_idempotentcall SET state = %s, answer = %s WHERE id = %s AND state = 'in_flight'"
FREE_SQL = "DELETE FROM gateway_idempotentcall WHERE id = %s AND state = 'in_flight'"


class Found(Enum):
    """What a claim met."""

    CLAIMED = "claimed"
    IN_FLIGHT = "in_flight"
    OTHER_BODY = "other_body"
    NOT_KEPT = "not_kept"


class Claim(NamedTuple):
    """A wish to make a call. `key` and `body` are keyed hashes of 32 bytes; `id` is the fence."""

    id: str
    organization: str
    project: str
    api_key: str
    key: bytes
    body: bytes
    request_id: str


@dataclass(slots=True)
class Rows:
    """One connection for each thread, made when it is needed and again after a failure."""

    conninfo: str
    owner: str
    _local: threading.local = field(default_factory=threading.local)

    def claim(self, claim: Claim) -> Answer | Found:
        """The stored answer, or what stands in the way. Raises `psycopg.Error`. One statement, or two."""
        return self._with_connection(lambda connection: self._claim(connection, claim))

    def complete(self, claim_id: str, answer: Answer | None) -> None:
        """Keep the answer; None says that it was given and is not kept. Nothing happens when the row was lost."""
        sealed = None if answer is None else credentials.encrypt_bytes(answer.encode())
        state = "complete" if answer is not None else "not_kept"
        self._with_connection(lambda connection: connection.execute(COMPLETE_SQL, [state, sealed, claim_id]))

    def free(self, claim_id: str) -> None:
        """The call got no answer worth keeping: whoever asks again makes it again."""
        self._with_connection(lambda connection: connection.execute(FREE_SQL, [claim_id]))

    def _claim(self, connection: psycopg.Connection[Any], claim: Claim) -> Answer | Found:
        parameters = claim._asdict() | {"owner": self.owner}
        while True:
            if connection.execute(CLAIM_SQL, parameters).fetchone() is not None:
                return Found.CLAIMED
            row = connection.execute(FIND_SQL, [claim.api_key, claim.key]).fetchone()
            if row is not None:
                return _read(row, claim)
            # freed between the two statements: free to be claimed

    def _with_connection(self, work: Any) -> Any:
        """Once more on a new connection when an old one turns out to be dead: everything here may be repeated."""
        known: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if known is not None and not known.closed:
            try:
                return work(known)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                known.close()
        connection = psycopg.connect(self.conninfo, autocommit=True, connect_timeout=3, options=OPTIONS)
        self._local.connection = connection
        try:
            return work(connection)
        except psycopg.Error:
            connection.close()
            raise


def _read(row: tuple[Any, ...], claim: Claim) -> Answer | Found:
    state, body, sealed = row
    if bytes(body) != claim.body:
        return Found.OTHER_BODY
    if state == "in_flight":
        return Found.IN_FLIGHT
    if sealed is None:
        return Found.NOT_KEPT
    try:
        return Answer.decode(credentials.decrypt_bytes(bytes(sealed)))
    except (InvalidToken, ValueError):  # written under an encryption key that is gone
        return Found.NOT_KEPT
