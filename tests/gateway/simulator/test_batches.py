"""OpenAI's files and batches, by the official client."""

import json

import openai
import pytest

from gateway.simulator.process import SimulatorProcess


def line(custom_id: str, *, url: str = "/v1/chat/completions", **body: object) -> str:
    fields = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3, **body}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": fields})


def upload(client: openai.OpenAI, *lines: str) -> str:
    return client.files.create(file=("in.jsonl", "\n".join(lines).encode()), purpose="batch").id


def start(client: openai.OpenAI, file_id: str) -> openai.types.Batch:
    return client.batches.create(input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h")


def test_files(openai_client):
    made = openai_client.files.create(file=("in.jsonl", b"{}\n"), purpose="batch")

    assert (made.bytes, made.filename, made.purpose, made.status) == (3, "in.jsonl", "batch", "processed")
    assert openai_client.files.retrieve(made.id) == made
    assert openai_client.files.content(made.id).read() == b"{}\n"
    assert made.id in [file.id for file in openai_client.files.list()]
    assert openai_client.files.delete(made.id).deleted is True
    with pytest.raises(openai.NotFoundError):
        openai_client.files.retrieve(made.id)


def test_batch_answers_each_line(openai_client):
    file_id = upload(openai_client, line("a"), line("b", model="missing"), line("c"))
    made = start(openai_client, file_id)
    done = openai_client.batches.retrieve(made.id)

    assert (made.status, done.status) == ("validating", "completed")
    assert done.request_counts.model_dump() == {"total": 3, "completed": 2, "failed": 1}
    assert (done.usage.input_tokens, done.usage.output_tokens) == (14, 6)
    output = [json.loads(text) for text in openai_client.files.content(done.output_file_id).text.splitlines()]
    assert [entry["custom_id"] for entry in output] == ["a", "c"]
    assert output[0]["response"]["body"]["usage"]["completion_tokens"] == 3
    failed = json.loads(openai_client.files.content(done.error_file_id).text)
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("b", 404)


def test_batch_waits_in_each_state():
    with SimulatorProcess(latency_ms=1) as simulator, openai.OpenAI(base_url=simulator.base_url, api_key="k") as client:
        made = start(client, upload(client, line("a")))

        assert client.batches.retrieve(made.id).status == "validating"
        assert client.batches.cancel(made.id).status == "cancelling"
        assert client.batches.retrieve(made.id).status == "cancelled"


def test_lists_are_paged(openai_client, fresh_simulator):
    file_id = upload(openai_client, line("a"))
    made = [start(openai_client, file_id).id for _ in range(3)]

    first = openai_client.batches.list(limit=2)
    assert [batch.id for batch in first.data] == made[:0:-1]
    assert [batch.id for batch in first] == made[::-1]


def test_bad_lines_fail_the_batch(openai_client):
    file_id = upload(openai_client, "{", line("a"), line("a"), line("b", url="/v1/embeddings"))

    failed = start(openai_client, file_id)

    assert failed.status == "failed"
    assert [(error.line, error.code) for error in failed.errors.data] == [
        (1, "invalid_json_line"),
        (3, "duplicate_custom_id"),
        (4, "mismatched_endpoint"),
    ]


def test_files_and_batches_belong_to_their_key(openai_client, simulator):
    file_id = upload(openai_client, line("a"))
    batch = start(openai_client, file_id)

    with openai.OpenAI(base_url=simulator.base_url, api_key="another", max_retries=0) as stranger:
        for ask in (lambda: stranger.files.retrieve(file_id), lambda: stranger.batches.retrieve(batch.id)):
            with pytest.raises(openai.NotFoundError):
                ask()
