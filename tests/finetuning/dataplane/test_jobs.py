"""`/v1/fine_tuning/jobs` with the official client, through both processes: from a file to a model that answers."""

import subprocess
import sys
from typing import Any

import openai
import pytest

from tests.finetuning.dataplane.conftest import client_of
from tests.finetuning.dataplane.test_files import training, upload
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import ROOT

BASE = "gpt-4o-mini-2024-07-18"


def follow(world: World) -> None:
    """What the background does, until no job is open."""
    command = [sys.executable, "-m", "tests.finetuning.jobs.scheduler"]
    subprocess.run(command, cwd=ROOT, env=world.stack.environment(), check=True, timeout=120)


def start(client: openai.OpenAI, **fields: Any) -> Any:
    asked = {"model": BASE, "training_file": upload(client, training(12)).id} | fields
    return client.fine_tuning.jobs.create(**asked)


@pytest.mark.slow
def test_the_whole_way(client: openai.OpenAI, with_console: World) -> None:
    held_out = upload(client, training(10, "Other"), "valid.jsonl")
    method: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4, "batch_size": 3}}}
    made = start(client, validation_file=held_out.id, method=method, suffix="bot", seed=7, metadata={"a": "b"})

    assert made.id.startswith("ftjob-")
    assert (made.status, made.model, made.seed, made.metadata) == ("validating_files", BASE, 7, {"a": "b"})
    assert made.hyperparameters.n_epochs == 4

    follow(with_console)

    done = client.fine_tuning.jobs.retrieve(made.id)
    assert (done.status, done.error, done.method.type) == ("succeeded", None, "supervised")
    assert done.fine_tuned_model is not None
    assert done.fine_tuned_model.startswith(f"ft:{BASE}:acme:bot:")
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"a": "b"})] == [made.id]
    [result] = done.result_files
    assert client.files.retrieve(result).purpose == "fine-tune-results"

    events = list(client.fine_tuning.jobs.list_events(made.id, limit=5))  # pages
    assert len({event.id for event in events}) == len(events) > 16
    steps = [event.data["step"] for event in events if event.type == "metrics"]
    assert sorted(steps) == list(range(1, 17))
    kept = list(client.fine_tuning.jobs.checkpoints.list(made.id))
    assert [one.step_number for one in kept] == [16, 12, 8]
    assert kept[0].fine_tuned_model_checkpoint == done.fine_tuned_model

    def answers() -> bool:
        try:
            answer = client.chat.completions.create(
                model=done.fine_tuned_model or "", messages=[{"role": "user", "content": "Hi"}], max_tokens=3
            )
        except openai.NotFoundError:
            return False  # the data plane follows within two seconds
        return answer.model == done.fine_tuned_model

    with_console.stack.wait_for(answers, 20)


def test_cancel(client: openai.OpenAI) -> None:
    made = start(client)

    assert client.fine_tuning.jobs.cancel(made.id).status == "cancelled"
    with pytest.raises(openai.ConflictError):
        client.fine_tuning.jobs.cancel(made.id)


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "no-such-model"}, 404, "model"), ({"training_file": "file-ft-0"}, 400, "training_file"),
        ({"method": {"type": "guess"}}, 400, "method.type"),
        ({"hyperparameters": {"epochs": 3}}, 400, "hyperparameters.epochs"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, 400, "integrations"),
        ({"model": "gpt-3.5-turbo"}, 404, "model"),
    ],
)  # fmt: skip
def test_what_is_refused(client: openai.OpenAI, fields: dict[str, Any], status: int, param: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        start(client, **fields)

    assert (refused.value.status_code, refused.value.param) == (status, param)


def test_jobs_belong_to_their_project(client: openai.OpenAI, with_console: World) -> None:
    made = start(client)
    stack = with_console.stack
    secret, _ = stack.key(with_console.organization, stack.project(with_console.organization, "strangers"))

    with client_of(with_console, secret) as stranger:
        assert list(stranger.fine_tuning.jobs.list()) == []
        for ask in (stranger.fine_tuning.jobs.retrieve, stranger.fine_tuning.jobs.cancel):
            with pytest.raises(openai.NotFoundError):
                ask(made.id)
        with pytest.raises(openai.BadRequestError, match="No such file"):
            stranger.fine_tuning.jobs.create(model=BASE, training_file=made.training_file)
    client.fine_tuning.jobs.cancel(made.id)
