"""A data plane with a console beside it, as they run, and one with tuned models that are rows."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import orjson
import pytest

from finetuning.dicl import Bank
from finetuning.localhead import Example, Head, Options, Training
from gateway import credentials
from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.gateway.dataplane.conftest import Recorder, World, stack, world  # noqa: F401  (fixtures)
from tests.gateway.dataplane.stack import ROOT, Stack

CONSOLES: dict[int, "subprocess.Popen[bytes]"] = {}
"""By the port of their data plane."""
COLORS = [
    Example("a deep sea", "blue"), Example("the clear sky", "blue"), Example("sea and sky", "blue"),
    Example("a ripe tomato", "red"), Example("the fire burns", "red"), Example("fire and tomato", "red"),
]  # fmt: skip


def head_of(examples: Sequence[Example] = COLORS, **options: int) -> Head:
    training = Training(examples, options=Options(**options))
    for _ in training.epochs():
        pass
    return training.head()


class AnthropicRecorder(Recorder):
    ANSWER = (
        b'{"id":"msg_1","type":"message","role":"assistant","model":"recorded","content":[{"type":"text","text":"ok"}],'
        b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}'
    )


@dataclass
class Tuned:
    """A stack with one organization. `secret`: its key; `provider`: of its local heads; `base`: the simulator's."""

    stack: Stack
    organization: str
    project: str
    secret: str
    provider: str
    base: str

    def head(self, name: str, head: Head, *, organization: str = "", provider: str = "", **serving: Any) -> str:
        """Serve a head under `name`; returns the id of its row."""
        owner, place = organization or self.organization, provider or self.provider
        model = self.stack.model(place, name, organization=owner)
        return self._tuned(owner, name, "local-head", place, model, head.to_bytes(), serving)

    def bank(
        self, name: str, bank: Bank, provider: str, upstream: str, context: int | None = None, **serving: Any
    ) -> None:
        """Show the examples of a bank to `upstream` of a provider under `name`."""
        model = self.stack.insert(
            "gateway_model", provider_id=provider, name=name, upstream_name=upstream, capabilities=[],
            is_enabled=True, organization_id=self.organization, context_tokens=context,
        )  # fmt: skip
        kept = credentials.encrypt_bytes(bank.to_bytes())
        self._tuned(self.organization, name, "dicl", provider, model, kept, serving)

    def replace(self, identity: str, head: Head) -> None:
        """Another artifact in the same row."""
        data = head.to_bytes()
        with self.stack.connect() as connection:
            connection.execute(
                "UPDATE finetuning_tunedmodel SET artifact = %s, artifact_sha256 = %s WHERE id = %s",
                [data, hashlib.sha256(data).hexdigest(), identity],
            )
        self.stack.wait_until_current()

    def _tuned(
        self, organization: str, name: str, backend: str, provider: str, model: str, artifact: bytes,
        serving: Mapping[str, Any],
    ) -> str:  # fmt: skip
        identity = self.stack.insert(
            "finetuning_tunedmodel", organization_id=organization, project_id=self.project, name=name,
            backend=backend, provider_id=provider, base_model="", catalog_model_id=model,
            serving=orjson.dumps(serving).decode(), artifact=artifact,
            artifact_sha256=hashlib.sha256(artifact).hexdigest(), sunset_source="",
        )  # fmt: skip
        self.stack.wait_until_current()
        return identity


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory, simulator: SimulatorProcess) -> Iterator[Tuned]:
    url = template.create(f"tuned_{os.getpid()}")
    stack = Stack(Path(tmp_path_factory.mktemp("tuned")), url, simulator)  # noqa: F811
    stack.start()
    organization = stack.organization("demo")
    project = stack.project(organization)
    provider = stack.provider("heads", kind="local-head", base_url="https://local-head.invalid", credential=None,
                              organization_id=organization)  # fmt: skip
    base = stack.provider("openai", organization_id=organization)
    stack.model(base, "gpt-4o-mini", organization=organization)
    with stack.connect() as connection:
        connection.execute(
            "INSERT INTO costs_priceoverride (id, organization_id, provider, model, prices, currency, valid_from,"
            " source, note, created_at)"
            " VALUES (gen_random_uuid(), %s, 'local-head', '*', %s, 'USD', '2026-01-01', '', '', now())",
            [organization, '{"input": "0", "output": "0"}'],
        )
    secret, _ = stack.key(organization, project)
    stack.wait_until_current()
    yield Tuned(stack, organization, project, secret, provider, base)
    stack.close()


@pytest.fixture(scope="session")
def with_console(world: World) -> Iterator[World]:  # noqa: F811
    """The world, whose data plane has its console now."""
    stack = world.stack  # noqa: F811
    path = stack.data_dir / "run" / "console.sock"
    path.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--uds", str(path)]
    with (stack.data_dir / "console.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--log-level", "warning"], cwd=ROOT, env=stack.environment(), stdout=log, stderr=log
        )
        stack.wait_for(lambda: stack.get("/api/openai/v1/files").status == 401, 60)
        CONSOLES[stack.port] = process
        yield world
        process.terminate()
        process.wait(20)


def client_of(world: World, secret: str = "") -> openai.OpenAI:  # noqa: F811
    return openai.OpenAI(
        base_url=f"http://127.0.0.1:{world.stack.port}/v1", api_key=secret or world.secret, max_retries=0
    )


@pytest.fixture
def client(with_console: World) -> Iterator[openai.OpenAI]:
    with client_of(with_console) as client:
        yield client
