"""Circuit breakers of all processes open and close together, told over Redis; without it, or while it is away, each
process goes by what it sees itself.

Nothing is stored: a change is published, and a process that has just subscribed asks the others what is open. Calls
read memory alone.
"""

import asyncio
import contextlib
import logging
import math
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings

from gateway.dataplane import sharing, tasks
from gateway.dataplane.breaker import CLOSED, OPEN
from gateway.dataplane.exposition import gauge, head

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from gateway.dataplane.deployments import Deployment
    from gateway.dataplane.runtime import Runtime

logger = logging.getLogger(__name__)
CHANNEL = "gateway:breakers"
HELLO = "hello"
MAX_WAITING = 1_000
LISTEN_S = 5.0


class BreakerSharing:
    """`Service` of the data plane; see `gateway.dataplane.protocols.Service`."""

    name = "breaker_sharing"

    def __init__(self, runtime: "Runtime") -> None:
        self.deployments = runtime.deployments
        self.owner = runtime.id
        self.is_shared = False
        self.adopted = 0
        self._news: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        if settings.REDIS_URL:
            self.deployments.on_change = self.tell
            self._tasks = [asyncio.create_task(work()) for work in (self._publish, self._listen)]

    async def close(self) -> None:
        await tasks.end(self._tasks)

    def report(self) -> dict[str, Any]:
        return {"breakers_shared": self.is_shared}

    def metrics(self) -> list[str]:
        lines = gauge("gateway_breakers_shared", self.is_shared, "1 while breakers are told of over Redis.")
        lines += head("gateway_breaker_adopted_total", "counter", "Breakers opened because another process's did.")
        return [*lines, f"gateway_breaker_adopted_total {self.adopted}"]

    # ---- telling -----------------------------------------------------------------------------------------------------
    def tell(self, deployment: "Deployment") -> None:
        """This process found out that a deployment fails, or answers again. Half-open is everybody's own business."""
        breaker = deployment.breaker
        if breaker.state in (OPEN, CLOSED):
            self._say(
                state=breaker.state, provider=deployment.provider, slug=deployment.slug, model=deployment.model,
                retry_in_s=breaker.retry_in(self.deployments.clock()),
            )  # fmt: skip

    def _say(self, **said: Any) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._news.put_nowait(orjson.dumps({"owner": self.owner, **said}))

    async def _publish(self) -> None:
        client: Redis | None = None
        try:
            while True:
                data = await self._news.get()
                try:
                    client = client or sharing.connect(settings.REDIS_URL)
                    async with asyncio.timeout(sharing.ANSWER_S):
                        await client.publish(CHANNEL, data)
                except sharing.AWAY:  # old news is of no use when it returns: the others have seen for themselves
                    await _drop(client)
                    client = None
        finally:
            await _drop(client)

    # ---- hearing -----------------------------------------------------------------------------------------------------
    async def _listen(self) -> None:
        while True:
            client = sharing.connect(settings.REDIS_URL, answer_s=None)
            try:
                async with client.pubsub() as channel:
                    async with asyncio.timeout(sharing.CONNECT_S + sharing.ANSWER_S):
                        await channel.subscribe(CHANNEL)
                    self.is_shared = True
                    self._say(state=HELLO)
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_S)
                        if message is not None:
                            self.hear(message["data"])
            except sharing.AWAY as error:
                if self.is_shared:
                    logger.warning("breakers: Redis is away (%r); this process goes by what it sees", error)
            finally:
                self.is_shared = False
                await _drop(client)
            await asyncio.sleep(sharing.RETRY_S)

    def hear(self, data: bytes) -> None:
        """Another process's news; what is not understood is left alone."""
        try:
            said = orjson.loads(data)
            if said["owner"] == self.owner:
                return
            if said["state"] == HELLO:
                for deployment in self.deployments:
                    if deployment.breaker.state == OPEN:
                        self.tell(deployment)
                return
            retry_in_s, provider, slug, model = float(said["retry_in_s"]), said["provider"], said["slug"], said["model"]
            if math.isnan(retry_in_s) or not all(isinstance(name, str) for name in (provider, slug, model)):
                raise ValueError  # not a number is below no bound
            self._adopt(said["state"], provider, slug, model, retry_in_s)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            logger.warning("breakers: a message was not understood")

    def _adopt(self, state: str, provider: str, slug: str, model: str, retry_in_s: float) -> None:
        now = self.deployments.clock()
        if state == OPEN:
            breaker = self.deployments.named(provider, slug, model).breaker
            self.adopted += breaker.state == CLOSED
            breaker.adopt_open(now, retry_in_s)
        elif state == CLOSED and (known := self.deployments.get(provider, model)) is not None:
            known.breaker.adopt_closed(now)


async def _drop(client: "Redis | None") -> None:
    if client is not None:
        with contextlib.suppress(*sharing.AWAY):
            async with asyncio.timeout(sharing.CONNECT_S):
                await client.aclose()
