"""Several data planes that share a Redis, and calls spread over them."""

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.costs.budgets.cluster import Cluster
from tests.gateway.dataplane.stack import Answer
from tests.redis_server import RedisServer

MODEL = "sim-limited"


@dataclass
class Fleet(Cluster):
    """A cluster without a ledger writer: nothing here is about lines."""

    redis: RedisServer | None = None

    def start_writer(self) -> None:
        """None is needed."""

    def tenant(self, slug: str) -> tuple[str, str]:
        """`(organization, project)` that may call the model."""
        organization = self.organization(slug)
        return organization, self.project(organization)

    def limit(self, organization: str, scope: str, value: str, **changes: Any) -> str:
        """A limit; `rpm`, `tpm`, `concurrency`."""
        values = {
            "organization_id": organization, "name": f"by {scope}", "scope": scope, "scope_value": value,
            "is_enabled": True, "is_shadow": False,
        }  # fmt: skip
        return self.insert("gateway_ratelimit", **values | changes)

    def modes(self) -> list[str]:
        """What each data plane says of its limits."""
        found = []
        for port in self.ports:
            answer = self.at(port).get("/readyz")
            found.append(answer.json()["rate_limits"] if answer.status == 200 else "")
        return found

    def slots(self, limit: str) -> int:
        """Concurrent calls that Redis knows of, those of dead processes too."""
        assert self.redis is not None
        fields = self.redis.client.hgetall(f"gateway:limit:{limit}:concurrency:")
        return sum(int(value.split(b":")[0]) - int(value.split(b":")[1]) for value in fields.values())

    def wait_for_mode(self, mode: str) -> None:
        self.wait_for(lambda: set(self.modes()) == {mode}, timeout_s=15)

    def spread(self, count: int, secret: str, clients: int = 40, model: str = MODEL, **fields: Any) -> list[Answer]:
        """So many calls, by so many clients at a time, one process after the other."""

        def one(number: int) -> Answer:
            return self.at(self.ports[number % self.size]).chat(secret, model, **fields)

        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(one, range(count)))

    def spread_for(self, seconds: float, secret: str, clients: int = 8) -> list[tuple[float, Answer]]:
        """Calls without a pause: `(seconds that it took, answer)` of each."""
        until = time.monotonic() + seconds

        def one(number: int) -> list[tuple[float, Answer]]:
            stack, found = self.at(self.ports[number % self.size]), []
            while time.monotonic() < until:
                began = time.monotonic()
                answer = stack.chat(secret, MODEL)
                found.append((time.monotonic() - began, answer))
            return found

        with ThreadPoolExecutor(clients) as pool:
            return [pair for pairs in pool.map(one, range(clients)) for pair in pairs]


def statuses(answers: Iterable[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))
