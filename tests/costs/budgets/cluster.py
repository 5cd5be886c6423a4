"""Several data-plane processes and a ledger writer over one database, loaded by many clients at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.ledger.ids import uuid7
from tests.gateway.dataplane.stack import ROOT, Answer, Stack, free_port


@dataclass
class Cluster(Stack):
    """`size` data planes on ports of their own, one spool folder, one writer."""

    size: int = 4
    ports: list[int] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    writer: subprocess.Popen[bytes] | None = None
    midnight: datetime = field(default_factory=lambda: datetime.max.replace(tzinfo=UTC))
    shift_s: float = 0.0

    def start(self) -> None:
        self.ports = [free_port() for _ in range(self.size)]
        self.workers = [self._spawn(self._serve(port)) for port in self.ports]
        self.start_writer()
        for port in self.ports:
            self.wait_for(lambda port=port: self.at(port).get("/readyz").status == 200, timeout_s=60)
        self.port = self.ports[0]

    def start_writer(self) -> None:
        self.writer = self._spawn([sys.executable, "manage.py", "write_ledger"])

    def _serve(self, port: int) -> list[str]:
        return [sys.executable, "-m", "uvicorn", "config.dataplane:app", "--port", str(port), "--no-access-log",
                "--no-proxy-headers", "--loop", "uvloop"]  # fmt: skip

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ, "DATABASE_URL": self.url, "DATABASE_DIRECT_URL": self.url, "DATA_DIR": str(self.data_dir),
            "GATEWAY_PRIVATE_UPSTREAMS": f"127.0.0.1:{self.simulator.url.rpartition(':')[2]}", **self.settings,
        }  # fmt: skip
        with open(self.data_dir / "cluster.log", "ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def kill(self, at: int) -> None:
        self.workers[at].send_signal(signal.SIGKILL)
        self.workers[at].wait(10)

    def restart(self, at: int) -> None:
        self.workers[at] = self._spawn(self._serve(self.ports[at]))
        self.wait_for(lambda: self.at(self.ports[at]).get("/readyz").status == 200, timeout_s=60)

    def close(self) -> None:
        running = [*self.workers, *([self.writer] if self.writer else [])]
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)

    def set_clock(self, seconds_to_midnight: float) -> None:
        """Shift what `clock_timestamp()` says to sessions of this database; everything else keeps the true time."""
        now = datetime.now(UTC)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        shift = (midnight - now).total_seconds() - seconds_to_midnight
        with self.connect() as connection:
            row = connection.execute("SELECT current_database() AS name").fetchone()
            assert row is not None
            connection.execute("CREATE SCHEMA shifted")
            connection.execute(
                "CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
                f"$$ SELECT pg_catalog.clock_timestamp() + interval '{shift:.3f} s' $$"
            )
            connection.execute(f"ALTER DATABASE {row['name']} SET search_path = shifted, public, pg_catalog")
        self.midnight, self.shift_s = midnight, shift

    def seconds_to_midnight(self) -> float:
        """By the shifted clock."""
        return (self.midnight - datetime.now(UTC)).total_seconds() - self.shift_s

    def at(self, port: int) -> "Stack":
        """One of the data planes."""
        return Stack(self.data_dir, self.url, self.simulator, port=port)

    def wait_until_current(self) -> None:
        """Until every data plane has applied the newest configuration version."""
        with self.connect() as connection:

            def is_current() -> bool:
                row = connection.execute(
                    "SELECT count(*) AS behind FROM gateway_heartbeat WHERE name LIKE 'dataplane:%%' "
                    "AND at > now() - interval '3 s' "
                    "AND (info->>'version')::int < (SELECT version FROM gateway_configversion)"
                ).fetchone()
                assert row is not None
                return row["behind"] == 0

            self.wait_for(is_current)

    # ---- money -----------------------------------------------------------------------------------------------------
    def price(self, model: str, **prices: str) -> None:
        """An own price for the provider kind `openai`: meter → amount per million tokens, or per request."""
        with self.connect() as connection:
            connection.execute(
                "INSERT INTO costs_priceoverride (id, provider, model, prices, currency, valid_from, source, note, "
                "created_at) VALUES (%s, 'openai', %s, %s::jsonb, 'USD', '2020-01-01', '', '', now())",
                [str(uuid7()), model, json.dumps(prices)],
            )

    def budget(self, organization: str, amount: str, **changes: Any) -> str:
        """A hard budget of the organization a month."""
        now = datetime.now(UTC)
        values = {
            "organization_id": organization, "name": "All", "scope": "organization", "scope_value": organization,
            "amount": Decimal(amount), "currency": "USD", "period": "month", "timezone": "UTC", "enforcement": "hard",
            "is_shadow": False, "rolls_over": False, "alert_thresholds": "[]",
            "tracked_from": now.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
        }  # fmt: skip
        return self.insert("costs_budget", **values | changes)

    def counter(self, budget: str) -> dict[str, Any]:
        """The budget's newest counter with its leases."""
        with self.connect() as connection:
            row = connection.execute(
                "SELECT c.*, (SELECT count(*) FROM costs_budgetlease l WHERE l.counter_id = c.id) AS leases "
                "FROM costs_budgetcounter c WHERE budget_id = %s ORDER BY period_start DESC LIMIT 1",
                [budget],
            ).fetchone()
            assert row is not None
            return row

    def counters(self, budget: str) -> list[dict[str, Any]]:
        """All periods of a budget, the oldest first."""
        with self.connect() as connection:
            return connection.execute(
                "SELECT * FROM costs_budgetcounter WHERE budget_id = %s ORDER BY period_start", [budget]
            ).fetchall()

    def ledger(self, organization: str) -> tuple[Decimal, int]:
        """`(cost, attempts that were served)` of an organization's lines."""
        with self.connect() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(cost), 0) AS cost, count(*) FILTER (WHERE status = 'ok') AS n "
                "FROM gateway_ledgerline WHERE organization = %s",
                [organization],
            ).fetchone()
            assert row is not None
            return row["cost"], row["n"]

    def spent_by(self, organization: str, subject: str) -> dict[tuple[datetime, str], Decimal]:
        """What the ledger says each subject (SQL over a line `l`) cost on each day."""
        with self.connect() as connection:
            rows = connection.execute(
                f"SELECT date_trunc('day', l.started_at, 'UTC') AS day, {subject} AS subject, sum(l.cost) AS cost "
                "FROM gateway_ledgerline l WHERE l.organization = %s GROUP BY 1, 2",
                [organization],
            ).fetchall()
        return {(row["day"], row["subject"]): row["cost"] for row in rows if row["subject"] is not None}

    # ---- load ------------------------------------------------------------------------------------------------------
    def live_ports(self) -> list[int]:
        return [port for port, worker in zip(self.ports, self.workers, strict=True) if worker.poll() is None]

    def flood(self, clients: int, secret: str, model: str, *, patience_s: float = 0, **fields: Any) -> list[Answer]:
        """So many calls at the same time, spread over the processes. `patience_s`: repeat a 429 as clients do."""
        until = time.monotonic() + patience_s

        def one(number: int) -> Answer:
            stack = self.at(self.live_ports()[number % len(self.live_ports())])
            answer = stack.chat(secret, model, **fields)
            while answer.status == 429 and time.monotonic() < until:
                time.sleep(float(answer.headers["retry-after"]))
                answer = stack.chat(secret, model, **fields)
            return answer

        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(one, range(clients)))


def statuses(answers: Iterable[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))
