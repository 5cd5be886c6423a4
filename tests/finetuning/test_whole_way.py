"""The whole way with the official client: upload, validate, estimate, train, watch, evaluate, compare, a share of a
route, and what it really cost in the ledger. Everything runs as it does for a user: `manage.py up`."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from config.embedded.postgres import EmbeddedPostgres
from gateway.simulator.process import SimulatorProcess
from tests.config.test_up import FOREIGN, ROOT, Up

pytestmark = pytest.mark.slow
WORDS = {
    "billing": ("invoice", "charge", "receipt", "refund", "payment", "price"),
    "access": ("password", "login", "account", "locked", "reset", "username"),
    "shipping": ("parcel", "courier", "delivery", "address", "tracking", "warehouse"),
}
ASKED = (
    "My {} of {} has a problem with the {}",
    "What about the {}, the {} and the {}?",
    "{} {} {} please",
    "The {} {} {}",
)


def tickets(first: int, count: int) -> list[dict[str, Any]]:
    """`count` tickets of each queue, from the `first` on; none is in two ranges."""
    rows = []
    for label, words in WORDS.items():
        for number in range(first, first + count):
            chosen = (words[number % 6], words[(number // 2 + 1) % 6], words[(number // 3 + 2) % 6])
            text = ASKED[number % 4].format(*chosen) + f" (case {number})"
            rows.append({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": label}]})
    return rows


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


class Gateway:
    """A running gateway with one organization, and its API as an administrator's key asks it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.data_dir, self.url = directory, f"http://127.0.0.1:{port}"
        self.up = Up(directory, port, "--no-demo")
        self.up.wait_for("Ctrl-C stops everything.", timeout=300)
        password = re.search(r"Sign in +admin +(\S+)", self.up.output)
        assert password is not None
        token = self.api("POST", "auth/token", {"username": "admin", "password": password[1]}, "none")["access"]
        self.api("POST", "organizations", {"slug": "acme", "name": "Acme"}, f"Bearer {token}")
        scopes = "inference,manage:read,manage:write"
        self.secret = self.manage("create_key", "--organization", "acme", "--scopes", scopes, "--json")["secret"]
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.secret, max_retries=0)

    def manage(self, *arguments: str) -> Any:
        env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        env |= {"DATA_DIR": str(self.data_dir), "PORT": self.url.rsplit(":", 1)[1], "SIM_KEY": "sk-sim"}
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    def api(self, method: str, path: str, body: Any = None, authorization: str = "") -> Any:
        headers = {"Content-Type": "application/json", "Authorization": authorization or f"Bearer {self.secret}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:2000]!r}") from None

    def until(self, what: Callable[[], Any], is_so: Callable[[Any], bool], seconds: float = 120) -> Any:
        deadline = time.monotonic() + seconds
        while not is_so(found := what()):
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
        return found


@pytest.fixture
def gateway(tmp_path: Path, simulator: SimulatorProcess) -> Iterator[Gateway]:
    directory = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    made = Gateway(directory, port)
    try:
        sim = ("--base-url", simulator.base_url, "--api-key-env", "SIM_KEY", "--organization", "acme", "--json")
        made.manage("set_provider", "sim", *sim)
        made.manage("add_model", "sim-base", "--provider", "sim", "--organization", "acme", "--json")
        yield made
        assert made.up.end() == 0
    finally:
        made.up.process.kill()
        EmbeddedPostgres(directory, say=lambda line: None).remove()


def test_from_a_file_to_a_model_that_pays(gateway: Gateway) -> None:
    client = gateway.client
    prices = {"input": "2.5", "output": "10"}
    gateway.api("POST", "prices/overrides", {
        "provider": "openai", "model": "sim-base", "prices": prices, "currency": "USD",
        "valid_from": "2026-01-01T00:00:00Z", "source": "test",
    })  # fmt: skip

    # upload, validate
    train = client.files.create(file=("train.jsonl", jsonl(tickets(0, 24))), purpose="fine-tune")
    held = client.files.create(file=("held.jsonl", jsonl(tickets(100, 40))), purpose="fine-tune")
    files = {row["name"]: row for row in gateway.api("GET", "fine-tuning/files")["results"]}
    report = gateway.api("POST", f"fine-tuning/validate-data/{files['train.jsonl']['id']}", {})
    assert report["report"]["valid"]

    # estimate
    estimates = gateway.api("POST", "fine-tuning/estimate-cost", {
        "file": files["train.jsonl"]["id"], "candidates": [{"backend": "local-head", "model": "local-head-hash"}],
        "today": {"provider": "openai", "model": "sim-base", "requests_per_month": 10_000},
    })  # fmt: skip
    (estimate,) = estimates["estimates"]
    assert (Decimal(estimate["training"]), estimate["break_even"]["months"], estimate["blocked_by"]) == (
        0,
        "0.0000",
        [],
    )

    # train and watch
    job = client.fine_tuning.jobs.create(
        model="local-head-hash", training_file=train.id, validation_file=held.id, suffix="tickets", seed=7
    )
    done = gateway.until(
        lambda: client.fine_tuning.jobs.retrieve(job.id), lambda one: one.status in ("succeeded", "failed", "cancelled")
    )
    assert done.status == "succeeded", done.error
    tuned = done.fine_tuned_model
    assert tuned is not None
    assert tuned.startswith("ft:local-head:acme:tickets:")
    events = client.fine_tuning.jobs.list_events(job.id, limit=100).data
    assert any(event.type == "metrics" for event in events)
    assert len(client.fine_tuning.jobs.checkpoints.list(job.id).data) >= 1
    ours = gateway.api("GET", "fine-tuning/jobs")["results"][0]

    # evaluate and compare
    gateway.until(lambda: [model.id for model in client.models.list().data], lambda names: tuned in names)
    project = gateway.api("GET", "projects")["results"][0]["id"]
    asked = gateway.api("POST", "fine-tuning/evaluations", {
        "project": project, "file": files["held.jsonl"]["id"], "job": ours["id"], "metrics": ["exact", "macro_f1"],
        "contestants": [{"label": "base", "model": "sim-base", "max_tokens": 5}, {"label": "tuned", "model": tuned}],
    })  # fmt: skip
    evaluation = gateway.until(
        lambda: gateway.api("GET", f"fine-tuning/evaluations/{asked['id']}"),
        lambda one: one["status"] in ("succeeded", "failed"),
    )
    assert evaluation["status"] == "succeeded", evaluation["error"]
    answers = gateway.api("GET", f"fine-tuning/evaluations/{asked['id']}/items")["results"]
    assert evaluation["result"]["verdict"], answers[:2]
    (verdict,) = evaluation["result"]["verdict"]
    assert (verdict["verdict"], verdict["few"]) == ("better", False)
    versus = gateway.api("GET", f"fine-tuning/compare/sim-base/{tuned}")
    assert versus["verdict"] == "better"

    # a limit that not all answers fit under: four are asked at once, and none passes it
    limited = gateway.api("POST", "fine-tuning/evaluations", {
        "project": project, "file": files["held.jsonl"]["id"], "metrics": ["exact"], "budget_limit": "0.002",
        "contestants": [{"label": name, "model": "sim-base", "max_tokens": 5} for name in ("one", "two")],
    })  # fmt: skip
    over = gateway.until(
        lambda: gateway.api("GET", f"fine-tuning/evaluations/{limited['id']}"),
        lambda one: one["status"] in ("succeeded", "failed"),
    )
    assert (over["status"], over["error"]) == ("failed", "Its limit of 0.002 USD is spent.")
    paid = gateway.api("GET", f"fine-tuning/evaluations/{limited['id']}/items?page_size=500")["results"]
    assert Decimal("0.0015") < sum(Decimal(one["cost"]) for one in paid if one["cost"]) <= Decimal("0.002")
    (key,) = [row for row in gateway.api("GET", "api-keys?page_size=500")["results"]
              if row["budget_amount"] is not None and Decimal(row["budget_amount"]) == Decimal("0.002")]  # fmt: skip
    assert key["revoked_at"] is not None

    # a share of a route
    (model,) = gateway.api("GET", "fine-tuning/models")["results"]
    gateway.api("POST", f"fine-tuning/models/{model['id']}/deploy", {"route": "sim-base", "share": 50})
    served: Counter[str] = Counter()

    def call() -> Counter[str]:
        content = tickets(200 + sum(served.values()), 1)[0]["messages"][0]["content"]
        answer = client.chat.completions.with_raw_response.create(
            model="sim-base", messages=[{"role": "user", "content": content}], max_tokens=5
        )
        served[answer.headers["x-gateway-model"]] += 1
        return served

    gateway.until(call, lambda seen: seen["sim-base"] >= 5 and seen[tuned] >= 5)

    # what it cost
    sums = gateway.until(
        lambda: gateway.api("GET", "fine-tuning/cost-breakdown")["sums"],
        lambda one: one["requests"] >= 120 + served[tuned],
    )
    assert (Decimal(sums["training"]), Decimal(sums["inference"])) == (0, 0)
    after = gateway.api("GET", f"fine-tuning/compare/sim-base/{tuned}")
    assert Decimal(after["base"]["cost_per_1k"]) > Decimal(after["tuned"]["cost_per_1k"]) == 0
    assert after["break_even"]["months"] is not None
    gateway.manage("verify_ledger")
