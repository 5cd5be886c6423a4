"""Queues of background work: which shard of a queue an organization's work belongs to, and how long messages wait.

With `CELERY_ORGANIZATION_SHARDS` n above 1, work that is done organization by organization is handed out as n messages,
to `<queue>.0` … `<queue>.<n-1>`; each does the organizations of its shard. One that keeps its shard busy then delays
only those that share it.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from django.conf import settings

SHARDED = ("rollup", "scan")
"""Queues with work that is done organization by organization."""
SENT_AT = "sent_at"
TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of all organizations."""

    number: int
    count: int

    def holds(self, organization: UUID) -> bool:
        """By the random end of the id, so that it stays the same everywhere and for good."""
        return (organization.int & 0xFFFFFFFF) % self.count == self.number


def shard_of(number: int | None) -> Shard | None:
    """What a task is to do: None, everything, without a number or with one shard."""
    count = settings.CELERY_ORGANIZATION_SHARDS
    return None if number is None or count == 1 else Shard(number % count, count)


def hand_out(task: Any, number: int | None) -> bool:
    """Whether a task without a number was handed out to the shards, one message each, so that there is nothing more to
    do."""
    count = settings.CELERY_ORGANIZATION_SHARDS
    if number is not None or count == 1:
        return False
    queue = settings.CELERY_TASK_ROUTES[task.name]["queue"]
    for one in range(count):
        task.apply_async(args=(one,), queue=f"{queue}.{one}")
    return True


def names(bases: set[str], shards: set[int] | None = None) -> set[str]:
    """The queues of these base names: themselves, and their shards (None: all of them)."""
    count = settings.CELERY_ORGANIZATION_SHARDS
    if count == 1:
        return bases
    wanted = range(count) if shards is None else sorted(shards)
    return bases | {f"{base}.{one}" for base in bases & set(SHARDED) for one in wanted}


def note_time(headers: dict[str, Any] | None = None, **more: Any) -> None:
    """Receiver of Celery's `before_task_publish`: when the message was sent."""
    if headers is not None:
        headers[SENT_AT] = time.time()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages in a queue, and how long the oldest has waited; 0 for none."""

    queue: str
    length: int
    lag_s: float


def waiting(now: float | None = None) -> Iterator[Waiting]:
    """Of every queue; nothing without Redis, or while it does not answer."""
    if not settings.REDIS_URL:
        return
    known = {settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    try:
        for name in sorted(names(known)):
            # kombu pushes at the left and takes from the right
            oldest: Any = client.lindex(name, -1)
            sent_at = json.loads(oldest).get("headers", {}).get(SENT_AT) if oldest else None
            lag = max(0.0, (now or time.time()) - sent_at) if isinstance(sent_at, int | float) else 0.0
            length: Any = client.llen(name)
            yield Waiting(name, int(length), lag)
    except (redis.RedisError, OSError, ValueError):
        return
    finally:
        client.close()
