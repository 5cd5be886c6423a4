"""One data plane per test process, with its own migrated database, a provider, models and a key."""

import itertools
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.gateway.dataplane.stack import Stack

STACKS = itertools.count()
"""Several folders of tests have one each in a process."""
FAULTS = [
    *(
        "error-400",
        "error-401",
        "error-403",
        "error-404",
        "error-429",
        "error-500",
        "error-503",
        "hang",
        "slow-first-byte",
    ),
    *("hang-after-first", "cut-stream", "error-in-stream", "malformed-chunk", "cut-body", "lying-length", "bad-json"),
    *("empty-body", "no-usage", "usage-in-last-choice-chunk", "duplicate-usage", "running-usage", "crlf-lines"),
    *("split-utf8", "close-idle", "stale-idle", "reset"),
]


@dataclass
class World:
    """The stack and the credentials most tests use."""

    stack: Stack
    organization: str
    project: str
    secret: str
    key_id: str


class Recorder:
    """An upstream that keeps what it is sent, byte for byte, and answers the same to everybody."""

    ANSWER = (
        b'{"id":"x","object":"chat.completion","created":1,"model":"recorded","choices":[{"index":0,"message":'
        b'{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,'
        b'"completion_tokens":1,"total_tokens":2}}'
    )

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as stream:
                head = b"".join(iter(stream.readline, b"\r\n")).decode()
                length = next(
                    int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")
                )
                self.heads.append(head)
                self.bodies.append(stream.read(length))
                peer.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: "
                    + str(len(self.ANSWER)).encode() + b"\r\n\r\n" + self.ANSWER
                )  # fmt: skip


@pytest.fixture(scope="session")
def _recorder(world: "World") -> Iterator[Recorder]:
    recorder = Recorder()
    stack = world.stack
    stack.insert("gateway_allowedupstream", host="127.0.0.1", port=recorder.port, note="")
    provider = stack.provider("recorder", base_url=f"http://127.0.0.1:{recorder.port}/v1")
    stack.model(provider, "recorded")
    stack.model(provider, "recorded-alias", "recorded")
    stack.wait_until_current()
    yield recorder
    recorder.socket.close()


@pytest.fixture
def recorder(_recorder: Recorder) -> Recorder:
    _recorder.bodies.clear()
    _recorder.heads.clear()
    return _recorder


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, simulator: SimulatorProcess) -> Iterator[Stack]:
    data_dir = tmp_path_factory.mktemp("dataplane")
    url = template.create(f"dataplane_{os.getpid()}_{next(STACKS)}")
    stack = Stack(Path(data_dir), url, simulator, {"GATEWAY_BODY_TIMEOUT_S": "2", "GATEWAY_STALE_AFTER_S": "3"})
    stack.start()
    yield stack
    stack.close()


@pytest.fixture(scope="session")
def world(stack: Stack) -> World:
    organization = stack.organization("demo")
    project = stack.project(organization)
    provider = stack.provider("openai")
    for name in (
        "gpt-4o",
        "gpt-4o-mini",
        "text-embedding-3-small",
        "sim-unpriced",
        "sim-paced-50x5",
        "sim-paced-3x400",
    ):
        stack.model(provider, name)
    stack.model(provider, "renamed", "gpt-4o-mini")
    for fault in FAULTS:
        stack.model(provider, f"sim-fault-{fault}", f"sim-fault-{fault}")
    secret, key_id = stack.key(organization, project)
    stack.wait_until_current()
    return World(stack, organization, project, secret, key_id)
