"""Azure OpenAI's format, by the official client's Azure class and by raw bytes."""

from collections.abc import Iterator

import openai
import pytest

from gateway.simulator.process import SimulatorProcess
from tests.gateway.simulator.raw import ask, fetch


@pytest.fixture
def client(fresh_simulator: SimulatorProcess) -> Iterator[openai.AzureOpenAI]:
    with openai.AzureOpenAI(
        azure_endpoint=fresh_simulator.url, api_key="azure-key", api_version="2024-10-21", max_retries=0, timeout=10
    ) as made:
        yield made


def test_deployment_stands_for_the_model(client, fresh_simulator):
    answer = client.chat.completions.create(**ask(max_tokens=3))

    assert answer.usage.completion_tokens == 3
    assert answer.choices[0].content_filter_results["hate"] == {"filtered": False, "severity": "safe"}
    record = fresh_simulator.records()[-1]
    assert (record["path"], record["model"]) == ("/openai/deployments/gpt-4o/chat/completions", "gpt-4o")


def test_stream_begins_with_the_filter_results(client):
    first, *chunks = client.chat.completions.create(**ask(max_tokens=3, stream=True))

    assert first.choices == []
    assert first.prompt_filter_results[0]["prompt_index"] == 0
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) == 3


def test_embeddings(client):
    answer = client.embeddings.create(model="text-embedding-3-small", input="hello", dimensions=4)

    assert len(answer.data[0].embedding) == 4


def test_v1_surface_needs_no_version(simulator):
    base = f"{simulator.url}/openai/v1/"
    with openai.OpenAI(base_url=base, api_key="azure-key", max_retries=0) as client:
        assert client.chat.completions.create(**ask(max_tokens=1)).usage.completion_tokens == 1
        assert client.responses.create(model="gpt-4o", input="hello", max_output_tokens=16).status == "incomplete"
        assert "gpt-4o" in [model.id for model in client.models.list()]


def test_blocked_prompt(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**ask("sim-fault-prompt-blocked"))

    assert caught.value.code == "content_filter"
    inner = caught.value.body["innererror"]
    assert inner["code"] == "ResponsibleAIPolicyViolation"
    assert inner["content_filter_result"]["violence"] == {"filtered": True, "severity": "high"}


def test_refusals(client, simulator):
    path = "/openai/deployments/gpt-4o/chat/completions"
    key = {"api-key": "k"}

    assert fetch(simulator, f"{path}?api-version=2024-10-21", ask(), headers={}).json()["error"]["code"] == "401"
    assert fetch(simulator, path, ask(), headers=key).json() == {
        "error": {"code": "404", "message": "Resource not found"}
    }
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(**ask("missing"))
    assert caught.value.code == "DeploymentNotFound"
    with pytest.raises(openai.RateLimitError, match="Please retry after 9 seconds"):
        client.chat.completions.create(**ask("sim-fault-error-429@9"))


def test_models(simulator):
    listed = fetch(simulator, "/openai/models?api-version=2024-10-21", headers={"api-key": "k"}).json()

    assert "gpt-4o" in [model["id"] for model in listed["data"]]
