"""The processes of the compose file with its own commands, in production's profile, over a real Redis and PostgreSQL,
with and without the recipe's PgBouncer before it: a call is answered and booked, pages show it, the background rolls it
up and writes a file of it, and a page is for HTTPS alone."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.config.test_profiles import PRODUCTION
from tests.conftest import PGBOUNCER_ABSENT
from tests.deploy import files
from tests.deploy.test_monitoring import scrapes
from tests.gateway.dataplane.stack import Stack
from tests.pgbouncer import PROGRAM, PgBouncer
from tests.redis_server import RedisServer

TOKEN = "metrics-token"
HOST = {"Host": PRODUCTION["ALLOWED_HOSTS"], "X_Forwarded_Proto": "https"}
POOLED = pytest.mark.skipif(PROGRAM is None, reason=PGBOUNCER_ABSENT)
PAGES = (
    "",
    "requests/",
    "usage/",
    "costs/",
    "budgets/",
    "keys/",
    "alerts/",
    "exports/",
    "gateway/auditevent/",
    "privacy/",
    "gateway/membership/",
)
OWNER = """
from django.conf import settings
from django.test import Client
from analytics.exports.service import Asked, request_export
from gateway.choices import Role
from gateway.models import Membership, Organization, User
owner = User.objects.create_user("olga", "olga@example.com")
organization = Organization.objects.get(slug="composed")
Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
window = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
request_export(organization=organization, user=owner, asked=Asked("usage_records", "csv", window))
client = Client()
client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
print(f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}")
"""
"""Makes an owner, asks for a file of all lines, and prints the cookie of a session."""


@dataclass
class Composed(Stack):
    """Every process of the recipe but those that are not ours. `pooled`: the database by way of PgBouncer, or empty."""

    pooled: str = ""

    def environment(self) -> dict[str, str]:
        return super().environment() | ({"DATABASE_URL": self.pooled} if self.pooled else {})

    def start(self) -> None:
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._run("prepare").wait(300)
        assert self.children.pop("prepare").returncode == 0, self.log.read_text()
        for name in files.services():
            if name != "prepare":
                self._run(name)
        self.wait_for(lambda: self.get("/readyz").status == 200, 60)

    def _run(self, name: str) -> subprocess.Popen[bytes]:
        swaps = {"python": sys.executable, "0.0.0.0:8000": f"127.0.0.1:{self.port}"}
        command = [
            swaps.get(part, part).replace("/data/", f"{self.data_dir}/") for part in files.services()[name]["command"]
        ]
        with open(self.log, "ab") as log:
            made = subprocess.Popen(command, cwd=files.ROOT, env=self.environment(), stdout=log, stderr=log)
        self.children[name] = made
        return made

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *command], cwd=files.ROOT, env=self.environment(), capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    def close(self) -> None:
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                raise


@pytest.fixture
def bouncer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PgBouncer | None]:
    """The parameter says whether there is one."""
    made = PgBouncer(tmp_path / "pgbouncer", settings.DATABASE_DIRECT_URL) if request.param else None
    yield made
    if made is not None:
        made.close()


@pytest.fixture
def database(bouncer: PgBouncer | None) -> Iterator[str]:
    """Address of a database of the server's own: empty, so that it is migrated; behind PgBouncer, which migrations go
    past, it is migrated already."""
    name, base = f"composed_{'pooled' if bouncer else 'direct'}_{os.getpid()}", settings.DATABASE_DIRECT_URL
    with psycopg.connect(base, autocommit=True, dbname="postgres") as connection:
        if bouncer:
            url = template.create(name)
        else:
            connection.execute(f"CREATE DATABASE {name}")
            url = base.replace("/gateway?", f"/{name}?")
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def composed(tmp_path: Path, bouncer: PgBouncer | None, database: str) -> Iterator[Composed]:
    redis = RedisServer()
    own = {name: value for name, value in PRODUCTION.items() if name not in ("KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS")}
    own |= {"GATEWAY_TRUSTED_PROXIES": "127.0.0.1", "REDIS_URL": redis.url, "LOG_JSON": "true"}
    own |= {
        "METRICS_TOKEN": TOKEN,
        "ALLOWED_HOSTS": files.example(files.DEPLOY / "gateway.env.example")["ALLOWED_HOSTS"],
    }
    with SimulatorProcess(latency_ms=20, tokens_per_s=0) as simulator:
        stack = Composed(tmp_path, database, simulator, settings=own)
        stack.pooled = bouncer.url(urlsplit(database).path[1:]) if bouncer else ""
        try:
            stack.start()
            yield stack
        finally:
            stack.close()
            redis.close()


def scraped(composed: Composed) -> set[str]:
    """The metrics that Prometheus gets with its own configuration; without the token it gets none."""
    jobs = scrapes(files.MONITORING / "prometheus.compose.yaml")
    (host,) = jobs[1]["static_configs"][0]["targets"]
    found: set[str] = set()
    for path in (job["metrics_path"] for job in jobs):
        assert composed.request("GET", path, Host=host).status == 403
        answer = composed.request("GET", path, Host=host, Authorization=f"Bearer {TOKEN}")
        assert answer.status == 200, path
        found |= set(re.findall(r"^# TYPE (\w+)", answer.body.decode(), re.MULTILINE))
    return found


def shown(composed: Composed) -> str:
    """Pages for an owner; returns the one of requests. Each names the person: none is the sign-in."""
    done = composed.manage("shell", "--no-imports", "-c", OWNER)
    assert done.returncode == 0, done.stderr
    texts = {}
    for page in PAGES:
        answer = composed.request("GET", f"/admin/{page}", Cookie=done.stdout.strip(), **HOST)
        assert (page, answer.status) == (page, 200), answer.body[:500]
        texts[page] = answer.body.decode()
        assert "olga" in texts[page], page
    return texts["requests/"]


def worked(composed: Composed) -> bool:
    """The background has rolled the line up and written the file."""
    with composed.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT coalesce(sum(requests), 0) FROM analytics_total_quarter_hour)::int AS requests, "
            "(SELECT count(*) FROM gateway_job WHERE kind = 'analytics.export' AND status = 'succeeded') AS files"
        ).fetchone()
    return row == {"requests": 1, "files": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "bouncer", [False, pytest.param(True, marks=POOLED)], ids=["direct", "pgbouncer"], indirect=True
)
def test_the_composed_processes(composed: Composed, bouncer: PgBouncer | None) -> None:
    organization = composed.organization("composed")
    project = composed.project(organization)
    composed.model(composed.provider("sim"), "sim-default")
    secret, _ = composed.key(organization, project)
    composed.wait_until_current()

    answer = composed.chat(secret, "sim-default")
    assert answer.status == 200, answer.body
    request = answer.headers["x-request-id"]

    # The writer of the recipe books it, not the test.
    def booked() -> list[dict[str, object]]:
        with composed.connect() as connection:
            query = "SELECT status, organization::text FROM gateway_ledgerline WHERE request_id = %s"
            return connection.execute(query, [request]).fetchall()

    composed.wait_for(lambda: bool(booked()), 30)
    assert booked() == [{"status": "ok", "organization": organization}]

    assert request in shown(composed)
    composed.wait_for(lambda: worked(composed), 90)
    host = {"Host": PRODUCTION["ALLOWED_HOSTS"]}
    to_https = composed.request("GET", "/api/v1/me", **host)
    assert to_https.status == 401  # programs beside it may speak HTTP
    page = composed.request("GET", "/admin/login/", X_Forwarded_Proto="https", **host)
    assert page.status == 200
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert "Secure" in page.headers["set-cookie"]
    assert composed.request("GET", "/admin/login/", X_Forwarded_Proto="https", Host="evil.example").status == 400

    for check in ("ledger_writer", "background", "database", "rate_limits"):
        composed.wait_for(lambda check=check: composed.manage("doctor", "--only", check).returncode == 0, 40)
    done = composed.manage("doctor", "--only", "ledger_writer", "background")
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["Ledger", "writer", "ok"], ["Background", "work", "ok"],
    ]  # fmt: skip
    assert composed.manage("verify_ledger").returncode == 0
    assert {
        "gateway_active_requests", "gateway_spool_bytes", "gateway_queue_lag_seconds", "gateway_ledger_lag_seconds",
        "gateway_rollup_lag_seconds",
    } <= scraped(composed)  # fmt: skip

    if bouncer:
        assert bouncer.transactions(f"composed_pooled_{os.getpid()}") > 100  # it was not passed by

    composed.children["dataplane"].send_signal(signal.SIGTERM)
    assert composed.children["dataplane"].wait(20) == -signal.SIGTERM  # uvicorn's way to end, after it has drained
    said = composed.log.read_text()
    assert "Application shutdown complete" in said
    assert [line for line in said.splitlines() if "Traceback" in line and "DisallowedHost" not in line] == []
