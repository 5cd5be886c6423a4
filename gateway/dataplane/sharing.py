"""The data plane's connection to Redis: short time-outs, no retries, used by background tasks alone."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CONNECT_S = 0.5
ANSWER_S = 1.0
"""A server that has not answered by then counts as away; a stalled event loop must not look like it."""
RETRY_S = 0.5
"""Pause between attempts to reach a server that is away."""
AWAY = (RedisError, OSError, TimeoutError)


def connect(url: str, *, answer_s: float | None = ANSWER_S) -> Redis:
    """A client that fails fast. `answer_s` None waits for ever, for subscriptions."""
    return Redis.from_url(
        url, socket_connect_timeout=CONNECT_S, socket_timeout=answer_s, retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
    )  # fmt: skip
