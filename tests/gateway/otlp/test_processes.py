"""Spans of console, background work and ledger writer, into a collector over HTTP."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import structlog
from celery.app.task import Context
from django.db import connection as django_connection
from django.test import AsyncClient, Client

from gateway.ledger.spool import Spool
from gateway.ledger.writer import Writer
from gateway.otlp import local, sender, work
from gateway.queues import hand_out
from gateway.services import jobs
from tests.collector import Collector, collecting, values
from tests.gateway.dataplane.stack import free_port, no_price
from tests.gateway.ledger.lines import line
from tests.gateway.otlp import urls_that_publish
from tests.loglines import logged
from tests.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[3]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
CANARY = "canary-sk-0123456789"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def exporting(collector: Collector, settings: Any, tmp_path: Path) -> Iterator[Collector]:
    """This process exports to the collector."""
    settings.GATEWAY_OTLP_ENDPOINT = f"http://127.0.0.1:{collector.port}"
    settings.GATEWAY_OTLP_HEADERS = {"x-tenant": "acme"}
    settings.GATEWAY_PRIVATE_UPSTREAMS = [f"127.0.0.1:{collector.port}"]
    settings.DATA_DIR = tmp_path
    yield collector
    local.close()


@pytest.fixture
def routes(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.gateway.otlp.urls_that_publish"
    settings.ALLOWED_HOSTS = ["gateway.example", "testserver"]


def wait_for(is_true: Callable[[], Any], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def environment(collector: Collector, folder: Path, **more: str) -> dict[str, str]:
    parameters = django_connection.get_connection_params()
    url = f"postgresql://{parameters['user']}@/{parameters['dbname']}?host={parameters['host']}"
    return {
        **os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url, "DATA_DIR": str(folder),
        "GATEWAY_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "GATEWAY_PRIVATE_UPSTREAMS": f"127.0.0.1:{collector.port}", **more,
    }  # fmt: skip


def exporters() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "otlp"]


# ---- requests ----------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("routes")
def test_a_request_is_a_server_span_in_the_callers_trace(exporting: Collector) -> None:
    answer = Client().get(
        f"/old/{CANARY}/", {"q": CANARY}, secure=True, headers={
            "traceparent": SAMPLED, "tracestate": "a=b", "host": "gateway.example:8443", "authorization": CANARY,
            "cookie": f"c={CANARY}", "user-agent": CANARY, "x-request-id": "req_7",
        }
    )  # fmt: skip
    local.close()

    (span,) = exporting.spans
    assert answer.status_code == 200
    assert (span.name, span.kind, span.status.code) == ("GET /old/<token>/", 2, 0)
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "a=b")
    assert values(span.attributes) == {
        "http.request.method": "GET", "http.route": "/old/<token>/", "url.scheme": "https",
        "server.address": "gateway.example", "gateway.request_id": "req_7", "http.response.status_code": 200,
    }  # fmt: skip
    assert CANARY not in str(span)
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 30e9
    assert exporting.headers[0]["x-tenant"] == "acme"
    assert exporting.resources[0]["service.name"] == "llm-gateway"
    assert exporting.resources[0]["service.instance.id"].startswith("console-")


@pytest.mark.usefixtures("routes")
def test_a_failure_is_told_by_its_name_alone(exporting: Collector) -> None:
    client = Client(raise_request_exception=False)
    answer = client.post("/fail/", {"field": CANARY}, headers={"traceparent": SAMPLED})
    missing = client.get(f"/nowhere/{CANARY}")
    local.close()

    failed, unknown = exporting.spans
    assert (answer.status_code, missing.status_code) == (500, 404)
    assert (failed.name, failed.status.code) == ("POST /fail/", 2)
    assert values(failed.attributes)["error.type"] == "LookupError"
    assert values(failed.attributes)["http.response.status_code"] == 500
    assert (unknown.name, unknown.status.code, unknown.parent_span_id) == ("GET", 0, b"")
    assert "error.type" not in values(unknown.attributes)
    assert "http.route" not in values(unknown.attributes)
    assert "canary" not in str(exporting.spans)


@pytest.mark.usefixtures("routes")
def test_asynchronous_requests_have_spans_too(exporting: Collector) -> None:
    path = "/things/0192f000-0000-7000-8000-000000000001/"

    answer = asyncio.run(AsyncClient().get(path, headers={"traceparent": SAMPLED}))
    local.close()

    (span,) = exporting.spans
    assert answer.status_code == 200
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("GET /things/<uuid:pk>/", TRACE, PARENT)


@pytest.mark.usefixtures("routes")
def test_what_the_caller_does_not_sample_is_not_exported(exporting: Collector, settings: Any) -> None:
    settings.GATEWAY_OTLP_SAMPLE_RATIO = 0.0
    for headers in ({"traceparent": UNSAMPLED}, {}, {"traceparent": SAMPLED}):
        Client().get("/old/x/", headers=headers)
    local.close()

    (span,) = exporting.spans
    assert span.trace_id.hex() == TRACE


@pytest.mark.usefixtures("routes")
def test_nothing_is_made_while_off(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    headers: dict[str, Any] = {}

    assert Client().get("/old/x/", headers={"traceparent": SAMPLED}).status_code == 200
    with local.spanning("writer", "book") as span:
        work.carry(headers)

    assert (span, headers, exporters(), list(tmp_path.iterdir())) == (None, {}, [], [])


@pytest.mark.usefixtures("routes")
def test_a_collector_that_is_away_costs_spans_alone(
    exporting: Collector, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    for name, value in (("QUEUE", 10), ("FLUSH_S", 0.05), ("FIRST_DELAY_S", 0.01), ("PUBLISH_S", 0.05)):
        monkeypatch.setattr(sender, name, value)
    exporting.statuses = [503] * 4
    client = Client()
    assert client.get("/old/x/").status_code == 200
    exporter: Any = local._sender
    wait_for(lambda: exporter._spans["failed"] == 1)

    exporting.hold_s = 1.0
    client.get("/old/x/")
    wait_for(lambda: not exporter._queue)  # it is on its way, and the collector thinks
    began = time.monotonic()
    assert {client.get("/old/x/").status_code for _ in range(25)} == {200}
    took = time.monotonic() - began
    assert (len(exporter._queue), exporter._spans["dropped"]) == (10, 15)
    exporting.hold_s = 0.0

    wait_for(lambda: exporter._spans["sent"] == 11)
    (text,) = (tmp_path / "run" / "metrics").glob("console-*.prom")
    sample = f'gateway_otlp_exported_spans_total{{process="{exporter.id}",result="dropped"}} 15'
    wait_for(lambda: sample in text.read_text())
    local.close()
    assert took < 1.0
    assert not text.exists()
    assert [record.message for record in caplog.records if "OTLP" in record.message] == [
        "the OTLP endpoint refuses data: status 503", "the OTLP endpoint takes data again",
    ]  # fmt: skip


@pytest.mark.usefixtures("routes")
def test_a_child_of_a_fork_exports_by_itself(exporting: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "FLUSH_S", 60.0)  # so that the parent's span waits
    Client().get("/old/x/")
    child = os.fork()
    if child == 0:
        Client().get("/old/x/", headers={"traceparent": SAMPLED})
        local.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    of_child = [span.trace_id.hex() for span in exporting.spans]
    local.close()

    assert (status, of_child, len(exporting.spans)) == (0, [TRACE], 2)


# ---- tasks -------------------------------------------------------------------------------------------------------
@pytest.fixture
def redis() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    running = RedisServer()
    yield running
    running.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("routes")
def test_a_request_and_the_tasks_it_publishes_are_one_trace(
    exporting: Collector, redis: RedisServer, tmp_path: Path
) -> None:
    urls_that_publish.BROKER["url"] = redis.url
    answer = Client().post(f"/api/v1/publish?key={CANARY}", {"body": CANARY}, headers={"traceparent": SAMPLED})
    local.close()
    (request,) = exporting.spans
    log = tmp_path / "background.log"
    command = [sys.executable, "manage.py", "run_background", "--no-beat", "--queues", "default"]
    env = environment(exporting, tmp_path, REDIS_URL=redis.url, LOG_JSON="1")
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
        try:
            wait_for(lambda: len(exporting.spans) == 3, 60)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    assert (answer.status_code, answer["X-Request-ID"][:4]) == (202, "req_")
    first, second = sorted(exporting.spans[1:], key=lambda span: span.status.code)
    assert {span.trace_id.hex() for span in exporting.spans} == {TRACE}
    assert {span.parent_span_id for span in (first, second)} == {request.span_id}
    assert (first.name, first.kind, first.status.code) == ("process gateway.outbox_relay", 5, 0)
    found = values(first.attributes)
    assert found.pop("messaging.message.id")
    assert found == {
        "messaging.system": "celery", "messaging.operation.type": "process", "messaging.operation.name": "process",
        "messaging.destination.name": "default", "gateway.task": "gateway.outbox_relay", "gateway.task_retries": 0,
        "gateway.task_outcome": "success", "gateway.request_id": answer["X-Request-ID"],
    }  # fmt: skip
    failed = values(second.attributes)
    assert (failed["gateway.task_outcome"], failed["error.type"], second.status.code) == ("failure", "TypeError", 2)
    said = next(json.loads(row) for row in log.read_text().splitlines() if "raised unexpected" in row)
    assert (said["request_id"], said["task"]) == (answer["X-Request-ID"], "gateway.outbox_relay")
    assert (said["trace_id"], said["task_id"]) == (TRACE, failed["messaging.message.id"])
    assert exporting.resources[-1]["service.instance.id"].startswith("background-")
    assert CANARY not in str(exporting.spans) + log.read_text()


def test_what_beat_sends_begins_a_trace_and_log_lines_end_with_their_task(exporting: Collector) -> None:
    for headers in (
        {}, {"traceparent": UNSAMPLED}, {"traceparent": 7, "__django_structlog__": {"request_id": "no id\n"}},
    ):  # fmt: skip
        task = SimpleNamespace(name="gateway.audit_seal", request=Context(headers))
        work.begin(task_id="1", task=task)
        assert structlog.contextvars.get_contextvars().keys() == {"task_id", "task", "trace_id"}
        work.end(task_id="1", task=task, state="SUCCESS")
    local.close()

    first, second = exporting.spans
    assert (first.parent_span_id, second.parent_span_id) == (b"", b"")
    assert first.trace_id != second.trace_id
    assert "gateway.request_id" not in values(second.attributes)
    assert (structlog.contextvars.get_contextvars(), local.current.get()) == ({}, None)


def test_a_task_hands_its_trace_on_to_its_shards(exporting: Collector, settings: Any) -> None:
    settings.CELERY_ORGANIZATION_SHARDS = 2
    sent: list[dict[str, Any]] = []

    class Task:
        name = "analytics.rollup_marks"

        def apply_async(self, **_: Any) -> None:
            headers: dict[str, Any] = {}
            work.carry(headers)
            sent.append(headers)

    with local.spanning("background", "task") as span:
        assert hand_out(Task(), None)

    assert span is not None
    assert sent == [{"traceparent": f"00-{span.trace.trace_id}-{span.trace.span_id}-01"}] * 2


# ---- the ledger writer -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_batch_that_is_booked_is_a_span(exporting: Collector, tmp_path: Path, monkeypatch: Any) -> None:
    parameters = django_connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    conninfo = psycopg.conninfo.make_conninfo(**{name: parameters[name] for name in names if parameters.get(name)})
    journal = Spool(tmp_path / "spool", "s")
    for _ in range(3):
        attempt = line()
        journal.begin(attempt["id"], b"{}")
        journal.settle(attempt["id"], json.dumps(attempt).encode())
    journal.settle(line()["id"], b"no line")
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "gateway.ledger.writer.logger.error", lambda *_: said.append(structlog.contextvars.get_contextvars())
    )
    writer = Writer(tmp_path / "spool", conninfo, no_price)

    writer.run_once()
    writer._disconnect()
    journal.close()
    local.close()

    (span,) = exporting.spans
    found = values(span.attributes)
    batch = found.pop("gateway.batch")
    assert (span.name, span.kind, span.parent_span_id, span.status.code) == ("book", 1, b"", 0)
    assert found == {"gateway.spool": "s", "gateway.lines": 3, "gateway.duplicates": 0, "gateway.quarantined": 1}
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 30e9
    assert said == [{"spool": "s", "batch": batch, "trace_id": span.trace_id.hex()}]
    assert structlog.contextvars.get_contextvars() == {}


# ---- the console as it runs --------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_the_console_exports_and_sends_the_rest_when_it_ends(collector: Collector, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "config.embedded.serve", "config.asgi:application", "--listen",
               f"127.0.0.1:{port}", "--lifespan", "off"]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=environment(collector, tmp_path))

    def ask(path: str, **headers: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    def is_up() -> bool:
        try:
            return ask("/api/v1/me") == 401
        except OSError:
            return False

    try:
        wait_for(is_up, 60)
        wait_for(lambda: collector.spans)
        status = ask(f"/api/v1/organizations?search={CANARY}", traceparent=SAMPLED, Authorization=f"Bearer {CANARY}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    assert (status, process.returncode) == (401, -signal.SIGTERM)
    (span,) = collector.of_trace(TRACE)
    assert (span.name, span.parent_span_id.hex()) == ("GET /api/v1/organizations", PARENT)
    assert values(span.attributes)["http.response.status_code"] == 401
    assert collector.spans[0].name == "GET /api/v1/me"
    assert CANARY not in str(collector.spans)


@pytest.mark.django_db
def test_log_lines_lead_from_a_request_to_the_work_of_its_job() -> None:
    seen: list[dict[str, Any]] = []
    with logged("gateway.services.jobs") as lines, structlog.contextvars.bound_contextvars(request_id="req_7"):
        job = jobs.enqueue("test.kind", "1")

    assert jobs.run_each("test.kind", 60, lambda _: seen.append(structlog.contextvars.get_contextvars())) == 1
    assert lines == [{"event": f"job {job.pk} offered: test.kind", "request_id": "req_7"}]
    assert seen == [{"job_id": str(job.pk)}]
    assert structlog.contextvars.get_contextvars() == {}
