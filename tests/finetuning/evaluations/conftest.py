"""The company, files of chats, and the simulated provider in the place of the gateway that is asked."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from finetuning.models import TuningFile
from finetuning.services.files import create_file
from gateway.simulator.process import SimulatorProcess
from tests.factories import Acme, acme, offer
from tests.finetuning.answers.conftest import make_file, make_job, make_tuned  # noqa: F401

Chats = Callable[..., TuningFile]


@pytest.fixture
def company(db: None) -> Acme:
    """With models that the simulator answers for."""
    company = acme()
    offer(company, "sim-one", "sim-two", "sim-dying", "no-such-model")
    return company


@pytest.fixture(autouse=True)
def _asked_at_the_simulator(settings: Any, simulator: SimulatorProcess) -> None:
    settings.GATEWAY_INTERNAL_URL = simulator.url


@pytest.fixture
def chats(company: Acme) -> Chats:
    """`chats(("question", "answer"), …)`: a file of them."""

    def make(*pairs: tuple[str, str], name: str = "held-out.jsonl") -> TuningFile:
        lines = [
            orjson.dumps({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]})
            for asked, said in pairs
        ]
        return create_file(
            project=company.assistant, name=name, purpose="fine-tune", content=[b"\n".join(lines)], created_by=None,
            actor=None,
        )  # fmt: skip

    return make
