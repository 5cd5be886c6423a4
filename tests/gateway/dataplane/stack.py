"""A real data plane over HTTP for tests: own database, own spool, a simulated provider, rows written as SQL."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from config.embedded.children import FRONT_PROTOCOL
from gateway import credentials
from gateway.ledger.ids import uuid7
from gateway.ledger.writer import Writer
from gateway.simulator.process import SimulatorProcess

ROOT = Path(__file__).resolve().parents[3]
SECRETS = ("KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS")
CREDENTIAL = "sk-upstream-canary-0123456789"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error_code(self) -> str | None:
        return self.json()["error"]["code"]


@dataclass
class Stack:
    """One data plane. `close()` ends it; `book()` runs the ledger writer over its spool until nothing is left.

    `secrets_in_file`: its peppers and field keys are this process's at first, in a `secrets.env` that it follows.
    """

    data_dir: Path
    url: str
    simulator: SimulatorProcess
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=lambda: free_port())
    secrets_in_file: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.data_dir / "dataplane.log"

    def environment(self) -> dict[str, str]:
        """Of the data plane, and of management commands beside it."""
        values = {
            **os.environ, **self.settings, "DATABASE_URL": self.url, "DATABASE_DIRECT_URL": self.url,
            "DATA_DIR": str(self.data_dir),
            "GATEWAY_PRIVATE_UPSTREAMS": f"127.0.0.1:{self.simulator.url.rpartition(':')[2]}",
        }  # fmt: skip
        return {name: value for name, value in values.items() if not (self.secrets_in_file and name in SECRETS)}

    def start(self) -> None:
        environment = self.environment()
        secrets = self.data_dir / "secrets.env"
        if self.secrets_in_file and not secrets.exists():
            secrets.write_text("".join(f"{name}={os.environ[name]}\n" for name in SECRETS))
        with socket.create_server(("127.0.0.1", self.port)) as listener, open(self.log, "ab") as log:
            fd = listener.fileno()
            command = [sys.executable, "-m", "config.embedded.serve", "config.dataplane:app", "--fd", str(fd),
                       "--protocol", FRONT_PROTOCOL]  # fmt: skip
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, pass_fds=[fd])
        self.wait_for(lambda: self.get("/readyz").status == 200)

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    # ---- configuration -------------------------------------------------------------------------------------------
    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, autocommit=True, row_factory=dict_row)

    def insert(self, table: str, **values: Any) -> str:
        values = {"id": str(uuid7()), **values}
        if table != "gateway_user":
            values.setdefault("created_at", datetime.now().astimezone())
            values.setdefault("updated_at", values["created_at"])
        names = ", ".join(f'"{name}"' for name in values)
        with self.connect() as connection:
            connection.execute(
                f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(values))})", list(values.values())
            )
        return str(values["id"])

    def organization(self, slug: str) -> str:
        return self.insert("gateway_organization", slug=slug, name=slug, currency="USD", reporting_timezone="UTC",
                           is_demo=False)  # fmt: skip

    def project(self, organization: str, slug: str = "default") -> str:
        return self.insert("gateway_project", organization_id=organization, slug=slug, name=slug)

    def provider(self, slug: str, **changes: Any) -> str:
        base = {
            "slug": slug, "name": slug, "kind": "openai", "price_list": "", "base_url": self.simulator.base_url,
            "credential": credentials.encrypt(CREDENTIAL), "is_enabled": True, "connect_timeout_ms": 1000,
            "first_byte_timeout_ms": 1500, "idle_timeout_ms": 1500, "total_timeout_ms": 8000,
        }  # fmt: skip
        return self.insert("gateway_provider", **base | changes)

    def model(self, provider: str, name: str, upstream: str = "", organization: str | None = None) -> str:
        return self.insert(
            "gateway_model", provider_id=provider, name=name, upstream_name=upstream or name, capabilities=[],
            is_enabled=True, organization_id=organization,
        )  # fmt: skip

    def route(self, alias: str, models: list[str], **changes: Any) -> str:
        base = {"alias": alias, "description": "", "is_enabled": True}
        route = self.insert("gateway_route", **base | changes)
        for priority, model in enumerate(models):
            self.insert("gateway_routetarget", route_id=route, model_id=model, priority=priority, weight=1)
        return route

    def key(self, organization: str, project: str, **changes: Any) -> tuple[str, str]:
        """`(secret, id)` of a key that already works on the data plane."""
        secret = credentials.new_secret()
        version, digest = credentials.digest(secret)
        values = {
            "organization_id": organization, "project_id": project, "name": "test",
            "prefix": credentials.prefix_of(secret), "digest": digest, "pepper_version": version,
            "scopes": ["inference"], "allowed_models": [],
        }  # fmt: skip
        identity = self.insert("gateway_virtualkey", **values | changes)
        self.wait_for(lambda: self.get("/v1/models", secret).status == 200)
        return secret, identity

    def wait_until_current(self) -> None:
        """Until the data plane has applied the newest configuration version."""
        with self.connect() as connection:

            def is_current() -> bool:
                row = connection.execute(
                    "SELECT (SELECT version FROM gateway_configversion) AS wanted, "
                    "(SELECT max((info->>'version')::int) FROM gateway_heartbeat WHERE name LIKE 'dataplane:%') AS seen"
                ).fetchone()
                assert row is not None
                return row["wanted"] == row["seen"]

            self.wait_for(is_current)

    # ---- traffic -------------------------------------------------------------------------------------------------
    def request(self, method: str, path: str, body: Any = None, secret: str = "", **headers: str) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        if secret:
            request.add_header("Authorization", f"Bearer {secret}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

    def get(self, path: str, secret: str = "") -> Answer:
        try:
            return self.request("GET", path, secret=secret)
        except OSError:
            return Answer(0, {}, b"")

    def chat(self, secret: str, model: str, content: str = "hello", **fields: Any) -> Answer:
        body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
        return self.request("POST", "/v1/chat/completions", body, secret)

    # ---- ledger --------------------------------------------------------------------------------------------------
    def book(self) -> None:
        writer = Writer(self.data_dir / "spool", self.url, no_price)
        while writer.run_once():
            pass
        writer._disconnect()

    def lines(self, request_id: str) -> list[dict[str, Any]]:
        """Booked lines of one request, in order."""
        self.book()
        with self.connect() as connection:
            return connection.execute(
                "SELECT * FROM gateway_ledgerline WHERE request_id = %s ORDER BY started_at, id", [request_id]
            ).fetchall()

    @staticmethod
    def wait_for(condition: Any, timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.02)


def no_price(line: Any, begun: Any) -> dict[str, Any]:
    """Price columns for interrupted attempts in tests that do not look at them."""
    zero = str(Decimal(0))
    return {"cost": zero, "list_cost": zero, "charges": [], "currency": "USD", "price_status": "free"}
