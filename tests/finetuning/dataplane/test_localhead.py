"""A local head answers through the gateway like any model, free of charge, and leaves to others what it cannot tell."""

import json
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

from finetuning.localhead import Example
from tests.finetuning.dataplane.conftest import COLORS, Tuned, head_of
from tests.gateway.dataplane.stack import Answer

HEAD = head_of()
OTHERS = [Example(each.text, {"blue": "cold", "red": "warm"}[each.label]) for each in COLORS]


@pytest.fixture(scope="session")
def colors(tuned: Tuned) -> Tuned:
    tuned.head("ft:local-head:demo:colors:1", HEAD)
    tuned.head("ft:local-head:demo:unsure:1", HEAD, threshold=0.99, fallback="gpt-4o-mini")
    tuned.head("ft:local-head:demo:alone:1", HEAD, threshold=0.99)
    return tuned


def ask(tuned: Tuned, model: str, text: str = "the deep sea", **fields: Any) -> Answer:
    return tuned.stack.chat(tuned.secret, model, text, **fields)


def test_the_label_is_the_answer(colors: Tuned) -> None:
    answer = ask(colors, "ft:local-head:demo:colors:1")

    body = answer.json()
    assert answer.status == 200
    assert body["choices"] == [
        {
            "index": 0, "message": {"role": "assistant", "content": "blue", "refusal": None}, "logprobs": None,
            "finish_reason": "stop",
        }
    ]  # fmt: skip
    assert (body["object"], body["model"]) == ("chat.completion", "ft:local-head:demo:colors:1")
    # 3 + 3 + "user" (1) + "the deep sea" (3), and "blue" (1): four bytes a token
    assert body["usage"] == {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
    assert answer.headers["x-gateway-confidence"] == f"{HEAD.answer('the deep sea').confidence:.4f}"
    assert answer.headers["x-gateway-provider"] == "heads"
    assert Decimal(answer.headers["x-gateway-cost"]) == 0


def test_its_line_is_free_and_counted(colors: Tuned) -> None:
    answer = ask(colors, "ft:local-head:demo:colors:1")

    (line,) = colors.stack.lines(answer.headers["x-request-id"])
    assert (line["kind"], line["status"], line["is_final"], line["http_status"]) == ("attempt", "ok", True, 200)
    assert (line["price_status"], line["cost"]) == ("free", Decimal(0))
    assert (line["usage_source"], line["input_tokens"], line["output_tokens"]) == ("counted", 10, 1)
    assert (line["provider"], line["model_served"]) == ("heads", "ft:local-head:demo:colors:1")


def test_log_probabilities_are_the_shares_of_the_labels(colors: Tuned) -> None:
    answer = ask(colors, "ft:local-head:demo:colors:1", logprobs=True, top_logprobs=2)

    (token,) = answer.json()["choices"][0]["logprobs"]["content"]
    assert (token["token"], bytes(token["bytes"])) == ("blue", b"blue")
    assert [other["token"] for other in token["top_logprobs"]] == ["blue", "red"]
    assert token["logprob"] == token["top_logprobs"][0]["logprob"] > token["top_logprobs"][1]["logprob"]


def test_a_stream(colors: Tuned) -> None:
    base_url = f"http://127.0.0.1:{colors.stack.port}/v1"
    with openai.OpenAI(base_url=base_url, api_key=colors.secret, max_retries=0) as client:
        stream = client.chat.completions.create(
            model="ft:local-head:demo:colors:1", messages=[{"role": "user", "content": "ripe tomato"}], stream=True,
            stream_options={"include_usage": True},
        )  # fmt: skip
        chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "red"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices] == [None, None, "stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 1


def test_a_stream_leaves_out_usage_that_nobody_asked_for(colors: Tuned) -> None:
    answer = ask(colors, "ft:local-head:demo:colors:1", stream=True)

    events = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert all("usage" not in json.loads(event) for event in events[:-1])
    (line,) = colors.stack.lines(answer.headers["x-request-id"])
    assert (line["is_stream"], line["usage_source"], line["input_tokens"]) == (True, "counted", 10)


def test_clients_of_other_formats(colors: Tuned) -> None:
    base_url = f"http://127.0.0.1:{colors.stack.port}"
    with anthropic.Anthropic(base_url=base_url, api_key=colors.secret, max_retries=0) as client:
        message = client.messages.create(
            model="ft:local-head:demo:colors:1", max_tokens=5, messages=[{"role": "user", "content": "ripe tomato"}]
        )
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key=colors.secret, max_retries=0) as other:
        response = other.responses.create(model="ft:local-head:demo:colors:1", input="clear sky")

    assert [block.text for block in message.content if block.type == "text"] == ["red"]
    assert response.output_text == "blue"


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_below_the_threshold_the_fallback_answers(colors: Tuned, is_stream: bool) -> None:
    answer = ask(colors, "ft:local-head:demo:unsure:1", "漢字", stream=is_stream)

    assert answer.status == 200
    assert answer.headers["x-gateway-model"] == "gpt-4o-mini"
    assert answer.headers["x-gateway-fallback"] == "low_confidence"
    assert answer.headers["x-gateway-confidence"].startswith("0.5")
    assert answer.headers["x-gateway-attempts"] == "2"
    first, second = colors.stack.lines(answer.headers["x-request-id"])
    assert (first["model_served"], first["status"], first["error_type"], first["is_final"]) == (
        "ft:local-head:demo:unsure:1", "cancelled", "low_confidence", False,
    )  # fmt: skip
    assert (first["price_status"], first["cost"]) == ("free", Decimal(0))
    assert (second["model_served"], second["status"], second["is_final"]) == ("gpt-4o-mini", "ok", True)
    assert second["price_status"] == "priced"
    assert second["cost"] > 0


def test_declining_is_no_failure_of_the_head(colors: Tuned) -> None:
    answers = [ask(colors, "ft:local-head:demo:unsure:1", "漢字") for _ in range(8)]

    assert [answer.headers["x-gateway-fallback"] for answer in answers] == ["low_confidence"] * 8  # breaker is closed


def test_above_the_threshold_the_head_answers_alone(colors: Tuned) -> None:
    colors.head("ft:local-head:demo:bold:1", HEAD, threshold=0.6, fallback="gpt-4o-mini")
    answer = ask(colors, "ft:local-head:demo:bold:1")

    assert answer.json()["choices"][0]["message"]["content"] == "blue"
    assert "x-gateway-fallback" not in answer.headers
    assert len(colors.stack.lines(answer.headers["x-request-id"])) == 1


def test_without_a_fallback_the_head_answers_however_unsure(colors: Tuned) -> None:
    answer = ask(colors, "ft:local-head:demo:alone:1", "漢字")

    assert answer.status == 200
    assert answer.headers["x-gateway-confidence"].startswith("0.5")


def test_in_a_route_the_next_target_is_the_fallback(colors: Tuned) -> None:
    stack = colors.stack
    with stack.connect() as connection:
        rows = connection.execute("SELECT id, name FROM gateway_model").fetchall()
    ids = {row["name"]: str(row["id"]) for row in rows}
    stack.route("colors", [ids["ft:local-head:demo:alone:1"], ids["gpt-4o-mini"]], organization_id=colors.organization)
    stack.wait_until_current()

    answer = ask(colors, "colors", "漢字")

    assert answer.headers["x-gateway-model"] == "gpt-4o-mini"
    assert answer.headers["x-gateway-fallback"] == "low_confidence"


def test_a_head_that_is_trained_anew_answers_anew(colors: Tuned) -> None:
    identity = colors.head("ft:local-head:demo:renewed:1", HEAD)
    assert ask(colors, "ft:local-head:demo:renewed:1").json()["choices"][0]["message"]["content"] == "blue"

    colors.replace(identity, head_of(OTHERS))

    assert ask(colors, "ft:local-head:demo:renewed:1").json()["choices"][0]["message"]["content"] == "cold"


def test_an_artifact_that_was_tampered_with_is_not_used(colors: Tuned) -> None:
    identity = colors.head("ft:local-head:demo:broken:1", HEAD)
    with colors.stack.connect() as connection:
        connection.execute(
            "UPDATE finetuning_tunedmodel SET artifact = %s, artifact_sha256 = %s WHERE id = %s",
            [b"other bytes", "0" * 64, identity],
        )
    colors.stack.wait_until_current()

    answer = ask(colors, "ft:local-head:demo:broken:1")

    assert (answer.status, answer.error_code) == (502, "upstream_error")
    (line,) = colors.stack.lines(answer.headers["x-request-id"])
    assert (line["status"], line["error_type"], line["cost"]) == ("upstream_error", "artifact_unavailable", Decimal(0))


def test_an_archived_head_answers_no_more(colors: Tuned) -> None:
    identity = colors.head("ft:local-head:demo:gone:1", HEAD)
    with colors.stack.connect() as connection:
        connection.execute("UPDATE finetuning_tunedmodel SET archived_at = now() WHERE id = %s", [identity])
    colors.stack.wait_until_current()

    answer = ask(colors, "ft:local-head:demo:gone:1")

    assert (answer.status, answer.error_code) == (404, "model_not_found")


def test_nobody_reaches_a_head_of_another_organization(colors: Tuned) -> None:
    stack = colors.stack
    other = stack.organization("globex")
    secret, _ = stack.key(other, stack.project(other))
    provider = stack.provider("theirs", kind="local-head", base_url="https://local-head.invalid", organization_id=other)
    stack.model(provider, "ft:local-head:demo:colors:1", organization=other)  # the same name, nothing behind it
    stack.wait_until_current()

    answer = stack.chat(secret, "ft:local-head:demo:colors:1")

    assert (answer.status, answer.error_code) == (404, "model_not_found")
