"""What `/metrics` says: exact counts after known lines, the format, the merge of processes, who may read it."""

import gzip
import os
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.dataplane import metrics
from gateway.dataplane.app import DataPlane, answer_error
from gateway.dataplane.call import new_call
from gateway.dataplane.deployments import Deployments
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError, Denied, UpstreamError, upstream_failure
from gateway.dataplane.exposition import escaped, labelled, may_scrape, merged
from gateway.dataplane.metrics import Key, Metrics
from gateway.dataplane.running import Running
from tests.gateway.dataplane.conftest import World

LINE = {
    "kind": "attempt", "endpoint": "/v1/chat/completions", "provider": "openai", "model_served": "gpt-4o",
    "is_final": True, "cost": "0.0035", "currency": "USD", "input_tokens": 1000, "output_tokens": 100,
    "cache_read_tokens": 400, "duration_ms": 640.0, "ttft_ms": 90.0,
}  # fmt: skip
KEY = Key("/v1/chat/completions", "openai", "gpt-4o", "ok")
SAMPLE = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? [-+.\w]+$')


def test_lines_are_counted_by_what_they_are():
    found = Metrics()
    found.settled("ok", LINE)
    found.settled("ok", {**LINE, "is_final": False, "cost": None})
    found.settled("ok", {**LINE, "kind": "cache_hit", "cost": "0"})
    found.settled("ok", {**LINE, "currency": "EUR", "cost": "0.5"})

    series = found.series[KEY]
    assert (series.requests, series.attempts, series.unpriced) == (3, 3, 1)
    assert series.costs == {"USD": Decimal("0.0035"), "EUR": Decimal("0.5")}
    assert series.tokens == {"input": 3000, "output": 300, "cache_read": 1200}
    assert (series.duration.count, series.duration.total) == (3, pytest.approx(1.92))
    # 0.64 s is not above the bound 0.64, 0.09 s lies between 0.08 and 0.1
    assert series.duration.counts[metrics.DURATION_S.index(0.64)] == 3
    assert series.first_token.counts[metrics.FIRST_TOKEN_S.index(0.1)] == 3


def test_denials_have_their_code_and_no_name_the_caller_made_up():
    found = Metrics()
    line = {"kind": "denied", "endpoint": "/v1/chat/completions", "model_requested": "x" * 100, "cost": "0",
            "error_type": "model_not_found"}  # fmt: skip
    found.settled("denied", line)

    assert list(found.series) == [Key("/v1/chat/completions", "", "", "denied")]
    assert found.denied == {"model_not_found": 1}


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is counted as our own fault from here on."""
    found: Counter[str] = Counter()
    monkeypatch.setattr(metrics, "errors", found)
    return found


def ours(code: str, status: int = 503) -> ApiError:
    return ApiError(status, code, "x", kind="api_error")


@pytest.mark.parametrize(
    ("error", "is_counted"),
    [
        *((ours(code), True) for code in ("ledger_unavailable", "configuration_stale", "budget_unavailable")),
        (ours("internal_error", 500), True),
        (ours("not_supported", 501), False),
        (Denied(503, "no_target", "x", kind="api_error"), False),
        (ApiError(401, "invalid_api_key", "x"), False),
        (upstream_failure(UpstreamError("connect_error", "x")), False),
        (upstream_failure(UpstreamError("idle_timeout", "x")), False),
    ],
)
async def test_answers_by_a_fault_of_our_own_are_counted(
    faults: Counter[str], error: ApiError, is_counted: bool
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await answer_error(send, error, new_call(ENDPOINTS["/v1/chat/completions"], {}, ""))

    assert sent[0]["status"] == error.status
    assert faults == ({error.code: 1} if is_counted else {})


@pytest.mark.parametrize("has_started", [False, True])
async def test_a_call_that_fails_in_us_is_counted_before_and_within_its_answer(
    faults: Counter[str], monkeypatch: pytest.MonkeyPatch, has_started: bool
) -> None:
    class Failing:
        def __init__(self, *_: Any) -> None:
            self.has_started = has_started

        async def run(self) -> None:
            raise ZeroDivisionError

    def known(call: Any, _runtime: Any) -> None:
        call.key = SimpleNamespace(id="k")

    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"model": "m", "messages": []}'}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    monkeypatch.setattr("gateway.dataplane.app.Relay", Failing)
    plane = DataPlane()
    runtime: Any = SimpleNamespace(metrics=Metrics(), running=Running(), stages=[known])
    plane.runtime = runtime

    await plane._model_call(ENDPOINTS["/v1/chat/completions"], {"headers": []}, receive, send)

    assert faults == {"internal_error": 1}
    assert [message.get("status") for message in sent] == ([] if has_started else [500, None])


def test_combinations_of_labels_are_capped(monkeypatch):
    monkeypatch.setattr(metrics, "MAX_SERIES", 3)
    found = Metrics()
    for index in range(10):
        found.settled("ok", {**LINE, "model_served": f"m{index}"})

    assert len(found.series) == 4
    assert found.series[Key("/v1/chat/completions", "other", "other", "ok")].requests == 7


def test_histograms_are_capped_before_counters_are(monkeypatch):
    monkeypatch.setattr(metrics, "MAX_TIMED", 2)
    found = Metrics()
    for index in (0, 1, 2, 3, 0):
        found.settled("ok", {**LINE, "model_served": f"m{index}"})

    def of(model: str, provider: str = "openai") -> tuple[int, int, int]:
        one = found.series[Key("/v1/chat/completions", provider, model, "ok")]
        return one.requests, one.duration.count, one.first_token.count

    assert [of(f"m{index}") for index in range(4)] == [(2, 2, 2), (1, 1, 1), (1, 0, 0), (1, 0, 0)]
    assert of("other", "other") == (0, 2, 2)


def test_a_deployment_that_was_never_called_is_not_exported():
    deployments = Deployments()
    deployments.named("1", "quiet", "m")
    deployments.named("2", "called", "m").began(5.0)
    deployments.named("3", "cooling", "m").cool_down(deployments.clock(), 60)

    lines = [line for line in deployments.metrics() if line.startswith("gateway_breaker_state{")]

    assert [line.partition('"')[2].partition('"')[0] for line in lines] == ["called", "cooling"]


def test_label_values_are_escaped():
    assert escaped('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


def test_samples_of_several_processes_are_one_text():
    one = ["# HELP a Text.", "# TYPE a counter", 'a{model="x y"} 1', "# TYPE b gauge", "b 2"]
    two = ["# HELP a Text.", "# TYPE a counter", 'a{model="x y"} 5', "# TYPE c gauge", "c 3"]

    text = merged(["\n".join(labelled(line, "p1") for line in one), "\n".join(labelled(line, "p2") for line in two)])

    assert text.splitlines() == [
        "# HELP a Text.", "# TYPE a counter", 'a{process="p1",model="x y"} 1', 'a{process="p2",model="x y"} 5',
        "# TYPE b gauge", 'b{process="p1"} 2', "# TYPE c gauge", 'c{process="p2"} 3',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("token", "given", "address", "may"),
    [
        ("", "", "127.0.0.1", True),
        ("", "", "::1", True),
        ("", "", "192.0.2.7", False),
        ("", "Bearer guess", "192.0.2.7", False),
        ("s3cret", "Bearer s3cret", "192.0.2.7", True),
        ("s3cret", "Bearer s3cre", "192.0.2.7", False),
        ("s3cret", "", "127.0.0.1", False),
        ("s3cret", "Bearer é", "127.0.0.1", False),
    ],
)
def test_who_may_read(settings, token, given, address, may):
    settings.METRICS_TOKEN = token

    assert may_scrape(given, address) is may


def scraped(world: World) -> dict[str, float]:
    answer = world.stack.get("/metrics")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    assert [line for line in samples if not SAMPLE.match(line)] == []
    found = {
        re.sub(r'process="[^"]+",?', "", line.rpartition(" ")[0]): float(line.rpartition(" ")[2]) for line in samples
    }
    assert len(found) == len(samples), "a sample stands there twice"
    return found


def test_a_real_process_says_what_it_did(world: World) -> None:
    text = 'endpoint="/v1/chat/completions",provider="openai",model="gpt-4o-mini",status="ok"'
    before = scraped(world)
    world.stack.chat(world.secret, "gpt-4o-mini")
    world.stack.chat(world.secret, "gpt-4o-mini", stream=True)
    world.stack.chat(world.secret, "no-such-model")
    world.stack.chat("gw-" + "x" * 43, "gpt-4o-mini")

    after = scraped(world)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grown(f"gateway_requests_total{{{text}}}") == 2
    assert grown(f"gateway_attempts_total{{{text}}}") == 2
    assert grown(f"gateway_attempt_duration_seconds_count{{{text}}}") == 2
    assert grown(f'gateway_attempt_duration_seconds_bucket{{{text},le="+Inf"}}') == 2
    assert grown(f"gateway_time_to_first_token_seconds_count{{{text}}}") == 1
    assert grown('gateway_denied_total{code="model_not_found"}') == 1
    assert grown("gateway_unauthenticated_total{}") == 1
    assert grown(f'gateway_cost_total{{{text},currency="USD"}}') > 0
    for name in ("gateway_spool_bytes{}", "gateway_snapshot_age_seconds{}", "process_resident_memory_bytes{}"):
        assert after[name] >= 0
    assert after["gateway_spool_writable{}"] == 1
    assert after["process_start_time_seconds{}"] > 1_700_000_000


def test_who_accepts_gzip_is_sent_it(world: World) -> None:
    plain = world.stack.get("/metrics")
    packed = world.stack.request("GET", "/metrics", None, Accept_Encoding="gzip, deflate")

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert b"# TYPE gateway_active_requests gauge" in gzip.decompress(packed.body)
    assert len(packed.body) * 4 < len(plain.body)


def test_siblings_on_the_host_are_in_the_answer(world: World) -> None:
    folder = world.stack.data_dir / "run" / "metrics"
    sibling = folder / "other.prom"
    sibling.write_text('# TYPE gateway_active_requests gauge\ngateway_active_requests{process="other"} 7\n')
    gone = folder / "gone.prom"
    gone.write_text('# TYPE gateway_active_requests gauge\ngateway_active_requests{process="gone"} 9\n')
    os.utime(gone, (1, 1))

    text = world.stack.get("/metrics").body.decode()

    assert 'gateway_active_requests{process="other"} 7' in text
    assert 'process="gone"' not in text
    assert text.count("# TYPE gateway_active_requests gauge") == 1
    sibling.unlink()


WITH_REDIS = {"gateway_cache_shared_hits_total", "gateway_cache_shared_up"}
"""What a data plane without Redis does not show."""


def test_every_metric_is_documented(world: World) -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations" / "metrics.md").read_text()
    here = page.partition("## The installation")[0]
    families = set(re.findall(r"^# TYPE (\w+)", world.stack.get("/metrics").body.decode(), re.MULTILINE))

    documented = set(re.findall(r"`((?:gateway|process)_\w+)`", here))
    assert documented - WITH_REDIS == families


def test_other_methods_are_refused(world: World) -> None:
    assert world.stack.request("POST", "/metrics", b"").status == 405
