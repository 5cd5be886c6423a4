"""`try_load`: calls at a rate, and what it says when they fail or are slow. What it calls is the simulated provider."""

import pytest
from django.core.management import CommandError, call_command

from config.tryload import Trial, quantile
from gateway.simulator.process import SimulatorProcess
from tests.gateway.dataplane.stack import free_port


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "sk-any")


def test_calls_at_a_rate(simulator: SimulatorProcess, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("try_load", url=simulator.url, model="sim-default", rate=20, seconds=0.5)

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("10 calls, 20 a second: ")
    assert "p99" in first
    assert "processors here were" in second


@pytest.mark.parametrize(
    ("key", "model", "said"),
    [("sk-any", "no-such-model", "2 of 2 calls failed: 2 × 404 model_not_found"), ("sk-invalid", "sim-default", "401")],
)
def test_refused_calls_fail(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch, key: str, model: str, said: str
) -> None:
    monkeypatch.setenv("GATEWAY_KEY", key)

    with pytest.raises(CommandError, match=said):
        call_command("try_load", url=simulator.url, model=model, rate=20, seconds=0.1)


def test_nobody_answers() -> None:
    with pytest.raises(CommandError, match="1 of 1 calls failed: 1 × ConnectionRefusedError"):
        call_command("try_load", url=f"http://127.0.0.1:{free_port()}", model="m", rate=10, seconds=0.1)


def test_slow_answers_fail() -> None:
    with (
        SimulatorProcess(latency_ms=300, tokens_per_s=0) as slow,
        pytest.raises(CommandError, match="Too slow: one call"),
    ):
        call_command("try_load", url=slow.url, model="sim-default", rate=10, seconds=0.3, within_ms=20)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"url": "gateway.example.com"}, "no http or https address"), ({"rate": 0}, "have to be above 0")],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("try_load", **{"url": "http://127.0.0.1", "model": "m", "rate": 1, **options})


def test_without_a_key_it_says_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_KEY")

    with pytest.raises(CommandError, match="GATEWAY_KEY is not set"):
        call_command("try_load", model="m", rate=1)


def test_a_sender_that_is_late_itself_is_told() -> None:
    assert Trial(late_ms=[1.0] * 99 + [150.0]).is_sender_late
    assert not Trial(late_ms=[1.0] * 100).is_sender_late
    assert (quantile([], 0.99), quantile([3.0, 1.0, 2.0], 0.5)) == (0.0, 2.0)
