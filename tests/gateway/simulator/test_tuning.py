"""Tuning runs of the simulated provider, by the official client: phases, curves, what vendors say differently."""

import base64
import json
from typing import Any
from urllib.request import Request, urlopen

import openai
import pytest

from gateway.simulator.process import SimulatorProcess

BASE = "gpt-4.1-mini-2025-04-14"


def rows(count: int) -> bytes:
    chats = ({"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "Yes."}]}
             for n in range(count))  # fmt: skip
    return b"".join(json.dumps(chat).encode() + b"\n" for chat in chats)


def start(client: openai.OpenAI, data: bytes = b"", **fields: Any) -> Any:
    file = client.files.create(file=("train.jsonl", data or rows(12)), purpose="fine-tune").id
    return client.fine_tuning.jobs.create(**({"model": BASE, "training_file": file} | fields))


def test_a_run_goes_on_each_time_it_is_asked_about(openai_client: openai.OpenAI) -> None:
    method: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 5, "batch_size": 4}}}
    made = start(openai_client, method=method, suffix="bot")

    seen = [openai_client.fine_tuning.jobs.retrieve(made.id).status for _ in range(6)]

    assert (made.status, seen) == (
        "validating_files",
        ["queued", "running", "running", "running", "running", "succeeded"],
    )
    done = openai_client.fine_tuning.jobs.retrieve(made.id)
    assert (done.trained_tokens, done.hyperparameters.n_epochs) == (5 * 12 * 7, 5)  # epochs × rows × tokens
    kept = openai_client.fine_tuning.jobs.checkpoints.list(made.id).data
    assert [one.step_number for one in kept] == [15, 12, 9]
    content = base64.b64decode(openai_client.files.content(done.result_files[0]).read()).decode()
    assert content.splitlines()[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert len(content.splitlines()) == 16
    answer = openai_client.chat.completions.create(
        model=done.fine_tuned_model or "", messages=[{"role": "user", "content": "Hi"}], max_tokens=2
    )
    assert answer.model == done.fine_tuned_model


def test_the_same_wishes_give_the_same_curve(openai_client: openai.OpenAI, fresh_simulator: SimulatorProcess) -> None:
    def curve() -> list[Any]:
        fresh_simulator.reset()
        made = start(openai_client)
        for _ in range(6):
            openai_client.fine_tuning.jobs.retrieve(made.id)
        return [event.data for event in openai_client.fine_tuning.jobs.list_events(made.id) if event.type == "metrics"]

    first = curve()

    assert len(first) > 10
    assert first == curve()


@pytest.mark.parametrize(
    ("data", "suffix", "code"),
    [(rows(9), "", "invalid_training_file"), (rows(11) + b"{\n", "", "invalid_training_file"),
     (rows(12), "sim-fail", "server_error")],
)  # fmt: skip
def test_a_run_fails(openai_client: openai.OpenAI, data: bytes, suffix: str, code: str) -> None:
    made = start(openai_client, data, **({"suffix": suffix} if suffix else {}))

    for _ in range(6):
        seen = openai_client.fine_tuning.jobs.retrieve(made.id)

    assert (seen.status, seen.error and seen.error.code, seen.fine_tuned_model) == ("failed", code, None)


def test_pause_resume_cancel(openai_client: openai.OpenAI) -> None:
    jobs = openai_client.fine_tuning.jobs
    made = start(openai_client)
    with pytest.raises(openai.BadRequestError):
        jobs.pause(made.id)
    for _ in range(3):
        jobs.retrieve(made.id)

    assert jobs.pause(made.id).status == "paused"
    assert jobs.retrieve(made.id).status == "paused"
    assert jobs.resume(made.id).status == "running"
    assert jobs.cancel(made.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        jobs.cancel(made.id)


def dated(path: str) -> Any:
    request = Request(f"{path}?api-version=2024-10-21", headers={"api-key": "k"})
    with urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def test_azure_says_it_differently(simulator: SimulatorProcess) -> None:
    with openai.OpenAI(base_url=f"{simulator.url}/openai/v1", api_key="k", max_retries=0) as client:
        made = start(client)
        path = f"{simulator.url}/openai/fine_tuning/jobs/{made.id}"
        first = dated(path)
        for _ in range(5):
            done = dated(path)
        messages = [event["message"] for event in dated(f"{path}/events")["data"]]

    assert (made.status, first["status"], first["method"], first["result_files"]) == ("pending", "pending", None, None)
    assert (first["organization_id"], first["hyperparameters"]["learning_rate_multiplier"]) == (None, -1)
    assert (done["status"], done["error"], done["trained_tokens"]) == ("succeeded", {}, 1_344)
    assert "Training tokens billed: 1000" in messages  # 8 × 12 × 7, in steps of a thousand


def test_time_is_an_option() -> None:
    with (
        SimulatorProcess(latency_ms=0, tuning_ms=3_600_000) as slow,
        openai.OpenAI(base_url=slow.base_url, api_key="k") as client,
    ):
        made = start(client)

        assert [client.fine_tuning.jobs.retrieve(made.id).status for _ in range(8)] == ["validating_files"] * 8
