"""`kill -9` of every process at random moments under load: each attempt that reached the provider has one line."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.simulator.process import SimulatorProcess
from tests.gateway.dataplane.stack import ROOT, Stack, free_port

pytestmark = pytest.mark.slow

KILLS = 30
VICTIMS = ("dataplane", "dataplane", "writer", "postgres", "background", "console")
CLIENTS = 12
ACCEPTED_AT_LEAST = 1_000


class Installation(Stack):
    """A whole `manage.py up`, seen through the helpers of a test stack."""

    def start(self) -> None:
        command = [sys.executable, "manage.py", "up", "--no-demo", "--port", str(self.port), "--data-dir",
                   str(self.data_dir)]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATA", "REDIS"))}
        environment |= {"GATEWAY_PRIVATE_UPSTREAMS": f"127.0.0.1:{self.simulator.url.rpartition(':')[2]}"}
        self.environment = environment | {"DATA_DIR": str(self.data_dir)}
        with open(self.data_dir / "up.log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.wait_for(lambda: "Ready after" in (self.data_dir / "up.log").read_text(), timeout_s=120)
        self.url = self.state()["database_url"]

    environment: dict[str, str] = {}

    def state(self) -> Any:
        return json.loads((self.data_dir / "run" / "state.json").read_text())

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def kill(self, name: str) -> None:
        """SIGKILL, then wait until the supervisor has started it anew."""
        former = self.state()["children"][name]["pid"]
        os.kill(former, signal.SIGKILL)
        self.wait_for(lambda: self.state()["children"][name]["pid"] not in (None, former), timeout_s=30)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with SimulatorProcess(latency_ms=30, tokens_per_s=400, log=tmp_path / "provider.jsonl") as simulator:
        data_dir = tmp_path / "var"
        data_dir.mkdir()
        found = Installation(data_dir, "", simulator, port=free_port())
        found.start()
        yield found
        found.close()


class Load:
    """Clients that call without pause; what was accepted is kept."""

    def __init__(self, port: int, secret: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.stopping = threading.Event()
        self.costs: dict[str, str] = {}
        self.streams: set[str] = set()
        self.failures: Counter[str] = Counter()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _run(self, seed: int) -> None:
        choose = random.Random(seed)
        while not self.stopping.is_set():
            try:
                self._call(stream=choose.random() < 0.4)
            except (OSError, http.client.HTTPException) as error:
                self.failures[type(error).__name__] += 1
                time.sleep(0.05)

    def _call(self, *, stream: bool) -> None:
        body = {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 8,
            "stream": stream,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), self.headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        request_id = response.headers["x-request-id"]
        if response.status != 200:
            self.failures[str(response.status)] += 1
        elif stream:
            if data.endswith(b"data: [DONE]\n\n"):
                self.streams.add(request_id)
        else:
            self.costs[request_id] = response.headers["x-gateway-cost"]

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)


def prepare(installation: Installation) -> str:
    for arguments in (
        ("set_provider", "sim", "--kind", "openai", "--base-url", installation.simulator.base_url, "--api-key-env",
         "PROVIDER_KEY", "--json"),
        ("add_model", "gpt-4o", "--provider", "sim", "--json"),
        ("create_key", "--organization", "kill", "--json"),
    ):  # fmt: skip
        installation.environment["PROVIDER_KEY"] = "sk-simulated"
        done = installation.manage(*arguments)
        assert done.returncode == 0, done.stderr
    secret: str = json.loads(done.stdout)["secret"]
    installation.wait_for(lambda: installation.get("/v1/models", secret).status == 200)
    return secret


def test_no_attempt_is_lost_or_doubled(installation: Installation) -> None:
    secret = prepare(installation)
    load = Load(installation.port, secret)
    choose = random.Random(20261123)

    for _ in range(KILLS):
        time.sleep(choose.uniform(0.2, 1.5))
        installation.kill(choose.choice(VICTIMS))
    installation.wait_for(lambda: len(load.costs) + len(load.streams) >= ACCEPTED_AT_LEAST, timeout_s=120)
    load.stop()

    expected = {
        entry["attempt_id"] for entry in installation.simulator.log_lines()
        if entry["event"] == "begin" and entry["path"].endswith("/chat/completions")
    }  # fmt: skip
    lines = wait_for_lines(installation, expected)
    counts = Counter(str(line["id"]) for line in lines if line["kind"] == "attempt")
    assert expected - counts.keys() == set()
    assert {identity for identity, count in counts.items() if count != 1} == set()
    by_request = {line["request_id"]: line for line in lines if line["is_final"]}
    for request_id, cost in load.costs.items():
        line = by_request[request_id]
        assert (line["status"], f"{line['cost']:.10f}") == ("ok", f"{float(cost):.10f}")
    assert all(by_request[request_id]["status"] == "ok" for request_id in load.streams)
    assert len(load.costs) + len(load.streams) >= ACCEPTED_AT_LEAST
    verified = installation.manage("verify_ledger")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def wait_for_lines(installation: Installation, expected: set[str]) -> list[dict[str, Any]]:
    """All lines, once every attempt the provider saw is there and the spools of dead data planes are closed."""
    found: list[dict[str, Any]] = []

    def is_complete() -> bool:
        nonlocal found
        try:
            with installation.connect() as connection:
                found = connection.execute("SELECT * FROM gateway_ledgerline").fetchall()
                marks = connection.execute("SELECT count(*) AS open FROM gateway_dirtymark").fetchone()
        except psycopg.OperationalError:
            return False
        assert marks is not None
        return expected <= {str(line["id"]) for line in found} and marks["open"] == 0

    installation.wait_for(is_complete, timeout_s=120)
    return found
