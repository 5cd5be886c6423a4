"""Server-side request forgery: every address that somebody can configure, and every way of writing a forbidden one."""

import ast
import dataclasses
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.apps import apps
from django.conf import settings as settings_of_django
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.urls import get_resolver
from rest_framework import serializers

from analytics.alerts.delivery import deliver
from analytics.alerts.models import AlertChannel
from analytics.alerts.services import create_rule
from config.env import Env
from finetuning.backends import googleauth
from gateway import credentials, outbound
from gateway.dataplane.addresses import Resolver, is_never_allowed, is_public
from gateway.dataplane.errors import UpstreamError
from tests import factories
from tests.gateway.api.conftest import client_of
from tests.gateway.api.places import job_wish

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "analytics", "costs", "finetuning", "sdkgen", "config")

# ---- what can be configured --------------------------------------------------------------------------------------
OF_AN_ANSWER = "of an answer, never taken"
# Every column that holds an address: who judges it before it is stored, or why nothing is ever called there.
URL_COLUMNS = {
    "gateway.Provider.base_url": "gateway.services.catalog.checked_base_url; judged again for each connection",
    "analytics.Annotation.url": "a link for people, never called",
    "finetuning.TunedModel.sunset_source": "a link for people, never called",
    "finetuning.RunnerLink.base_url": "becomes a provider's base_url, by checked_base_url",
}
# Every field of the API that takes one, by its type or its name.
URL_FIELDS = {
    "analytics.api.annotations.AnnotationSerializer.url": "a link for people, never called",
    "analytics.api.serializers.alerts.AlertDeliverySerializer.target": OF_AN_ANSWER,
    "analytics.api.serializers.alerts.ChannelInputSerializer.target": "analytics.alerts.services._checked_url",
    "analytics.api.serializers.reports.DeliverySerializer.address": OF_AN_ANSWER,
    "costs.api.serializers.recommendations.RecommendationEvidenceSerializer.url": OF_AN_ANSWER,
    "finetuning.api.serializers.jobs.NotificationSerializer.webhook": "notifying._webhook",
    "finetuning.api.serializers.jobs.TuningRateSerializer.source": OF_AN_ANSWER,
    "finetuning.api.serializers.runner.RunnerReportSerializer.base_url": "checked_base_url",
    "finetuning.api.serializers.runner.RunnerTokenSerializer.url": OF_AN_ANSWER,
    "gateway.api.serializers.catalog.ProviderSerializer.base_url": "checked_base_url",
    "gateway.api.serializers.policies.GuardrailConfigSerializer.url": "checked_base_url",
    "sdkgen.api.serializers.ConfigSerializer.base_url": "stands in a generated package, never called",
    "sdkgen.api.serializers.ConfigSerializer.docs_url": "stands in a generated package, never called",
    "sdkgen.api.telemetry.LinkSerializer.url": OF_AN_ANSWER,
}
_ADDRESS_NAMES = re.compile(r"(?:.*_)?(?:url|uri|webhook|host|hostname|address|callback|target)")
# What else holds an address that somebody of an organization configured: in JSON or encrypted.
HIDDEN_ADDRESSES = {
    "analytics.AlertChannel.target": "analytics.alerts.services._checked_url; judged again by gateway.outbound",
    "gateway.Guardrail.config": "checked_base_url; judged again for each connection of the data plane",
    "gateway.Provider.credential": "a Google account's `token_uri`: gateway.outbound, which judges each connection",
    "finetuning.TuningJob.notification": "notifying._webhook; judged again by gateway.outbound",
}
# Every address in the environment: the operator's, so it is trusted as the machine is, and may be inside.
OPERATORS = {
    "database_url": "PostgreSQL", "database_direct_url": "PostgreSQL", "database_replica_url": "PostgreSQL",
    "redis_url": "broker, shared cache, limits", "email_url": "SMTP", "upstream_proxy": "where calls of models go out",
    "archive": "S3 endpoint", "oidc": "issuer, by gateway.outbound", "prices_url": "by gateway.outbound",
    "otlp_endpoint": "by gateway.outbound", "narrator_url": "by gateway.outbound",
    "internal_url": "the gateway itself", "console_url": "a link for people, never called",
    "console_socket": "the gateway itself",
}  # fmt: skip
# Every module that dials by a client that knows no guard: the name of the setting that says where, always an
# operator's. (Importing psycopg, redis and Django's mail is no sign: many need their types and errors.)
UNGUARDED = {
    "analytics/retention.py": "DATABASE_DIRECT_URL",
    "config/backup/server.py": "DATABASE_DIRECT_URL",
    "config/celery.py": "CELERY_BROKER_URL",
    "config/doctor/data.py": "DATABASE_DIRECT_URL",
    "config/doctor/host.py": "REDIS_URL",
    "config/embedded/postgres.py": "DATA_DIR",
    "config/migrating.py": "DATABASE_DIRECT_URL",
    "costs/budgets/clerk.py": "DATABASE_DIRECT_URL",
    "costs/services/statementmail.py": "EMAIL_HOST",
    "finetuning/dataplane/serving.py": "DATABASE_DIRECT_URL",
    "gateway/dataplane/batches/store.py": "DATABASE_DIRECT_URL",
    "gateway/dataplane/bodies/service.py": "DATABASE_DIRECT_URL",
    "gateway/dataplane/cache/shared.py": "REDIS_URL",
    "gateway/dataplane/feedback.py": "DATABASE_DIRECT_URL",
    "gateway/dataplane/idempotency/rows.py": "DATABASE_DIRECT_URL",
    "gateway/dataplane/keeper.py": "DATABASE_DIRECT_URL",
    "gateway/dataplane/sharing.py": "REDIS_URL",
    "gateway/heartbeats.py": "DATABASE_DIRECT_URL",
    "gateway/ledger/connect.py": "DATABASES",
    "gateway/ledger/interrupted.py": "DATABASE_DIRECT_URL",
    "gateway/ledger/writer.py": "DATABASE_DIRECT_URL",
    "gateway/queues.py": "REDIS_URL",
    "gateway/services/archives.py": "DATABASE_DIRECT_URL",
    "gateway/services/mailing.py": "EMAIL_HOST",
    "gateway/services/outbox.py": "EMAIL_HOST",
}
DIALS = {
    "psycopg.connect", "psycopg.AsyncConnection.connect", "psycopg_pool.ConnectionPool", "Redis.from_url",
    "redis.Redis", "redis.from_url", "redis.Redis.from_url", "Redis", "get_connection", "EmailMessage",
    "EmailMultiAlternatives",
    "send_mail", "mail_admins", "Celery", "kombu.Connection", "boto3.client", "boto3.resource",
}  # fmt: skip
# Every module that can open a connection, and to where.
WAYS_OUT = {
    "gateway/outbound.py": "the guarded client",
    "config/tryload.py": "the gateway itself, from the operator's command line",
    "gateway/ledger/archive/s3.py": "the operator's ARCHIVE_URL and ARCHIVE_S3_ENDPOINT",
    "gateway/dataplane/upstream.py": "the data plane's guarded client",
    "gateway/dataplane/addresses.py": "resolves and judges",
    "gateway/simulator/process.py": "the demo's own provider on this machine",
    "gateway/simulator/server.py": "listens",
    "finetuning/runner/client.py": "runs on the runner's machine, calls the gateway",
    "finetuning/services/evaluations/asking.py": "the operator's GATEWAY_INTERNAL_URL: the gateway itself",
    "sdkgen/languages/python/runtime/aio.py": "part of the generated SDK",
    "sdkgen/languages/python/runtime/client.py": "part of the generated SDK",
    "sdkgen/languages/python/runtime/transport.py": "part of the generated SDK",
    "sdkgen/mcp/calls.py": "the gateway itself, from the operator's command line or settings",
    "config/doctor/host.py": "this machine's own ports",
    "config/management/commands/run_background.py": "the name of this machine",
    "gateway/places.py": "the name of this machine",
    "gateway/heartbeats.py": "the name of this machine",
    "config/embedded/runtime.py": "sockets of this installation",
    "config/embedded/children.py": "sockets of this installation",
    "config/embedded/up.py": "sockets of this installation",
    "config/embedded/serve.py": "listens",
}
CLIENTS = {"http.client", "urllib.request", "socket", "ssl", "smtplib", "ftplib", "httpx", "requests", "aiohttp",
            "urllib3", "telnetlib", "xmlrpc.client", "boto3", "botocore.session", "botocore.httpsession", "paramiko",
            "websockets", "grpc", "kombu.Connection", "asyncio.open_connection", "socketserver"}  # fmt: skip


def _columns() -> Iterator[str]:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.URLField):
                yield f"{model._meta.app_label}.{model.__name__}.{field.name}"


def _below(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def test_every_stored_address_is_known() -> None:
    assert set(_columns()) == set(URL_COLUMNS)
    for name in HIDDEN_ADDRESSES:
        app, model, field = name.split(".")
        apps.get_model(app, model)._meta.get_field(field)


def _fields(kind: Any) -> dict[str, Any]:
    """All of a serializer's, those that it takes from its model too."""
    try:
        return dict(kind().fields)
    except (AssertionError, ImproperlyConfigured):  # one that is for others to inherit
        return dict(getattr(kind, "_declared_fields", {}))


@pytest.mark.slow
def test_every_address_that_the_api_takes_is_known() -> None:
    assert get_resolver().url_patterns  # imports all serializers
    taken = {
        f"{kind.__module__}.{kind.__name__}.{name}"
        for kind in _below(serializers.Serializer)
        if kind.__module__.partition(".")[0] in PACKAGES
        for name, field in _fields(kind).items()
        if not field.read_only and (isinstance(field, serializers.URLField) or _ADDRESS_NAMES.fullmatch(name))
    }

    assert taken == set(URL_FIELDS)


def test_every_address_of_the_environment_is_known() -> None:
    """Nobody but the operator sets these, so they may lead inside."""
    named = re.compile(r"(?:.*_)?(?:url|endpoint|proxy|socket)|oidc|archive")

    assert {one.name for one in dataclasses.fields(Env) if named.fullmatch(one.name)} == set(OPERATORS)


def _imports(path: Path) -> set[str]:
    """The modules that can open a connection, of those that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & CLIENTS


@pytest.mark.slow
def test_every_way_out_is_known() -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

    assert {str(path.relative_to(ROOT)) for path in files if _imports(path)} == set(WAYS_OUT)


def _dials(path: Path) -> set[str]:
    """Which of the clients that know no guard a file calls."""
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return {ast.unparse(call.func) for call in calls} & DIALS


@pytest.mark.slow
def test_who_dials_without_the_guard_dials_what_the_operator_set() -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

    assert {str(path.relative_to(ROOT)) for path in files if _dials(path)} == set(UNGUARDED)
    assert [name for name in UNGUARDED.values() if not hasattr(settings_of_django, name)] == []


def test_a_client_is_seen_whatever_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("import botocore.session\nfrom http import client\nimport http.client\npsycopg.connect(url)\n")

    assert _imports(file) == {"botocore.session", "http.client"}
    assert _dials(file) == {"psycopg.connect"}


# ---- what is configured inside of JSON ---------------------------------------------------------------------------
METADATA_URL = "http://169.254.169.254/latest/meta-data/"


def _hidden(company: factories.Acme, url: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """How somebody of the organization would configure it, where it is stored: path and body."""
    channel = {"name": "x", "scope": "organization", "measure": "cost", "threshold": "1"}
    return {
        "webhook": ("alerts", {**channel, "channels": [{"kind": "webhook", "target": url}]}),
        "slack": ("alerts", {**channel, "channels": [{"kind": "slack", "target": url}]}),
        "guardrail": ("guardrails", {"name": "x", "kind": "webhook", "action": "block", "config": {"url": url}}),
        "job": ("fine-tuning/jobs", {**job_wish(company), "notification": {"webhook": url}}),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("url", [METADATA_URL, "http://127.0.0.1:8000/x", "http://[::1]/", "http://10.0.0.1/hook"])
@pytest.mark.parametrize("where", ["webhook", "slack", "guardrail", "job"])
def test_an_address_in_json_is_judged_before_it_is_stored(where: str, url: str) -> None:
    company = factories.acme()
    owner = client_of(company, "owner")
    path, body = _hidden(company, url)[where]
    _, public = _hidden(company, "https://93.184.216.34/hook")[where]

    refused = owner.post(f"/api/v1/{path}", body, format="json")

    assert refused.status_code == 400
    assert "address_not_allowed" in refused.content.decode() or "address_never_allowed" in refused.content.decode()
    assert owner.post(f"/api/v1/{path}", public, format="json").status_code == 201


@pytest.mark.django_db
def test_an_address_that_was_stored_is_judged_again_when_it_is_called(trap: socket.socket) -> None:
    """What was public when it was stored may lead inside by now."""
    url = f"http://127.0.0.1:{trap.getsockname()[1]}/hook"
    rule = create_rule(
        organization=factories.acme().organization, actor=None, name="x", scope="organization", measure="cost",
        threshold=Decimal(1), channels=[{"kind": "webhook", "target": "https://93.184.216.34/"}],
    ).rule  # fmt: skip
    channel = rule.channels.get()
    AlertChannel.objects.filter(pk=channel.pk).update(target=credentials.encrypt(url))

    with pytest.raises(outbound.OutboundError) as told:
        deliver("one", {"channel": str(channel.pk), "body": {}})
    account = {"client_email": "a@example.com", "private_key": _private_key(), "token_uri": url}
    with pytest.raises(outbound.OutboundError) as exchanged:
        googleauth._exchanged(json.dumps(account))

    assert (told.value.code, exchanged.value.code) == ("address_not_allowed", "address_not_allowed")
    assert not came(trap)


def _private_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


# ---- how a forbidden address can be written ----------------------------------------------------------------------
INSIDE = [
    # this machine
    "127.0.0.1", "127.1", "127.000.000.001", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]",
    "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[::ffff:0:127.0.0.1]", "①②⑦.⓪.⓪.①", "127。0。0。1",
    # private networks, reserved ranges
    "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.1", "240.0.0.1",
    "255.255.255.255", "224.0.0.1", "192.88.99.1", "[fc00::1]", "[fd00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]",
    "[3fff::1]", "[5f00::1]", "[100::1]",
]  # fmt: skip
METADATA = [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.16689662",
    "[fe80::1]", "[fe80::a9fe:a9fe%25eth0]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::1]",
    "[::ffff:0:169.254.169.254]", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "[fd20:ce::254]",
    "169。254。169。254", "169.254.169.254.",
]  # fmt: skip


@pytest.fixture
def trap() -> Iterator[Any]:
    """A server on this machine that counts who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        yield listener


def came(listener: socket.socket) -> bool:
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return False
    connection.close()
    return True


@pytest.mark.django_db
@pytest.mark.parametrize("host", INSIDE + METADATA)
def test_the_console_calls_nothing_inside(host: str, trap: socket.socket) -> None:
    port = trap.getsockname()[1]

    with pytest.raises(outbound.OutboundError) as caught:
        outbound.request("GET", f"http://{host}:{port}/", timeout_s=2)

    assert caught.value.code in ("address_not_allowed", "address_never_allowed", "host_unknown", "url_invalid")
    assert not came(trap)


@pytest.mark.parametrize("host", INSIDE + METADATA)
async def test_the_data_plane_calls_nothing_inside(host: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await Resolver().resolve(host.strip("[]").replace("%25", "%"), 80)

    assert caught.value.reason in ("address_refused", "dns_error")


@pytest.mark.django_db
@pytest.mark.parametrize("host", METADATA)
def test_no_list_opens_the_metadata_service(host: str, settings: Any) -> None:
    name = host.strip("[]")
    settings.GATEWAY_PRIVATE_UPSTREAMS = [f"{name}:80", f"{name.lower()}:80"]

    with pytest.raises(outbound.OutboundError) as caught:
        outbound.request("GET", f"http://{host}/latest/meta-data/", timeout_s=1)

    assert caught.value.code in ("address_never_allowed", "host_unknown", "url_invalid")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://93.184.216.34/", "ftp://93.184.216.34/", "dict://93.184.216.34:11211/",
        "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "//93.184.216.34/",
        "javascript:alert(1)", "http:///path", "http://", "", "http://u@93.184.216.34/", "http://u:p@93.184.216.34/",
        "http://93.184.216.34@127.0.0.1/", "http://127.0.0.1#@93.184.216.34/", "http://93.184.216.34:99999/", "http://93.184.216.34:-1/",
        "http://93.184.216.34/\r\nX-A: b", "http://93.184.216.34\r\n.example/", "http://93.184.216.34/a b",
        "http://93.184.216.34/\x00", "http://[::1", "http://[v1.x]/", "http://93.184.216.34\\@127.0.0.1/", "http://\x7f/",
    ],
)  # fmt: skip
def test_only_plain_addresses_are_called(url: str) -> None:
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.request("GET", url, timeout_s=1)

    assert caught.value.code in ("url_invalid", "address_not_allowed", "host_unknown")


# ---- a name that changes its mind --------------------------------------------------------------------------------
Names = Callable[..., list[Any]]


def answering(*addresses: str) -> Names:
    """A resolver that answers with one address after the other, the last for ever."""
    left = list(addresses)

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return getaddrinfo


@pytest.mark.django_db
def test_a_name_is_resolved_once_and_that_address_is_dialled(monkeypatch: pytest.MonkeyPatch, trap: Any) -> None:
    dialled: list[Any] = []

    def dial(address: Any, *_: Any, **__: Any) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", answering("93.184.216.34", "127.0.0.1"))
    monkeypatch.setattr(socket, "create_connection", dial)

    with pytest.raises(outbound.OutboundError):
        outbound.request("GET", f"http://rebind.example:{trap.getsockname()[1]}/", timeout_s=1)

    assert dialled == [("93.184.216.34", trap.getsockname()[1])]


async def test_the_data_plane_dials_what_it_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("93.184.216.34", "127.0.0.1"))
    resolver = Resolver()

    assert await resolver.resolve("rebind.example", 80) == "93.184.216.34"
    assert await resolver.resolve("rebind.example", 80) == "93.184.216.34"  # remembered, not asked again
    with pytest.raises(UpstreamError):
        await resolver.resolve("rebind.example", 81)


@pytest.mark.django_db
def test_one_forbidden_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)

    with pytest.raises(outbound.OutboundError) as caught:
        outbound.pinned_address("both.example", 80)

    assert caught.value.code == "address_not_allowed"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers_not_orders(status: int, trap: socket.socket, settings: Any) -> None:
    inside = trap.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings.GATEWAY_PRIVATE_UPSTREAMS = [f"127.0.0.1:{port}"]

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{inside}/\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(head.encode())

        thread = threading.Thread(target=serve)
        thread.start()
        assert outbound.request("GET", f"http://127.0.0.1:{port}/", timeout_s=5).status == status
        thread.join(5)
    assert not came(trap)


@pytest.mark.parametrize(
    "address", ["::127.0.0.1", "fec0::1", "64:ff9b:1::8.8.8.8", "3fff::1", "4000::1", "192.88.99.1"]
)
def test_what_nobody_was_given_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["64:ff9b:1::a9fe:a9fe", "::ffff:0:169.254.169.254"])
def test_local_translations_of_the_metadata_service_are_never_called(address: str) -> None:
    assert is_never_allowed(address)
