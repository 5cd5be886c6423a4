"""What no part should choke on: messages and frames that are not what they should be."""

import json
import os
from itertools import count

from bench.chaos.arena import Arena
from config.celery import app
from gateway.ledger import spool
from gateway.ledger.ids import uuid7

QUEUES = ("default", "ledger", "rollup", "scan", "reports")
_number = count()


def poison_tasks(arena: Arena) -> None:
    """Messages that are no JSON, name no task, or bring what the task does not take; to every queue."""
    store = arena.redis()
    for queue in QUEUES:
        store.lpush(queue, b"\x80\x04 this is no message", b"{}", b'{"body": "e30=", "headers": {}, "properties": {}}')
        app.send_task("no.such.task", args=[1], queue=queue)
        app.send_task("gateway.outbox_relay", args=[{"not": "expected"}] * 3, queue=queue)
    arena.wait(1.0, 2.0)


def poison_spool(arena: Arena) -> None:
    """A dead owner's spool in which two frames are bad: one is no line, of the other a bit was turned. What stands
    before, between and behind them has to be booked."""
    good = _refusal(arena)
    name = f"poison-{next(_number)}-{uuid7()}"
    journal = spool.Spool(arena.installation.spool, name, segment_bytes=1 << 20)
    bad: list[int] = []
    for body in (None, b"{this is no line", None, b"turned", None):
        identity = str(uuid7())
        if body is None:
            line = good | {"id": identity, "request_id": f"req_{name}"}
            journal.line(identity, json.dumps(line).encode())
            arena.rescued.add(identity)
            continue
        at = journal._offset
        bad.append(at)
        journal.line(identity, body)
        if body == b"turned":
            os.pwrite(journal._fd, b"\xff", at + spool.HEADER.size + 40)
    journal.close()
    arena.poison.update(f"spool:{name} 1:{at}" for at in bad)
    arena.wait(0.5, 1.0)


def _refusal(arena: Arena) -> dict[str, object]:
    """A line of a refused call: it costs nothing, so that it may be written again under other ids."""
    with arena.database() as connection:
        row = connection.execute(
            "SELECT to_jsonb(l) - ARRAY['started_at', 'booked_at', 'ledger_shard', 'client_ip_hash', 'request_hmac', "
            "'prefix_hmacs'] FROM gateway_ledgerline l WHERE kind = 'denied' ORDER BY started_at DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    found: dict[str, object] = row[0]
    return found
