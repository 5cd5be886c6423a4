"""The simulated provider as a real process; `tests/conftest.py` loads this module as a plugin."""

from collections.abc import Iterator

import openai
import pytest

from gateway.simulator.process import SimulatorProcess


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One simulator per test process, without delays, with a log file."""
    log = tmp_path_factory.mktemp("simulator") / "requests.jsonl"
    with SimulatorProcess(latency_ms=0, tokens_per_s=0, log=log) as process:
        yield process


@pytest.fixture
def fresh_simulator(simulator: SimulatorProcess) -> Iterator[SimulatorProcess]:
    """The shared simulator with nothing counted, cached or scripted, and its options as they were afterwards."""
    simulator.reset()
    yield simulator
    simulator.configure(latency_ms=0, tokens_per_s=0, error_rate=0.0, rpm=0, tpm=0, seed=7, any_model=False)
    simulator.reset()


@pytest.fixture
def openai_client(simulator: SimulatorProcess) -> Iterator[openai.OpenAI]:
    """The official client, pointed straight at the simulator, without retries."""
    with openai.OpenAI(base_url=simulator.base_url, api_key="sk-test", max_retries=0, timeout=10) as client:
        yield client
