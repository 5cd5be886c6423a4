"""Unique secrets through a whole gateway, on ways that succeed and ways that fail; then every place that keeps or shows
anything is searched for them. Pages, files and mails in the process of a test: `tests/canaries`."""

import json
import os
import secrets
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests import leaks
from tests.collector import Collector, collecting
from tests.fuzz_api import Gateway
from tests.gateway.dataplane.stack import free_port
from tests.redis_server import RedisServer

pytestmark = pytest.mark.slow
# Files whose purpose is to hold a secret; the first two are shown once to who starts a gateway for the first time.
_KEEPERS = {"admin-password", "demo-key", "secrets.env"}

# Tasks of which messages with arguments are sent.
_SHARDS = {"CELERY_ORGANIZATION_SHARDS": "2"}

PERSON = "canary@example.com"
# What has to be seen where it was searched, so that it is known to have been there.
_SEEN = {
    "log/dataplane.log": "server process", "log/console.log": "req_", "gateway_user": PERSON,
    "gateway_provider": "canary-down", "gateway_virtualkey": "canary", "gateway_auditevent": "canary",
}  # fmt: skip

_PREPARE = """
import json, sys
from django.contrib.auth.hashers import make_password
from gateway.choices import Role
from gateway.models import AllowedUpstream, Model, Organization, Project, Provider, User
from gateway import credentials
from gateway.services import bodies, catalog, keys, people
from analytics.alerts.services import create_rule
said = json.loads({said!r})
company = Organization.objects.get(is_demo=True)
project = Project.objects.filter(organization=company, archived_at=None).first()
name = "canary@example.com"
user = User.objects.create(username=name, email=name, password=make_password(said["password"]))
people.add_member(organization=company, actor=None, user=user, role=Role.OWNER, may_grant_owner=True)
source = Provider.objects.exclude(base_url="").filter(base_url__contains="127.0.0.1").first()
AllowedUpstream.objects.get_or_create(host="127.0.0.1", port=9, defaults={{"note": ""}})
for slug, url in (("canary", source.base_url), ("canary-down", "http://127.0.0.1:9/v1")):
    made = Provider.objects.create(organization=company, slug=slug, name=slug, kind=source.kind, base_url=url,
        credential=credentials.encrypt(said["provider credential"]))
    row = {{"provider": made, "name": slug, "upstream_name": "gpt-4o-mini"}}
    Model.objects.create(organization=company, **row)
def key(*scopes):
    return keys.create_key(
        organization=company, project=project, actor=None, name="canary", user=None, scopes=scopes
    )[1]
print(json.dumps({{"virtual key": key("inference"), "management key": key("manage:read", "manage:write")}}))
"""


@dataclass
class Run:
    """A gateway, what is secret there by name, who listens to it, and all that it answered. `redis`, and what was
    `overheard` of it since before the gateway began: None where the machine has none."""

    gateway: Gateway
    secrets: dict[str, str]
    collector: Collector
    redis: RedisServer | None
    overheard: leaks.Overheard | None
    answers: list[bytes] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.gateway.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, content, head = answer.status, answer.read(), str(answer.headers)
        except urllib.error.HTTPError as error:
            status, content, head = error.code, error.read(), str(error.headers)
        self.answers.append(head.encode() + content)
        return status, content


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    made = {
        name: f"{prefix}canary{secrets.token_hex(12)}"
        for name, prefix in (
            ("password", "Pw-"), ("provider credential", "sk-"), ("webhook secret", "whsec-"),
            ("mail password", "smtp"), ("prompt", "prompt "), ("wrong password", "Px-"),
            ("unknown key", "gw-"), ("key in a query", "gw-"), ("metrics token", ""), ("header to the collector", ""),
            ("OpenID client's secret", ""), ("S3 secret key", ""), ("narrator's key", "sk-"),
        )
    }  # fmt: skip
    with ExitStack() as stack:
        collector = stack.enter_context(collecting())
        redis = RedisServer() if shutil.which("redis-server") else None
        overheard = None
        if redis is not None:
            stack.callback(redis.close)
            overheard = stack.enter_context(leaks.Overheard(redis.port))
        settings = configured(made, collector) | ({"REDIS_URL": redis.url, **_SHARDS} if redis else {})
        gateway = Gateway(tmp_path_factory.mktemp("canaries"), free_port(), **settings)
        stack.callback(gateway.close)
        told = json.loads(
            gateway.manage("shell", "--no-imports", "--command", _PREPARE.format(said=json.dumps(made))).splitlines()[
                -1
            ]
        )
        made |= {"virtual key": told["virtual key"], "management key": told["management key"]}
        made |= {name: value.partition(":")[2] or value for name, value in gateway.secrets().items()}
        yield Run(gateway, made, collector, redis, overheard)


def configured(made: dict[str, str], collector: Collector) -> dict[str, str]:
    """What the operator says; neither mail server nor bucket nor OpenID provider is there."""
    nowhere = f"127.0.0.1:{free_port()}"
    return {
        "EMAIL_URL": f"smtp://mailer:{made['mail password']}@{nowhere}", "METRICS_TOKEN": made["metrics token"],
        "GATEWAY_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "GATEWAY_OTLP_HEADERS": f"authorization={made['header to the collector']}",
        "GATEWAY_PRIVATE_UPSTREAMS": f"127.0.0.1:{collector.port}", "GATEWAY_OTLP_METRICS_INTERVAL_S": "2",
        "OIDC_ISSUER": f"http://{nowhere}", "OIDC_CLIENT_ID": "gateway", "OIDC_DOMAINS": "example.com=demo",
        "OIDC_CLIENT_SECRET": made["OpenID client's secret"], "ARCHIVE_URL": "s3://bucket/gateway",
        "ARCHIVE_S3_ENDPOINT": f"http://{nowhere}", "ARCHIVE_S3_ACCESS_KEY": "AKIA",
        "ARCHIVE_S3_SECRET_KEY": made["S3 secret key"], "NARRATOR_KEY": made["narrator's key"],
    }  # fmt: skip


def use(run: Run) -> None:
    """Every secret where it belongs, and where it does not."""
    own = run.secrets
    virtual = {"Authorization": f"Bearer {own['virtual key']}"}
    chat = {"model": "canary", "messages": [{"role": "user", "content": own["prompt"]}]}
    assert run.call("POST", "/v1/chat/completions", chat, **virtual)[0] == 200
    assert run.call("POST", "/v1/chat/completions", {**chat, "stream": True}, **virtual)[0] == 200
    assert run.call("POST", "/v1/chat/completions", {**chat, "model": "canary-down"}, **virtual)[0] in (502, 503)
    assert run.call("POST", "/v1/chat/completions", {**chat, "model": "no such"}, **virtual)[0] == 404
    assert run.call("POST", "/v1/chat/completions", json.dumps(chat).encode()[:-2], **virtual)[0] == 400
    assert run.call("POST", "/v1/embeddings", {"model": "canary", "input": {"x": own["prompt"]}}, **virtual)[0] == 400
    assert run.call("POST", "/v1/chat/completions", chat, Authorization=f"Bearer {own['unknown key']}")[0] == 401
    assert run.call("POST", f"/v1/chat/completions?api_key={own['key in a query']}", chat)[0] == 401
    assert run.call("GET", f"/api/v1/teams?api_key={own['key in a query']}")[0] == 401
    assert run.call("GET", "/api/v1/teams", x_api_key=own["unknown key"])[0] == 401
    manage = {"Authorization": f"Bearer {own['management key']}"}
    assert run.call("GET", "/api/v1/providers", **manage)[0] == 200
    for name in ("password", "wrong password"):
        run.call("POST", "/api/v1/auth/token", {"username": "canary@example.com", "password": own[name]})
    run.call(
        "POST", "/api/v1/auth/token", {"username": own["wrong password"], "password": {"x": own["wrong password"]}}
    )
    run.call("POST", "/api/v1/auth/password-reset", {"email": "canary@example.com"})  # the mail server is not there
    run.call("POST", "/api/v1/providers", {"slug": "x y", "credential": own["provider credential"]}, **manage)
    rule = {"name": "Canary", "scope": "organization", "measure": "cost", "threshold": "1",
            "channels": [{"kind": "webhook", "target": f"https://192.0.2.1/{own['webhook secret']}"}]}  # fmt: skip
    run.call("POST", "/api/v1/alerts", rule, **manage)
    for path in (
        "/api/v1/alerts",
        "/api/v1/audit-events",
        "/api/v1/usage-records",
        "/admin/login/",
        "/metrics",
        "/sign-in/sso/",
    ):
        run.call("GET", path, **manage)


def kept(run: Run, folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """All that the gateway has written, said or answered by now: place, content, and what has to be seen in it."""
    for number, answer in enumerate(run.answers):
        yield f"answer {number}", answer, ""
    for path in sorted(run.gateway.data_dir.rglob("*")):
        if (
            path.is_file()
            and path.name not in _KEEPERS
            and "postgres" not in path.parts[-3:]
            and path.stat().st_size < 2**27
        ):
            name = str(path.relative_to(run.gateway.data_dir))
            yield name, path.read_bytes(), _SEEN.get(name, "")
    with psycopg.connect(run.gateway.database_url) as connection:
        tables = connection.execute(
            "SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, table))) as copy:
                yield f"table {table}", b"".join(bytes(block) for block in copy), _SEEN.get(table, "")
    backup = folder / "whole.tar"
    run.gateway.manage("backup", "--output", str(backup))
    yield "backup", backup.read_bytes(), f"\t{PERSON}\t"
    yield "export_openapi", run.gateway.manage("export_openapi").encode(), "chat/completions"
    yield from told(run)


def told(run: Run) -> Iterator[tuple[str, bytes, str]]:
    """What went to others beside it: metrics, spans, Redis."""
    key = {"Authorization": f"Bearer {run.secrets['metrics token']}"}
    status, metrics = run.call("GET", "/metrics", **key)
    assert status == 200
    yield "metrics", metrics, 'provider="canary'
    yield "spans", "\n".join(map(str, run.collector.spans)).encode(), "canary"
    yield "exported metrics", str(run.collector.metrics).encode(), "name:"
    if run.redis is not None and run.overheard is not None:
        places = list(leaks.of_redis(run.redis.client))
        assert len(places) > 3
        yield "Redis", b"\n".join(content for _, content in places), "_kombu"
        yield "said to Redis", run.overheard.text, '"task": "analytics.rollup_marks"'
        payloads = sorted(run.overheard.tasks())
        arguments = [json.loads(payload)[:2] for payload in payloads]
        assert [[], {}] in arguments
        assert [[1], {}] in arguments  # the second shard: what was sent with arguments was heard, too
        yield "payloads of tasks", b"\n".join(payloads), '"callbacks"'


def test_no_secret_reaches_a_sink(run: Run, tmp_path: Path) -> None:
    use(run)
    sweep = leaks.Sweep(run.secrets)

    for place, content, mark in kept(run, tmp_path):
        sweep.look(place, content, mark)

    assert not sweep.wrong, "\n".join(sweep.wrong)
    assert sweep.searched > 100
    assert os.stat(run.gateway.data_dir / "secrets.env").st_mode & 0o077 == 0
